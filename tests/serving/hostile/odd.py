"""Requests that look hostile and are not: they are answered, and the answer is that of the image in them."""

import json
from base64 import b64encode, encodebytes, urlsafe_b64encode
from collections.abc import Iterator
from urllib.parse import quote

import numpy as np
from images.samples import encode
from numpy.typing import NDArray
from PIL import Image

from .names import TRAVERSAL
from .requests import Case, case, form

ALL = "/predict?top=1000"


def odd(model: str, pixels: NDArray[np.uint8]) -> Iterator[Case]:
    """All of them. pixels: of the one image, (H, W, 3)."""
    good = encode(Image.fromarray(pixels), "PNG")
    yield from _files(good)
    yield from _heads(good)
    yield from _json(model, good)
    yield from _tensors(model, pixels)


def file_name(name: str) -> str:
    """What stands behind `form-data`."""
    return '; name="image"; filename="' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def harmless(name: str) -> bool:
    """Whether a header can carry it."""
    return not set(name) & {"\r", "\n"} and len(name) < 2_000


def _files(good: bytes) -> Iterator[Case]:
    """A file may have any name, as nothing is done with it."""
    for name in filter(harmless, [*TRAVERSAL, "a" * 1_500, "photo.svg", "photo.exe", 'a".jpg', "photo;.jpg"]):
        headers, body = form([(file_name(name), good)])
        yield case(f"a file named {ascii(name)[:50]}", 200, path=ALL, headers=headers, body=body)
        headers, body = form([(f'; name="{name}"; filename="a.jpg"', good)])
        if '"' not in name:
            yield case(f"a field named {ascii(name)[:50]}", 200, path=ALL, headers=headers, body=body)
    headers, body = form([("; name=a", b"1"), (file_name("a.jpg"), good), ("; name=b", b"2")])
    yield case("a file among fields", 200, path=ALL, headers=headers, body=body)
    headers, body = form([(file_name("a.jpg"), good)], boundary="'()+_,-./:=? " * 5)
    quoted = [(name, value.replace("boundary=", 'boundary="') + '"') for name, value in headers]
    yield case("a boundary of punctuation", 200, path=ALL, headers=quoted, body=body[:-2])


def _heads(good: bytes) -> Iterator[Case]:
    for identity in ("a b", "x" * 65, "<script>", "../../etc/passwd", "é", "a\tb", ""):
        yield case(f"X-Request-Id {identity[:20]!r}", 200, path=ALL, headers=[("X-Request-Id", identity)], body=good)
    for kind in ("application/json", "text/html", "image/svg+xml", "x" * 10_000, ""):
        yield case(f"Content-Type {kind[:20]!r}", 200, path=ALL, headers=[("Content-Type", kind)], body=good)
    yield case("its own Origin", 200, path=ALL, headers=[("Origin", "http://HOST")], body=good)
    yield case("its own Origin, behind TLS", 200, path=ALL, headers=[("Origin", "https://HOST")], body=good)
    yield case("no encoding, and said so", 200, path=ALL, headers=[("Content-Encoding", "Identity")], body=good)
    yield case("asked to go on", 200, path=ALL, headers=[("Expect", "100-continue")], body=good)
    yield case(
        "1,000 headers", 200, path=ALL, headers=[(f"X-{number}", "a" * 40) for number in range(1_000)], body=good
    )
    yield case("5,000 chunks", 200, path=ALL, chunks=[good[at : at + 1] for at in range(5_000)] + [good[5_000:]])
    forwarded = [("X-Forwarded-For", "evil.example"), ("X-Forwarded-Host", "evil.example"), ("Forwarded", "host=evil")]
    yield case("as if forwarded", 200, path=ALL, headers=forwarded, body=good)
    yield case("an unknown query", 200, path=f"{ALL}&file=/etc/passwd&cmd=id&%00=%ff", body=good)


def _json(model: str, good: bytes) -> Iterator[Case]:
    text = b64encode(good).decode()
    plain = {"b64": text}
    bodies = {
        "a key of a text": [{"key": "k" * 200, "image_bytes": plain}],
        "a key that is a path": [{"key": "../../etc/passwd", "image_bytes": plain}],
        "a key of a number": [{"key": 2**63, "image_bytes": plain}],
        "members nobody knows": [{**plain, "path": "/etc/passwd", "x": [[[]]]}],
        "base64 for URLs": [{"b64": urlsafe_b64encode(good).decode()}],
        "base64 for URLs, without padding": [{"b64": urlsafe_b64encode(good).decode().rstrip("=")}],
        "base64 in lines": [{"b64": encodebytes(good).decode()}],
        "base64 in lines that are indented": [{"b64": "  " + encodebytes(good).decode().replace("\n", "\r\n\t")}],
        "a data: URL": [{"b64": f"data:image/png;base64,{text}"}],
        "a data: URL with a name": [{"b64": f"DATA:image/png;name=a.png;BASE64,{text}"}],
        "a data: URL that is escaped": [{"b64": f"data:image/png;base64,{quote(text, safe='')}"}],
        "a data: URL in lines": [{"b64": "data:image/png;base64," + encodebytes(good).decode()}],
        "the same image twice": [plain, plain],
    }
    path = f"/v1/models/{model}:predict"
    for name, instances in bodies.items():
        yield case(f"v1: {name}", 200, path=path, body=json.dumps({"instances": instances}).encode())
    columns: dict[str, object] = {"named": {"image_bytes": [plain]}, "unnamed": [plain, plain]}
    columns |= {
        "one without a list": plain,
        "one named": {"image_bytes": plain},
        "members nobody knows": {**plain, "x": 1},
    }
    for name, inputs in columns.items():
        yield case(f"v1 by columns: {name}", 200, path=path, body=json.dumps({"inputs": inputs}).encode())
    for signature in ("", "serving_default"):
        asked = {"signature_name": signature, "instances": [plain]}
        yield case(f"v1: signature {signature!r}", 200, path=path, body=json.dumps(asked).encode())
    body = json.dumps({"instances": [plain]}).encode()
    escaped = body.replace(b"/", b"\\/").replace(b"A", b"\\u0041")
    yield case("v1: escaped letters", 200, path=path, body=escaped)
    yield case("v1: a megabyte of spaces", 200, path=path, body=b" " * 1_000_000 + body)
    yield case("v1: two instances lists, the last good", 200, path=path, body=b'{"instances": 5, ' + body[1:])
    junk = b', "junk": [' + b"{}," * 100_000 + b"{}]}"
    yield case("v1: 100,000 objects beside", 200, path=path, body=body[:-1] + junk)
    yield case("v1: by its version", 200, path=f"/v1/models/{model}/versions/01:predict", body=body)


def _tensors(model: str, pixels: NDArray[np.uint8]) -> Iterator[Case]:
    shape = [1, *pixels.shape]
    path = f"/v2/models/{model}/infer"
    tensor = {"name": "image", "datatype": "UINT8", "shape": shape}
    for name, data in {"flat": pixels.ravel().tolist(), "nested": [pixels.tolist()]}.items():
        asked = {"inputs": [{**tensor, "data": data}], "unknown": "../../etc/passwd"}
        yield case(f"v2: pixels, {name}", 200, path=path, body=json.dumps(asked).encode())
    encoded = {"name": "image", "datatype": "BYTES", "shape": [1], "parameters": {"content_type": "base64"}}
    png = encode(Image.fromarray(pixels), "PNG")
    texts = {"lines": encodebytes(png).decode(), "a data: URL": f"data:image/png;base64,{b64encode(png).decode()}"}
    for name, text in texts.items():
        asked = {"inputs": [{**encoded, "data": [text]}]}
        yield case(f"v2: base64 in {name}", 200, path=path, body=json.dumps(asked).encode())
    head = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": pixels.size}}], "id": "é\n"}).encode()
    headers = [("Inference-Header-Content-Length", str(len(head)))]
    yield case("v2: pixels, binary", 200, path=path, headers=headers, body=head + pixels.tobytes())
    flat = {"inputs": [{**tensor, "data": pixels.ravel().tolist()}], "outputs": [{"name": "probabilities"}] * 999}
    yield case("v2: an output asked for 999 times", 200, path=path, body=json.dumps(flat).encode())
