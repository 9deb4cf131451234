"""Bad requests in TensorFlow Serving's protocol: JSON that is none, values of the wrong kind, damaged base64."""

import base64
import json
from collections.abc import Iterator

from .requests import Case, case

MOST = 10 * 1024**2  # bytes of a body


def of_json(model: str, good: bytes) -> Iterator[Case]:
    """All of them. good: an image that is answered where it stands in a right request."""
    path = f"/v1/models/{model}:predict"
    text = base64.b64encode(good).decode()
    bodies = {**_malformed(text), **_deep(text), **_wrong_kinds(text), **_instances(text)}
    for name, body in bodies.items():
        yield case(f"v1: {name}", 400, path=path, body=body)
    for name, encoded in _base64(text).items():
        body = json.dumps({"instances": [{"b64": encoded}]}, ensure_ascii=False).encode()
        yield case(f"base64: {name}", 400, path=path, body=body)
    seventeen = _request([{"b64": text}] * 17)
    yield case("v1: 17 instances", 413, path=path, body=seventeen)
    yield case("v1: 100,000 instances", 413, path=path, body=_request([{}] * 100_000))
    lists = b'{"instances": [' + b"[]," * 3_400_000 + b"[]]}"
    yield case("v1: 3.4 million lists", 413, path=path, body=lists)
    yield case("base64: of 20 MB", 413, path=path, body=_request([{"b64": "A" * 20_000_000}]))
    for name, (status, body) in _feedback().items():
        yield case(f"feedback: {name}", status, path="/feedback", body=body)


def _request(instances: object) -> bytes:
    return json.dumps({"instances": instances}).encode()


def _malformed(text: str) -> dict[str, bytes]:
    whole = _request([{"b64": text}])
    cut = {f"cut after {end} bytes": whole[:end] for end in (1, 2, 13, 14, 16, 24, len(whole) - 1, len(whole) - 2)}
    return {
        **cut,
        "empty": b"",
        "spaces": b" " * 1000,
        "a NUL": b"\0",
        "binary": bytes(range(256)),
        "two documents": whole + whole,
        "one a line": b'{"b64": "AAAA"}\n{"b64": "AAAA"}\n',
        "a comment": b"/* */" + whole,
        "a trailing comma": b'{"instances": [],}',
        "single quotes": b"{'instances': []}",
        "names without quotes": b"{instances: []}",
        "Python": b"{'instances': None, 'b': True}",
        "a byte order mark": b"\xef\xbb\xbf" + whole,
        "UTF-16": whole.decode().encode("utf-16"),
        "UTF-32": whole.decode().encode("utf-32-le"),
        "invalid UTF-8": b'{"instances": "\xff\xfe"}',
        "over-long UTF-8": b'{"instances": "\xc0\xaf"}',
        "a surrogate in UTF-8": b'{"instances": "\xed\xa0\x80"}',
        "a lone surrogate": b'{"instances": [{"b64": "\\ud800"}]}',
        "a lone low surrogate": b'{"instances": [{"b64": "\\udc00"}]}',
        "an unknown escape": b'{"instances": "\\x41"}',
        "a newline in a text": b'{"instances": "\n"}',
        "NaN": b'{"instances": [NaN]}',
        "Infinity": b'{"instances": [Infinity]}',
        "-Infinity": b'{"instances": [-Infinity]}',
        "a number beyond all": b'{"instances": [1e999999]}',
        "a million digits": b'{"instances": [' + b"9" * 1_000_000 + b"]}",
        "a leading zero": b'{"instances": [007]}',
        "hexadecimal": b'{"instances": [0xff]}',
        "XML": b"<instances/>",
        "a form": b"instances=%5B%5D",
        "a pickle": b"cos\nsystem\n(S'touch owned'\ntR.",
    }


def _deep(text: str) -> dict[str, bytes]:
    """What recursion might not survive, and what takes far more memory than bytes."""
    nested = b"[" * 900 + b"]" * 900
    return {
        "100,000 brackets": b"[" * 100_000,
        "100,000 brackets, closed": b"[" * 100_000 + b"]" * 100_000,
        "100,000 braces": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "deep instances": b'{"instances": ' + nested + b"}",
        "a deep instance": b'{"instances": [{"b64": ' + nested + b"}]}",
        "a deep key": b'{"instances": [{"b64": "%s", "key": %s}]}' % (text.encode(), nested),
        "a deep key of an image": b'{"instances": [{"image_bytes": {"b64": "%s"}, "key": %s}]}'
        % (text.encode(), nested),
        "900,000 empty objects": b'{"instances": {"a": [' + b"{}," * 900_000 + b"{}]}}",
        "a million names": b"{" + b",".join(b'"%d":1' % number for number in range(900_000)) + b"}",
        "10 MiB of a text": b'{"instances": "' + b"a" * (MOST - 17) + b'"}',
    }


def _wrong_kinds(text: str) -> dict[str, bytes]:
    kinds = {"null": None, "a number": 5, "a text": "AAAA", "true": True, "an object": {"0": {"b64": text}}, "0.5": 0.5}
    whole = {f"the body is {name}": json.dumps(value).encode() for name, value in kinds.items() if name != "an object"}
    instances = {f"instances is {name}": _request(value) for name, value in kinds.items()}
    return {
        **whole,
        **instances,
        "the body is a list": json.dumps([{"b64": text}]).encode(),
        "no instances": b"{}",
        **{f"inputs is {name}": json.dumps({"inputs": value}).encode() for name, value in kinds.items()},
        "inputs: none": b'{"inputs": []}',
        "inputs: no column": b'{"inputs": {}}',
        "inputs: an empty column": b'{"inputs": {"image_bytes": []}}',
        "inputs: another column": json.dumps({"inputs": {"image": [{"b64": text}]}}).encode(),
        "inputs: two columns": json.dumps({"inputs": {"image_bytes": [{"b64": text}], "x": [1]}}).encode(),
        "inputs: a column within itself": json.dumps({"inputs": {"image_bytes": {"image_bytes": text}}}).encode(),
        "inputs: a column of texts": json.dumps({"inputs": {"image_bytes": [text]}}).encode(),
        "inputs: the second is null": json.dumps({"inputs": [{"b64": text}, None]}).encode(),
        "inputs: lists two deep": json.dumps({"inputs": [[{"b64": text}]]}).encode(),
        "inputs and instances": json.dumps({"inputs": [{"b64": text}], "instances": [{"b64": text}]}).encode(),
        "a signature that is null": json.dumps({"signature_name": None, "instances": [{"b64": text}]}).encode(),
        "names in capitals": json.dumps({"Instances": [{"b64": text}]}).encode(),
        "two instances lists, the last bad": b'{"instances": [{"b64": "%s"}], "instances": 5}' % text.encode(),
        "an unknown signature": json.dumps({"signature_name": "x", "instances": [{"b64": text}]}).encode(),
        "a signature that is a list": json.dumps({"signature_name": [], "instances": [{"b64": text}]}).encode(),
    }


def _instances(text: str) -> dict[str, bytes]:
    good = {"b64": text}
    wrong: dict[str, object] = {
        "none": [],
        "null": [None],
        "a number": [1],
        "a text": [text],
        "true": [True],
        "a list": [[good]],
        "an empty object": [{}],
        "a path": [{"path": "/etc/passwd"}],
        "a URI": [{"uri": "file:///etc/passwd"}],
        "pixels": [[[[0, 0, 0]]]],
        "b64 is null": [{"b64": None}],
        "b64 is a number": [{"b64": 5}],
        "b64 is a list": [{"b64": [text]}],
        "b64 is an object": [{"b64": good}],
        "b64 in capitals": [{"B64": text}],
        "image_bytes is a text": [{"image_bytes": text}],
        "image_bytes is null": [{"image_bytes": None, "b64": text}],
        "image_bytes is a list": [{"image_bytes": [good]}],
        "image_bytes within itself": [{"image_bytes": {"image_bytes": good}}],
        "the second is bad": [good, {"b64": "AAAA"}],
        "the second is null": [good, None],
    }
    for name, key in {"an object": {"a": 1}, "a list": [1], "true": True, "null": None, "0.5": 0.5}.items():
        wrong[f"its key is {name}"] = [{"key": key, "image_bytes": good}]
    for name, key in {"an object": {"a": 1}, "a list": [[[]]], "true": True, "of 201 characters": "k" * 201}.items():
        wrong[f"its key, beside b64, is {name}"] = [{"key": key, "b64": text}]
    wrong["its key is of 201 characters"] = [{"key": "k" * 201, "image_bytes": good}]
    wrong["its key is of 5 million characters"] = [{"key": "k" * 5_000_000, "image_bytes": good}]
    return {f"instances: {name}": _request(instances) for name, instances in wrong.items()}


def _base64(text: str) -> dict[str, str]:
    return {
        "empty": "",
        "spaces": f"{text[:40]} {text[40:]}",
        "one character": "A",
        "a character of four": text.rstrip("=")[: (len(text.rstrip("=")) - 1) // 4 * 4 + 1],
        "too much padding": text.rstrip("=") + "====",
        "padding in the middle": f"{text[:40]}=={text[40:]}",
        "nothing but padding": "====",
        "not ASCII": f"{text[:40]}é{text[44:]}",
        "full-width letters": "ＡＡＡＡ",
        "a NUL": f"{text[:40]}\0{text[41:]}",
        "an exclamation mark": f"{text[:40]}!{text[41:]}",
        "a data: URI that is not in base64": f"data:image/jpeg,{text}",
        "a data: URI of nothing": "data:image/jpeg;base64,",
        "a data: URI in a data: URI": f"data:image/jpeg;base64,data:image/jpeg;base64,{text}",
        "a data: URI without a comma": f"data:image/jpeg;base64;{text}",
        "a kind of 300 characters": f"data:{'x' * 300};base64,{text}",
        "a path": "/etc/passwd",
        "a URL": "http://127.0.0.1/x.jpg",
        "percent signs": "%2B%2F" * 10,
        "twice": base64.b64encode(text.encode()).decode(),
        "in hexadecimal": base64.b64decode(text).hex(),
        "backwards": text[::-1].lstrip("="),
    }


def _feedback() -> dict[str, tuple[int, bytes]]:
    """By default nothing is kept, so that no correction has a place to go."""
    corrections = {
        "SQL": {"id": "x' OR '1'='1", "label": "'; DROP TABLE asked; --"},
        "a path": {"id": "../../etc/passwd", "label": "a"},
        "a label of a megabyte": {"id": "a", "label": "a" * 1_000_000},
        "wrong kinds": {"id": 5, "label": []},
    }
    conflicts = {name: (409, json.dumps(body).encode()) for name, body in corrections.items()}
    return {"empty": (400, b""), "a list": (400, b"[]"), **conflicts}
