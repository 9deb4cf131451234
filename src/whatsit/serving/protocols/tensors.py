"""Tensors of the Open Inference Protocol, as JSON and as bytes behind the JSON (the binary-tensor extension)."""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.serving.http import HTTPError, parse_json
from whatsit.serving.pool import ImageData
from whatsit.serving.uploads import decoded

INPUT = "image"
BASE64 = "base64"
PIXELS: dict[str, np.dtype[Any]] = {  # but for the first, for models that learned from deep photos
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}


@dataclass(frozen=True)
class InferenceRequest:
    """An inference request: the JSON in front, and each input's bytes behind it."""

    header: dict[str, Any]
    inputs: list[dict[str, Any]]
    binary: list[bytes | None]  # parallel to the inputs


def split(body: bytes, header_length: str | None) -> InferenceRequest:
    """header_length: of `Inference-Header-Content-Length`; None where all is JSON. Raises HTTPError."""
    end = len(body) if header_length is None else _length(header_length, len(body))
    header = parse_json(body[:end])
    inputs = header.get("inputs")
    if not isinstance(inputs, list) or not inputs or not all(isinstance(one, dict) for one in inputs):
        raise HTTPError("bad_input", 'expected {"inputs": [{"name": "image", …}]}')
    binary: list[bytes | None] = []
    for one in inputs:
        size = parameters(one).get("binary_data_size")
        if size is None:
            binary.append(None)
            continue
        if type(size) is not int or not 0 <= size <= len(body) - end:
            raise HTTPError("bad_input", f"binary_data_size: {len(body) - end} bytes follow, not so many")
        binary.append(body[end : end + size])
        end += size
    if end != len(body):
        raise HTTPError("bad_input", f"{len(body) - end} bytes behind the tensors that the request names")
    return InferenceRequest(header, inputs, binary)


def parameters(one: dict[str, Any]) -> dict[str, Any]:
    """Raises HTTPError."""
    value = one.get("parameters")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise HTTPError("bad_input", "parameters: expected an object")
    return value


def _length(text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 12 and int(text) <= most):
        raise HTTPError("bad_input", f"Inference-Header-Content-Length: expected a number up to {most}")
    return int(text)


def images_of(request: InferenceRequest) -> list[ImageData]:
    """The one input: encoded images (BYTES), or pixels (n, height, width, 3 or 1). Raises HTTPError."""
    if len(request.inputs) != 1 or request.inputs[0].get("name") != INPUT:
        raise HTTPError("bad_input", f"expected one input, {INPUT!r}")
    one, binary = request.inputs[0], request.binary[0]
    shape = _shape(one.get("shape"))
    kind = one.get("datatype")
    if kind == "BYTES":
        return _encoded(one, shape, binary)
    if isinstance(kind, str) and kind in PIXELS:
        return _pixels(one, kind, shape, binary)
    deep = ", ".join(name for name in PIXELS if name != "UINT8")
    raise HTTPError(
        "bad_input", f"datatype: expected BYTES (encoded images), UINT8 (pixels) or, of deep images, {deep}"
    )


def _shape(value: Any) -> tuple[int, ...]:
    sides_are_right = isinstance(value, list) and 1 <= len(value) <= 4 and all(type(side) is int for side in value)
    if not sides_are_right or not all(0 < side < 2**31 for side in value):
        raise HTTPError("bad_input", "shape: expected 1 to 4 numbers above 0")
    return tuple(value)


def _pixels(one: dict[str, Any], kind: str, shape: tuple[int, ...], binary: bytes | None) -> list[ImageData]:
    if len(shape) != 4 or shape[3] not in (1, 3):
        raise HTTPError("bad_input", f"shape {list(shape)}: {kind} images are (n, height, width, 3), of grey ones 1")
    count, dtype = math.prod(shape), PIXELS[kind]
    if binary is None:
        flat = _numbers(one.get("data"), shape, kind)
    elif len(binary) % dtype.itemsize:
        raise HTTPError("bad_input", f"{len(binary)} bytes are no whole number of {kind}")
    else:
        flat = np.frombuffer(binary, dtype)
    if flat.size != count:
        raise HTTPError("bad_input", f"{flat.size} numbers for a shape of {count}")
    images = flat.astype(dtype.newbyteorder("="), copy=False).reshape(shape)
    return list(images if shape[3] == 3 else images[..., 0])


def _numbers(data: Any, shape: tuple[int, ...], kind: str) -> NDArray[Any]:
    """Flat, or nested as the shape is. Not by `np.asarray`: of a long text among many short it makes gigabytes."""
    if not isinstance(data, list):
        raise HTTPError("bad_input", "data: expected a list of numbers")
    for side in shape[1:]:
        if not data or not isinstance(data[0], list):
            break
        if not all(isinstance(row, list) and len(row) == side for row in data):
            raise HTTPError("bad_input", "data: its lists are not as the shape says")
        data = list(chain.from_iterable(data))
    dtype = PIXELS[kind]
    if dtype.kind == "f":
        if not set(map(type, data)) <= {int, float}:
            raise HTTPError("bad_input", f"data: {kind} takes numbers")
        with np.errstate(over="ignore"):  # infinite then, which is white
            return np.array(data, np.float64).astype(dtype)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    if not set(map(type, data)) <= {int} or (data and not low <= min(data) <= max(data) <= high):
        raise HTTPError("bad_input", f"data: {kind} takes whole numbers from {low} to {high}")
    return np.frombuffer(bytes(data), dtype) if dtype.itemsize == 1 else np.array(data, dtype)


def _encoded(one: dict[str, Any], shape: tuple[int, ...], binary: bytes | None) -> list[ImageData]:
    if binary is not None:
        items: list[ImageData] = list(_split_elements(binary))
    else:
        if parameters(one).get("content_type") != BASE64:
            raise HTTPError("bad_input", 'BYTES in JSON are base64: say so with parameters {"content_type": "base64"}')
        items = [_decode_text(item, place) for place, item in enumerate(_flat(one.get("data")))]
    count = int(np.prod([float(side) for side in shape]))
    if len(items) != count:
        raise HTTPError("bad_input", f"{len(items)} elements for a shape of {count}")
    return items


def _flat(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise HTTPError("bad_input", "data: expected a list of texts")
    if all(isinstance(inner, list) for inner in data):
        return list(chain.from_iterable(data))
    return data


def _decode_text(item: Any, place: int) -> bytes:
    if not isinstance(item, str):
        raise HTTPError("bad_input", f"instance {place}: expected base64 text")
    return decoded(item, f"instance {place}")


def _split_elements(binary: bytes) -> Sequence[bytes]:
    """Each is its length in 4 bytes, the lowest first, and so many bytes."""
    elements, at = [], 0
    while at < len(binary):
        if at + 4 > len(binary):
            raise HTTPError("bad_input", "BYTES: the length of an element is cut off")
        (length,) = struct.unpack_from("<I", binary, at)
        at += 4
        if at + length > len(binary):
            raise HTTPError("bad_input", "BYTES: an element is longer than what follows")
        elements.append(binary[at : at + length])
        at += length
    return elements


@dataclass(frozen=True)
class Tensor:
    """An output: float32, bool or text."""

    name: str
    array: NDArray[np.float32] | NDArray[np.bool_] | list[str]
    shape: tuple[int, ...]

    @property
    def datatype(self) -> str:
        if isinstance(self.array, list):
            return "BYTES"
        return "BOOL" if self.array.dtype == bool else "FP32"

    def raw(self) -> bytes:
        """As it stands behind the JSON."""
        if isinstance(self.array, list):
            texts = [text.encode() for text in self.array]
            return b"".join(struct.pack("<I", len(text)) + text for text in texts)
        return np.ascontiguousarray(self.array, np.bool_ if self.array.dtype == bool else "<f4").tobytes()

    def described(self) -> dict[str, Any]:
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}

    def as_json(self) -> dict[str, Any]:
        data = self.array if isinstance(self.array, list) else np.ascontiguousarray(self.array).ravel()
        return {**self.described(), "data": data}
