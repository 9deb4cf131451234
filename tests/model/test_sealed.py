"""A graph that would read other files of the machine is refused before it is loaded, wherever in it that is said."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto, helper, numpy_helper

import whatsit
from whatsit.errors import ModelFolderError
from whatsit.model.format import FILES, read_facts, write_core
from whatsit.model.sealed import DATA_LOCATION, EXTERNAL_DATA, SCHEMA, check_sealed


def outside(location: str = "/etc/passwd") -> TensorProto:
    """A tensor whose numbers lie in another file."""
    tensor = TensorProto(name="secret", data_type=TensorProto.UINT8, dims=[4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    return tensor


def whole() -> ModelProto:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1])
    one = numpy_helper.from_array(np.ones(1, np.float32), "one")
    graph = helper.make_graph([helper.make_node("Add", ["image", "one"], ["out"])], "whole", [image], [out], [one])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def inner() -> GraphProto:
    return helper.make_graph([], "inner", [], [], [outside()])


HIDING: dict[str, Callable[[ModelProto], object]] = {
    "an initializer": lambda m: m.graph.initializer.append(outside()),
    "a sparse one": lambda m: m.graph.sparse_initializer.add().values.CopyFrom(outside()),
    "a constant": lambda m: m.graph.node[0].attribute.append(helper.make_attribute("value", outside())),
    "several constants": lambda m: m.graph.node[0].attribute.append(helper.make_attribute("value", [outside()])),
    "a graph in a graph": lambda m: m.graph.node[0].attribute.append(helper.make_attribute("body", inner())),
    "a function": lambda m: m.functions.add().node.add().attribute.append(helper.make_attribute("v", outside())),
    "a function's default": lambda m: m.functions.add().attribute_proto.append(helper.make_attribute("v", outside())),
    "training": lambda m: m.training_info.add().algorithm.CopyFrom(inner()),
}


@pytest.mark.parametrize("where", HIDING)
def test_numbers_that_lie_elsewhere_are_refused(where: str) -> None:
    model = whole()
    check_sealed(model.SerializeToString())
    HIDING[where](model)
    with pytest.raises(ModelFolderError, match="it would read other files"):
        check_sealed(model.SerializeToString())


def test_graphs_of_whatsit_are_whole(folder: Path) -> None:
    check_sealed((folder / FILES.graph).read_bytes())


def test_a_folder_with_such_a_graph_does_not_load(folder: Path, tmp_path: Path) -> None:
    model = onnx.load(folder / FILES.graph)
    (tmp_path / "weights.bin").write_bytes(b"\0" * 4)
    model.graph.initializer.append(outside("weights.bin"))
    write_core(tmp_path, read_facts(folder), model.SerializeToString())
    with pytest.raises(ModelFolderError, match=r"model\.onnx: not an ONNX file that is whole in itself"):
        whatsit.load(tmp_path)


def test_onnx_runtimes_other_format_is_refused() -> None:
    with pytest.raises(ModelFolderError):
        check_sealed(b"\x12\x08\0\0ORTM\0\0\0\0")


@pytest.mark.parametrize("data", [b"", b"hello", b"\x3a\xff\xff\xff\xff\x0f", b"\x07", b"\x3a" + b"\xff" * 11])
def test_what_is_no_onnx_is_refused(data: bytes) -> None:
    with pytest.raises(ModelFolderError, match="not an ONNX file"):
        check_sealed(data)


def test_a_graph_too_deep_is_refused() -> None:
    deep = GraphProto()
    for _ in range(120):
        outer = GraphProto()
        outer.node.add().attribute.add(name="body", type=AttributeProto.GRAPH).g.CopyFrom(deep)
        deep = outer
    data = b"\x3a" + length(deep.ByteSize()) + deep.SerializeToString()
    with pytest.raises(ModelFolderError):
        check_sealed(data)


def length(number: int) -> bytes:
    digits = []
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*digits, number])


@given(st.binary(max_size=200))
def test_any_bytes_are_taken_or_refused(data: bytes) -> None:
    try:
        check_sealed(data)
    except ModelFolderError as error:
        assert "ONNX" in str(error)  # noqa: PT017


def test_the_fields_are_those_of_onnx() -> None:
    """All the ways that lead to a tensor, by ONNX's own description of itself."""
    for name, fields in SCHEMA.items():
        messages = [field for field in getattr(onnx, name).DESCRIPTOR.fields if field.message_type is not None]
        assert fields == {f.number: f.message_type.name for f in messages if f.message_type.name in SCHEMA}
    by_name = TensorProto.DESCRIPTOR.fields_by_name
    assert (by_name["external_data"].number, by_name["data_location"].number) == (EXTERNAL_DATA, DATA_LOCATION)
