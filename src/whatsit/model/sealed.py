"""Whether an ONNX file is whole in itself. A graph may name other files to read its weights from, wherever they lie
on this machine; ONNX Runtime would follow, so such a graph is refused before it is loaded.

This walks the file's protobuf fields (protobuf.dev/programming-guides/encoding) by itself, in a few milliseconds:
importing onnx would double the time that `whatsit predict` takes to start.
"""

from collections.abc import Iterator

from whatsit.errors import ModelFolderError

# Message: field number → the message in it, of those in which a tensor can lie (onnx.proto3).
SCHEMA: dict[str, dict[int, str]] = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "GraphProto": {1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: "TensorProto",
        6: "GraphProto",
        10: "TensorProto",
        11: "GraphProto",
        22: "SparseTensorProto",
        23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
    "TensorProto": {},
}
EXTERNAL_DATA, DATA_LOCATION = 13, 14  # fields of TensorProto; neither is there where the numbers are
VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5
DEEPEST = 100  # messages in messages, as in protobuf's own readers
ORT_FORMAT = b"ORTM"  # at byte 4: ONNX Runtime's other format, which it would take as well


def check_sealed(graph: bytes) -> None:
    """Raises ModelFolderError where the bytes are no ONNX, or refer to another file."""
    try:
        alone = graph[4:8] != ORT_FORMAT and bool(graph) and _alone(memoryview(graph), "ModelProto", 0)
    except (IndexError, ValueError):
        raise ModelFolderError("not an ONNX file") from None
    if not alone:
        raise ModelFolderError("not an ONNX file that is whole in itself: it would read other files")


def _alone(message: memoryview, kind: str, depth: int) -> bool:
    if depth > DEEPEST:
        raise ValueError("too deep")
    inner = SCHEMA[kind]
    for number, value in _fields(message):
        if kind == "TensorProto" and number in (EXTERNAL_DATA, DATA_LOCATION):
            return False
        if number in inner and value is not None and not _alone(value, inner[number], depth + 1):
            return False
    return True


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | None]]:
    """Each field's number, and its bytes where it has a length."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        start, kind = at, key & 7
        if kind == VARINT:
            _, at = _varint(message, at)
        elif kind == DELIMITED:
            length, start = _varint(message, at)
            at = start + length
        elif kind in (FIXED64, FIXED32):
            at += 8 if kind == FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if at > len(message):
            raise ValueError("truncated")
        yield key >> 3, message[start:at] if kind == DELIMITED else None


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Seven bits a byte, the lowest first; also the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number of more than 64 bits")
