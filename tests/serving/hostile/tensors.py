"""Bad requests in the Open Inference Protocol: tensors whose sizes, shapes and kinds are not what they say."""

import base64
import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from .requests import Case, case

LENGTH = "Inference-Header-Content-Length"
PIXEL = {"name": "image", "datatype": "UINT8", "shape": [1, 1, 1, 3], "data": [1, 2, 3]}
BINARY = "application/octet-stream"


def of_tensors(model: str, good: bytes) -> Iterator[Case]:
    """All of them. good: an image that is answered where it stands in a right request."""
    path = f"/v2/models/{model}/infer"
    for name, body in {**_requests(), **_outputs(), **_ids(), **_encoded(good), **_pixels(), **_shapes()}.items():
        yield case(f"v2: {name}", 400, path=path, body=json.dumps(body).encode())
    yield case("v2: no JSON", 400, path=path, body=b"[" * 100_000)
    yield case("v2: 17 images", 413, path=path, body=json.dumps(_input(shape=[17, 1, 1, 3], data=[0] * 51)).encode())
    many = _bytes_input([1_000_000], 4_000_000)
    yield case("v2: a million empty images", 413, path=path, **_behind(many, bytes(4_000_000)))
    for name, (header, behind, lengths) in _lengths(good).items():
        head = json.dumps(header).encode()
        said = [(LENGTH, text.replace("TRUE", str(len(head)))) for text in lengths]
        yield case(f"v2: header length {name}", 400, path=path, body=head + behind, headers=said)
    for name, (header, behind) in {**_sizes(good), **_elements(good)}.items():
        yield case(f"v2 binary: {name}", 400, path=path, **_behind(header, behind))


def element(data: bytes) -> bytes:
    """As the protocol lays down BYTES: the length in 4 bytes, and so many bytes."""
    return struct.pack("<I", len(data)) + data


def _input(**changed: object) -> dict[str, Any]:
    return {"inputs": [{**PIXEL, **changed}]}


def _text_input(data: object, shape: list[int] | None = None, **changed: object) -> dict[str, Any]:
    given = {"datatype": "BYTES", "shape": shape or [1], "data": data, "parameters": {"content_type": "base64"}}
    return _input(**{**given, **changed})


def _bytes_input(shape: list[int], size: object, **changed: object) -> dict[str, Any]:
    given = {"name": "image", "datatype": "BYTES", "shape": shape, "parameters": {"binary_data_size": size}}
    return {"inputs": [{**given, **changed}]}


def _behind(header: Mapping[str, Any], behind: bytes) -> dict[str, Any]:
    head = json.dumps(header).encode()
    return {"body": head + behind, "headers": [(LENGTH, str(len(head))), ("Content-Type", BINARY)]}


def _requests() -> dict[str, object]:
    kinds: tuple[object, ...] = ("FP32", "INT8", "uint8", "", None, 8, [], {})
    return {
        "the body is a list": [PIXEL],
        "the body is a text": "image",
        "no inputs": {},
        "inputs: none": {"inputs": []},
        "inputs is null": {"inputs": None},
        "inputs is an object": {"inputs": PIXEL},
        "inputs: null": {"inputs": [None]},
        "inputs: a list": {"inputs": [[PIXEL]]},
        "two inputs": {"inputs": [PIXEL, PIXEL]},
        "a thousand inputs": {"inputs": [PIXEL] * 1000},
        "an unknown input": _input(name="images"),
        "an input without a name": {"inputs": [{key: value for key, value in PIXEL.items() if key != "name"}]},
        "an input whose name is a list": _input(name=["image"]),
        "an input without data": {"inputs": [{key: value for key, value in PIXEL.items() if key != "data"}]},
        "parameters is a list": _input(parameters=[]),
        **{f"datatype {kind!r}": _input(datatype=kind) for kind in kinds},
    }


def _outputs() -> dict[str, object]:
    wrong: dict[str, object] = {
        "is an object": {"name": "probabilities"},
        "is a text": "probabilities",
        "is a number": 1,
        "has null": [None],
        "has a text": ["probabilities"],
        "has an unknown name": [{"name": "logits"}],
        "has no name": [{}],
        "has a list for a name": [{"name": ["probabilities"]}],
        "has parameters that are a list": [{"name": "probabilities", "parameters": [1]}],
    }
    for number in ("3", -1, 2.5, True, None, [3], {"k": 3}, -(10**30)):
        parameters = {"classification": number}
        wrong[f"wants classification {number!r}"] = [{"name": "probabilities", "parameters": parameters}]
    return {f"outputs {name}": {**_input(), "outputs": outputs} for name, outputs in wrong.items()} | {
        "parameters of all is a text": {**_input(), "parameters": "binary"},
        "classification of all is a text": {**_input(), "parameters": {"classification": "all"}},
    }


def _ids() -> dict[str, object]:
    wrong: dict[str, object] = {"a number": 5, "a list": [], "a megabyte": "i" * 10**6}
    wrong["of 201 characters"] = "i" * 201
    return {f"the id is {name}": {**_input(), "id": value} for name, value in wrong.items()}


def _encoded(good: bytes) -> dict[str, object]:
    text = base64.b64encode(good).decode()
    wrong: dict[str, object] = {
        "null": None,
        "none": [],
        "a text": text,
        "numbers": [1],
        "null in a list": [None],
        "an object": [{"b64": text}],
        "damaged base64": ["AAA"],
        "base64 of no image": ["AAAA"],
        "base64 of spaces": ["    "],
        "an image and a number": [[text], 5],
        "lists and null": [[text], None],
        "lists three deep": [[[text]]],
        "a list of a text and a list": [text, [text]],
    }
    asked = {f"BYTES is {name}": _text_input(data) for name, data in wrong.items()}
    asked["BYTES of two shapes"] = _text_input([text], [2])
    asked["BYTES: the second is bad"] = _text_input([text, "AAAA"], [2])
    asked["BYTES without content_type"] = _text_input([text], parameters={})
    asked["BYTES of another content_type"] = _text_input([text], parameters={"content_type": "str"})
    return dict(asked)


def _pixels() -> dict[str, object]:
    wrong: dict[str, object] = {
        "null": None,
        "a text": "123",
        "a number": 5,
        "an object": {"0": 1},
        "none": [],
        "too few": [1, 2],
        "too many": [1, 2, 3, 4],
        "null among them": [1, 2, None],
        "texts": ["1", "2", "3"],
        "a text among them": [1, 2, "3"],
        "fractions": [1.5, 2, 3],
        "truths": [True, False, True],
        "negative": [-1, 2, 3],
        "above 255": [256, 2, 3],
        "of 64 bits": [2**64 - 1, 2, 3],
        "of 64 bits, both signs": [2**63, -1, 3],
        "of 400 digits": [10**300, 2, 3],
        "lists of different lengths": [[1], [2, 3]],
        "lists and numbers": [[1, 2], 3],
        "objects": [{}, {}, {}],
        "a long text among many short ones": ["x" * 30_000] + ["y"] * 8_000,
    }
    deep: object = 1
    for _ in range(900):
        deep = [deep]
    asked = {f"pixels are {name}": _input(data=data) for name, data in wrong.items()}
    return {**asked, "pixels are 900 lists deep": _input(data=deep)}


def _shapes() -> dict[str, object]:
    shapes: dict[str, object] = {
        "missing": None,
        "a number": 3,
        "a text": "1,1,1,3",
        "an object": {"n": 1},
        "empty": [],
        "of texts": ["1", "1", "1", "3"],
        "of fractions": [1.0, 1, 1, 3],
        "of truths": [True, True, True, 3],
        "of lists": [[1, 1, 1, 3]],
        "flat": [3],
        "of 5 sides": [1, 1, 1, 1, 3],
        "of 4 channels": [1, 1, 1, 4],
        "channels first": [1, 3, 2, 2],
        "zero": [0, 1, 1, 3],
        "negative": [-1, 1, 1, 3],
        "huge": [1, 100_000, 100_000, 3],
        "that overflows 32 bits": [1, 65_536, 65_536, 3],
        "that overflows 64 bits": [2**31 - 1, 2**31 - 1, 2**31 - 1, 3],
        "of 2^31": [1, 1, 2**31, 3],
        "of 2^63": [2**63 - 1, 1, 1, 3],
        "of 300 digits": [10**300, 1, 1, 3],
    }
    return {f"a shape {name}": _input(shape=shape) for name, shape in shapes.items()}


def _lengths(good: bytes) -> dict[str, tuple[dict[str, Any], bytes, list[str]]]:
    """name → request, bytes behind it, the header lines; TRUE stands for the right length."""
    behind = element(good)
    header = _bytes_input([1], len(behind))
    texts = ("-1", "1e3", "0x10", "1.5", "", "abc", "4,5", "9" * 11, "9" * 400)
    lines = {repr(text): [text] for text in texts}
    more = {
        "in Arabic digits": ["\xd9\xa3"],
        "0": ["0"],
        "1": ["1"],
        "with a plus sign": ["+TRUE"],
        "beyond the body": ["100000000"],
        "one too many": [str(len(json.dumps(header)) + 1)],
        "one too few": [str(len(json.dumps(header)) - 1)],
        "twice, the last wrong": ["TRUE", "5"],
        "twice, the first wrong": ["5", "TRUE"],
        "twice the same": ["TRUE", "TRUE"],
    }
    return {name: (header, behind, said) for name, said in {**lines, **more}.items()}


def _sizes(good: bytes) -> dict[str, tuple[dict[str, Any], bytes]]:
    """binary_data_size, which lies."""
    behind = element(good)
    wrong = {"negative": -1, "zero": 0, "a text": str(len(behind)), "a fraction": 1.5, "true": True, "a list": [1]}
    wrong |= {"one too many": len(behind) + 1, "one too few": len(behind) - 1, "huge": 2**62, "of 300 digits": 10**300}
    found = {f"a size {name}": (_bytes_input([1], size), behind) for name, size in wrong.items()}
    pixels = _input(parameters={"binary_data_size": 3})
    two = {"inputs": [pixels["inputs"][0], pixels["inputs"][0]]}
    return {
        **found,
        "no size": ({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1]}]}, behind),
        "bytes behind the tensor": (_bytes_input([1], len(behind)), behind + b"more"),
        "bytes behind JSON alone": (_input(), b"\x01\x02\x03"),
        "two inputs": (two, bytes(6)),
        "too few pixels": (_input(shape=[1, 2, 2, 3], parameters={"binary_data_size": 3}), bytes(3)),
        "too many pixels": (_input(parameters={"binary_data_size": 12}), bytes(12)),
        "a datatype of 4 bytes": (_input(datatype="FP32", parameters={"binary_data_size": 12}), bytes(12)),
    }


def _elements(good: bytes) -> dict[str, tuple[dict[str, Any], bytes]]:
    """BYTES, whose lengths lie."""
    one = element(good)
    tensors = {
        "an element of 2^32 - 1 bytes": (1, b"\xff\xff\xff\xff" + good),
        "an element of 2^31 bytes": (1, b"\0\0\0\x80" + good),
        "an element one byte too long": (1, struct.pack("<I", len(good) + 1) + good),
        "an element one byte too short": (1, struct.pack("<I", len(good) - 1) + good),
        "a length that is cut": (1, b"\x01\0"),
        "lengths, the highest byte first": (1, struct.pack(">I", len(good)) + good),
        "an empty element": (1, element(b"")),
        "no element": (1, b""),
        "one element for two": (2, one),
        "two elements for one": (1, one + one),
        "an element that is no image": (1, element(b"not an image")),
        "the second is no image": (2, one + element(b"not an image")),
        "an image without its length": (1, good),
        "a shape that overflows": (2**31 - 1, one),
    }
    return {name: (_bytes_input([count], len(behind)), behind) for name, (count, behind) in tensors.items()}
