"""Tensors of the Open Inference Protocol, as JSON and as bytes behind the JSON (the binary-tensor extension)."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.serving.encoded import decoded
from whatsit.serving.pool import ImageData
from whatsit.serving.refusal import Refused
from whatsit.serving.reply import parse_json

INPUT = "image"
BASE64 = "base64"


@dataclass(frozen=True)
class Asked:
    """An inference request: the JSON in front, and each input's bytes behind it."""

    header: dict[str, Any]
    inputs: list[dict[str, Any]]
    binary: list[bytes | None]  # parallel to the inputs


def split(body: bytes, header_length: str | None) -> Asked:
    """header_length: of `Inference-Header-Content-Length`; None where all is JSON. Raises Refused."""
    end = len(body) if header_length is None else _length(header_length, len(body))
    header = parse_json(body[:end])
    inputs = header.get("inputs")
    if not isinstance(inputs, list) or not inputs or not all(isinstance(one, dict) for one in inputs):
        raise Refused("bad_input", 'expected {"inputs": [{"name": "image", …}]}')
    binary: list[bytes | None] = []
    for one in inputs:
        size = parameters(one).get("binary_data_size")
        if size is None:
            binary.append(None)
            continue
        if type(size) is not int or not 0 <= size <= len(body) - end:
            raise Refused("bad_input", f"binary_data_size: {len(body) - end} bytes follow, not so many")
        binary.append(body[end : end + size])
        end += size
    if end != len(body):
        raise Refused("bad_input", f"{len(body) - end} bytes behind the tensors that the request names")
    return Asked(header, inputs, binary)


def parameters(one: dict[str, Any]) -> dict[str, Any]:
    """Raises Refused."""
    value = one.get("parameters")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refused("bad_input", "parameters: expected an object")
    return value


def _length(text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 12 and int(text) <= most):
        raise Refused("bad_input", f"Inference-Header-Content-Length: expected a number up to {most}")
    return int(text)


def images_of(asked: Asked) -> list[ImageData]:
    """The one input: encoded images (BYTES), or pixels (UINT8: n, height, width, 3). Raises Refused."""
    if len(asked.inputs) != 1 or asked.inputs[0].get("name") != INPUT:
        raise Refused("bad_input", f"expected one input, {INPUT!r}")
    one, binary = asked.inputs[0], asked.binary[0]
    shape = _shape(one.get("shape"))
    kind = one.get("datatype")
    if kind == "UINT8":
        return _pixels(one, shape, binary)
    if kind == "BYTES":
        return _encoded(one, shape, binary)
    raise Refused("bad_input", "datatype: expected UINT8 (pixels) or BYTES (encoded images)")


def _shape(value: Any) -> tuple[int, ...]:
    sides_are_right = isinstance(value, list) and 1 <= len(value) <= 4 and all(type(side) is int for side in value)
    if not sides_are_right or not all(0 < side < 2**31 for side in value):
        raise Refused("bad_input", "shape: expected 1 to 4 numbers above 0")
    return tuple(value)


def _pixels(one: dict[str, Any], shape: tuple[int, ...], binary: bytes | None) -> list[ImageData]:
    if len(shape) != 4 or shape[3] != 3:
        raise Refused("bad_input", f"shape {list(shape)}: UINT8 images are (n, height, width, 3)")
    count = shape[0] * shape[1] * shape[2] * shape[3]
    flat = _numbers(one.get("data"), shape) if binary is None else np.frombuffer(binary, np.uint8)
    if flat.size != count:
        raise Refused("bad_input", f"{flat.size} numbers for a shape of {count}")
    return list(flat.reshape(shape))


def _numbers(data: Any, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Flat, or nested as the shape is. Not by `np.asarray`: of a long text among many short it makes gigabytes."""
    if not isinstance(data, list):
        raise Refused("bad_input", "data: expected a list of numbers")
    for side in shape[1:]:
        if not data or not isinstance(data[0], list):
            break
        if not all(isinstance(row, list) and len(row) == side for row in data):
            raise Refused("bad_input", "data: its lists are not as the shape says")
        data = list(chain.from_iterable(data))
    if not set(map(type, data)) <= {int} or (data and not 0 <= min(data) <= max(data) <= 255):
        raise Refused("bad_input", "data: UINT8 takes whole numbers from 0 to 255")
    return np.frombuffer(bytes(data), np.uint8)


def _encoded(one: dict[str, Any], shape: tuple[int, ...], binary: bytes | None) -> list[ImageData]:
    if binary is not None:
        items: list[ImageData] = list(_elements(binary))
    else:
        if parameters(one).get("content_type") != BASE64:
            raise Refused("bad_input", 'BYTES in JSON are base64: say so with parameters {"content_type": "base64"}')
        items = [_text(item, place) for place, item in enumerate(_flat(one.get("data")))]
    count = int(np.prod([float(side) for side in shape]))
    if len(items) != count:
        raise Refused("bad_input", f"{len(items)} elements for a shape of {count}")
    return items


def _flat(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise Refused("bad_input", "data: expected a list of texts")
    if all(isinstance(inner, list) for inner in data):
        return list(chain.from_iterable(data))
    return data


def _text(item: Any, place: int) -> bytes:
    if not isinstance(item, str):
        raise Refused("bad_input", f"instance {place}: expected base64 text")
    return decoded(item, f"instance {place}")


def _elements(binary: bytes) -> Sequence[bytes]:
    """Each is its length in 4 bytes, the lowest first, and so many bytes."""
    elements, at = [], 0
    while at < len(binary):
        if at + 4 > len(binary):
            raise Refused("bad_input", "BYTES: the length of an element is cut off")
        (length,) = struct.unpack_from("<I", binary, at)
        at += 4
        if at + length > len(binary):
            raise Refused("bad_input", "BYTES: an element is longer than what follows")
        elements.append(binary[at : at + length])
        at += length
    return elements


@dataclass(frozen=True)
class Tensor:
    """An output: float32 or text."""

    name: str
    array: NDArray[np.float32] | list[str]
    shape: tuple[int, ...]

    @property
    def datatype(self) -> str:
        return "BYTES" if isinstance(self.array, list) else "FP32"

    def raw(self) -> bytes:
        """As it stands behind the JSON."""
        if isinstance(self.array, list):
            texts = [text.encode() for text in self.array]
            return b"".join(struct.pack("<I", len(text)) + text for text in texts)
        return np.ascontiguousarray(self.array, "<f4").tobytes()

    def described(self) -> dict[str, Any]:
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}

    def as_json(self) -> dict[str, Any]:
        data = self.array if isinstance(self.array, list) else np.ascontiguousarray(self.array).ravel()
        return {**self.described(), "data": data}
