"""Bad multipart bodies: no boundary, cut, too many parts, heads too large, forms in forms."""

from collections.abc import Iterator, Sequence

from .requests import Case, case, form

KIND = "multipart/form-data"
FILE = '; name="image"; filename="a.jpg"'


def of_forms(good: bytes) -> Iterator[Case]:
    """All of them. good: an image that is answered in a right form."""
    headers, body = form([(FILE, good)])
    for name, kind in _kinds().items():
        yield case(f"form: {name}", 400, headers=[("Content-Type", kind)], body=body)
    for name, damaged in {**_cut(body), **_heads(good), **_bodies(body, good)}.items():
        yield case(f"form: {name}", 400, headers=headers, body=damaged)
    for name, files in {**_files(good)}.items():
        headers, body = form(files)
        yield case(f"form: {name}", 400, headers=headers, body=body)
    for count in (17, 64):
        headers, body = form([(FILE, good)] * count)
        yield case(f"form: {count} images", 413, headers=headers, body=body)
    for count in (65, 1_000, 100_000):
        headers, body = form([('; name="a"', b"")] * count)
        yield case(f"form: {count:,} parts", 413, headers=headers, body=body)
    headers, body = form([(FILE, good)] * 2)
    yield case("heat map of two images", 400, path="/explain", headers=headers, body=body)


def _kinds() -> dict[str, str]:
    """Content-Type."""
    return {
        "no boundary": KIND,
        "an empty boundary": f"{KIND}; boundary=",
        "an empty boundary in quotes": f'{KIND}; boundary=""',
        "half a boundary": f"{KIND}; boundary",
        "another boundary": f"{KIND}; boundary=other",
        "a boundary in capitals": f"{KIND}; boundary=EDGE",
        "a boundary of 71 characters": f"{KIND}; boundary={'e' * 71}",
        "a boundary of 10,000 characters": f"{KIND}; boundary={'e' * 10_000}",
        "a boundary that is not ASCII": f"{KIND}; boundary=\xe9dge",
        "10,000 quotes": f"{KIND}; boundary=" + '";' * 10_000,
        "10,000 parameters": f"{KIND}" + "; a=b" * 10_000,
        "10,000 backslashes": f'{KIND}; boundary="' + '\\"' * 10_000,
        "another kind of multipart": "multipart/mixed; boundary=edge",
        "a form in the URL's manner": "application/x-www-form-urlencoded",
    }


def _cut(body: bytes) -> dict[str, bytes]:
    ends = (0, 1, 5, 8, 20, 70, 80, 200, len(body) // 2, len(body) - 9, len(body) - 4)
    return {f"cut after {end} of {len(body)} bytes": body[:end] for end in ends}


def _heads(good: bytes) -> dict[str, bytes]:
    """Of a part."""

    def part(head: bytes) -> bytes:
        return b"--edge\r\n" + head + b"\r\n\r\n" + good + b"\r\n--edge--\r\n"

    right = b'Content-Disposition: form-data; name="image"; filename="a.jpg"'
    return {
        "a part without a head": part(b""),
        "a part without a disposition": part(b"Content-Type: image/jpeg"),
        "a part that is no file": part(b'Content-Disposition: form-data; name="image"'),
        "a head of a megabyte": part(right + b"; a=" + b"a" * 1_000_000),
        "a head of 9 MB": part(b"X-A: " + b"a" * 9_000_000),
        "a head's name of a megabyte": part(b"a" * 1_000_000 + b": a"),
        "a head of a megabyte of quotes": part(right + b'";' * 500_000),
        "a head of 100,000 lines": part(b"\r\n".join([right, *[b"X-A: b"] * 100_000])),
        "100,000 dispositions": part(b"\r\n".join([right] * 100_000)),
        "a head without a colon": part(b"Content-Disposition form-data"),
        "a head without a name": part(b": form-data"),
        "a NUL in a head's name": part(b"Content\0Disposition: form-data"),
        "a bare return in a head": part(right + b"\rX-A: b"),
        "no empty line behind the head": b"--edge\r\n" + right + b"\r\n--edge--\r\n",
    }


def _bodies(body: bytes, good: bytes) -> dict[str, bytes]:
    almost = b"\r\n--edg" * 1_000_000
    return {
        "an image without a form": good,
        "no part": b"--edge--\r\n",
        "text in front": b"text" + body,
        "a boundary without its hyphens": body.replace(b"--edge", b"edge"),
        "bare line feeds": body.replace(b"\r\n", b"\n"),
        "9 MB of line ends": b"\r\n" * 4_500_000,
        "8 MB of boundaries, almost": body[:70] + almost,
        "8 MB of hyphens": b"-" * 8_000_000,
        "9 MB of boundaries": b"--edge\r\n" * 1_100_000,
    }


def _files(good: bytes) -> dict[str, Sequence[tuple[str, bytes]]]:
    _, inner = form([(FILE, good)], boundary="inner")
    return {
        "an empty file": [(FILE, b"")],
        "fields alone": [('; name="a"', b"1"), ('; name="b"', b"2")],
        "an image that is a field": [('; name="image"', good)],
        "a form in the form": [(FILE, inner)],
        "a multipart of files in the form": [('; name="a"\r\nContent-Type: multipart/mixed; boundary=inner', inner)],
        "an image in base64": [(f"{FILE}\r\nContent-Transfer-Encoding: base64", b"/9j/4AAQSkZJRg==")],
        "text named .jpg": [(FILE, b"hello")],
        "HTML that says it is a JPEG": [(f"{FILE}\r\nContent-Type: image/jpeg", b"<!DOCTYPE html>")],
        "SVG that says it is a PNG": [(f"{FILE}\r\nContent-Type: image/png", b"<svg/>")],
        "16 files that are no images": [(FILE, b"hello")] * 16,
    }
