"""A network of the user's own comes out as every backbone does, or is refused in one line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, external_data_helper, helper, numpy_helper

from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.backbones.registry import feature_extractor
from whatsit.embedding.session import open_session, run
from whatsit.errors import BackboneError
from whatsit.images.preprocessing import Preprocessing

from .samples import drawing

SIZE, CHANNELS, DIM = 16, 5, 7
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
DESCRIPTION: dict[str, Any] = {"size": SIZE, "layout": "nchw", "mean": MEAN, "std": STD, "scale": 1}
IMAGES = np.stack([drawing(seed, SIZE) for seed in range(3)])

Shape = list[int | str]


def _constant(name: str, *shape: int) -> onnx.TensorProto:
    values = np.random.default_rng(len(name)).normal(size=shape).astype(np.float32)
    return numpy_helper.from_array(values, name)


def _network(
    end: str = "vector", layout: str = "nchw", batch: int | str = "n", opset: int = 17, **changes: Any
) -> onnx.ModelProto:
    """A convolution, then as `end` says: 'map' (4-D), 'pooled' (2-D) or 'vector' (2-D, one layer on).

    Its names are whatsit's own on purpose: 'image' is a tensor in the middle, 'embedding' a weight.
    """
    nodes = [helper.make_node("Conv", ["image", "embedding"], ["raw"], name="c", pads=[1, 1, 1, 1])]
    nodes.append(helper.make_node("Relu", ["raw"], ["map"], name="r"))
    nodes.append(helper.make_node("GlobalAveragePool", ["map"], ["mean"]))
    nodes.append(helper.make_node("Reshape", ["mean", "flat"], ["pooled"]))
    nodes.append(helper.make_node("MatMul", ["pooled", "last"], ["vector"]))
    first = helper.make_node("Transpose", ["x"], ["image"], perm=[0, 3, 1, 2])
    nodes.insert(0, first if layout == "nhwc" else helper.make_node("Identity", ["x"], ["image"]))
    if end == "map" and layout == "nhwc":
        nodes.append(helper.make_node("Transpose", ["map"], ["map_nhwc"], perm=[0, 2, 3, 1]))
        end = "map_nhwc"
    flat = np.array(changes.get("reshape", [-1, CHANNELS]), np.int64)
    constants = [
        _constant("embedding", CHANNELS, 3, 3, 3),
        _constant("last", CHANNELS, DIM),
        numpy_helper.from_array(flat, "flat"),
    ]
    sides: Shape = [batch, SIZE, SIZE, 3] if layout == "nhwc" else [batch, 3, SIZE, SIZE]
    source = helper.make_tensor_value_info("x", changes.get("kind", TensorProto.FLOAT), changes.get("shape", sides))
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in changes.get("outputs", [end])]
    graph = helper.make_graph(nodes, "mine", [source], outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def _save(folder: Path, model: onnx.ModelProto, **description: Any) -> Path:
    path = folder / "my.onnx"
    onnx.save(model, path)
    path.with_suffix(".json").write_text(json.dumps(DESCRIPTION | description))
    return path


def _extractor(path: Path) -> FeatureExtractor:
    return feature_extractor(str(path), "float32", "crop")


def _embedded(extractor: FeatureExtractor) -> NDArray[np.float32]:
    vectors: NDArray[np.float32] = run(open_session(extractor.graph), ["embedding"], IMAGES)[0]
    return vectors


def _by_hand(model: onnx.ModelProto, layout: str = "nchw", images: NDArray[np.uint8] = IMAGES) -> NDArray[np.float32]:
    """The user's graph as it is, one image at a time, its input made as PyTorch's users make it."""
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    x = ((images / 255 - MEAN) / STD).astype(np.float32)
    x = x if layout == "nhwc" else x.transpose(0, 3, 1, 2)
    return np.concatenate([session.run(None, {"x": one[None]})[0] for one in x])


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("batch", ["n", 1])
@pytest.mark.parametrize("end", ["vector", "pooled", "map"])
def test_it_equals_the_original_run_by_hand(tmp_path: Path, end: str, batch: int | str, layout: str) -> None:
    model = _network(end, layout, batch)
    extractor = _extractor(_save(tmp_path, model, layout=layout))
    expected = _by_hand(model, layout)
    if expected.ndim == 4:
        expected = expected.mean(axis=(1, 2) if layout == "nhwc" else (2, 3))
    assert np.allclose(_embedded(extractor), expected, atol=1e-5)
    assert extractor.dim == expected.shape[1]
    onnx.checker.check_model(onnx.load_from_string(extractor.graph), full_check=True)


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_a_network_whose_input_is_not_square(tmp_path: Path, layout: str) -> None:
    images = IMAGES[:, 3:13]  # (3, 10, 16, 3)
    shape = ["n", 10, 16, 3] if layout == "nhwc" else ["n", 3, 10, 16]
    model = _network("map", layout, shape=shape)
    features = "map_nhwc" if layout == "nhwc" else "map"
    extractor = _extractor(_save(tmp_path, model, layout=layout, size=[10, 16], features=features))
    assert extractor.preprocessing == Preprocessing((10, 16), "crop")
    expected = _by_hand(model, layout, images).mean(axis=(1, 2) if layout == "nhwc" else (2, 3))
    assert np.allclose(run(open_session(extractor.graph), ["embedding"], images)[0], expected, atol=1e-5)


def test_two_equal_sides_are_a_square(tmp_path: Path) -> None:
    one, other = (_extractor(_save(tmp_path, _network(), size=size)) for size in (SIZE, [SIZE, SIZE]))
    assert one.fingerprint == other.fingerprint


def test_mean_and_std_of_0_to_255_are_the_same_network(tmp_path: Path) -> None:
    model = _network()
    one = _extractor(_save(tmp_path, model))
    wide = {"mean": [255 * value for value in MEAN], "std": [255 * value for value in STD], "scale": 255}
    other = _extractor(_save(tmp_path, model, **wide))
    assert np.array_equal(_embedded(one), _embedded(other))


def test_what_the_extractor_says_of_itself(tmp_path: Path) -> None:
    path = _save(tmp_path, _network(), name="Mine v1.2", licence="MIT", source="me", interpolation="bicubic")
    extractor = _extractor(path)
    assert (extractor.name, extractor.licence, extractor.source) == ("Mine v1.2", "MIT", "me")
    assert extractor.precision == "float32"
    assert not extractor.has_features
    assert extractor.preprocessing.as_dict() == {"size": SIZE, "fit": "crop", "interpolation": "bicubic"}
    ends = onnx.load_from_string(extractor.graph).graph
    assert [value.name for value in (*ends.input, *ends.output)] == ["image", "embedding"]


def test_name_and_licence_have_defaults(tmp_path: Path) -> None:
    extractor = _extractor(_save(tmp_path, _network()))
    assert (extractor.name, extractor.licence, extractor.source) == ("my", "unknown", "your own ONNX file")


def test_the_fingerprint_is_of_the_content(tmp_path: Path) -> None:
    one = _extractor(_save(tmp_path, _network())).fingerprint
    (tmp_path / "elsewhere").mkdir()
    assert _extractor(_save(tmp_path / "elsewhere", _network())).fingerprint == one
    assert _extractor(_save(tmp_path, _network(), std=[0.2, 0.2, 0.2])).fingerprint != one


@pytest.mark.parametrize("end", ["pooled", "map"])
def test_features_whose_mean_is_the_embedding(tmp_path: Path, end: str) -> None:
    extractor = _extractor(_save(tmp_path, _network(end), features="map"))
    assert extractor.has_features
    model = onnx.load_from_string(extractor.graph)
    model.graph.output.append(helper.make_tensor_value_info("features", TensorProto.FLOAT, None))
    features, embedding = run(open_session(model.SerializeToString()), ["features", "embedding"], IMAGES)
    assert features.shape == (3, CHANNELS, SIZE, SIZE)
    assert np.allclose(features.mean(axis=(2, 3)), embedding, atol=1e-5)


def test_features_of_a_channels_last_network(tmp_path: Path) -> None:
    extractor = _extractor(_save(tmp_path, _network("map", "nhwc"), layout="nhwc", features="map_nhwc"))
    assert (extractor.has_features, extractor.dim) == (True, CHANNELS)


def test_features_whose_mean_is_something_else(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"the output \(2, 7\) is not the mean of 'features' \(2, 5, 16, 16\)"):
        _extractor(_save(tmp_path, _network(), features="map"))


def test_a_tensor_in_the_middle_can_be_the_output(tmp_path: Path) -> None:
    extractor = _extractor(_save(tmp_path, _network("vector"), output="pooled"))
    assert np.allclose(_embedded(extractor), _by_hand(_network("pooled")), atol=1e-5)


def test_one_of_several_outputs_must_be_named(tmp_path: Path) -> None:
    model = _network(outputs=["vector", "pooled"])
    with pytest.raises(BackboneError, match=r"several outputs: vector, pooled\. Name one as 'output'"):
        _extractor(_save(tmp_path, model))
    assert _extractor(_save(tmp_path, model, output="pooled")).dim == CHANNELS


def test_graphs_within_graphs_keep_their_names_straight(tmp_path: Path) -> None:
    """A branch that reads a tensor and a weight of the graph around it."""
    model = _network()
    inner = helper.make_graph(
        [helper.make_node("MatMul", ["pooled", "last"], ["then"])],
        "then",
        [],
        [helper.make_tensor_value_info("then", TensorProto.FLOAT, None)],
    )
    true = numpy_helper.from_array(np.array(True), "yes")
    model.graph.initializer.append(true)
    model.graph.node[-1].CopyFrom(helper.make_node("If", ["yes"], ["vector"], then_branch=inner, else_branch=inner))
    assert np.allclose(_embedded(_extractor(_save(tmp_path, model))), _by_hand(_network()), atol=1e-5)


REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"batch": 1, "reshape": [1, CHANNELS]}, {}, "takes one image at a time only. Export it with a batch"),
    ({"batch": 1, "reshape": [1, -1], "end": "pooled"}, {}, "takes one image at a time only"),
    ({}, {"size": 32}, r"its input is (n, 3, 16, 16), but its JSON says (n, 3, 32, 32)"),
    ({"shape": ["n", 3, 10, 16]}, {"size": [16, 10]}, r"but its JSON says (n, 3, 16, 10) (layout nchw, size [16, 10])"),
    ({"end": "pooled", "shape": None, "reshape": [7, -1]}, {"size": [9, 16]}, "fails on an image of 9 x 16 pixels: "),
    ({}, {"layout": "nhwc"}, r"its input is (n, 3, 16, 16), but its JSON says (n, 16, 16, 3)"),
    ({"shape": ["n", 3, "h", "w"]}, {"size": 1, "std": [1e-44] * 3}, "numbers that are not finite"),
    ({"shape": ["n", 768]}, {}, "its input is (n, 768), but its JSON says (n, 3, 16, 16)"),
    ({"kind": TensorProto.FLOAT16}, {}, "its input 'x' is float16, expected float"),
    ({"opset": 12}, {}, "has opset 12, expected 13 or newer"),
    ({"end": "flat"}, {}, "has no tensor 'flat', which its JSON names as 'output'"),
    ({}, {"output": "gone"}, "has no tensor 'gone', which its JSON names as 'output'. The last: "),
    ({}, {"input": "gone"}, "has no tensor 'gone', which its JSON names as 'input'"),
    ({}, {"features": "gone"}, "has no tensor 'gone', which its JSON names as 'features'"),
    ({"end": "pooled", "reshape": [7, -1]}, {}, "fails on an image of 16 x 16 pixels: "),
    ({"reshape": [-1, 1, CHANNELS]}, {}, "its output is 3-D, expected 2-D or 4-D"),
]


@pytest.mark.parametrize(("network", "description", "reason"), REFUSED)
def test_what_does_not_fit_is_one_line(
    tmp_path: Path, network: dict[str, Any], description: dict[str, Any], reason: str
) -> None:
    with pytest.raises(BackboneError) as caught:
        _extractor(_save(tmp_path, _network(**network), **description))
    assert str(caught.value).startswith(f"{tmp_path / 'my.onnx'}: ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_several_inputs_are_refused(tmp_path: Path) -> None:
    model = _network()
    model.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1]))
    with pytest.raises(BackboneError, match="expected one input, got x, mask"):
        _extractor(_save(tmp_path, model))


def test_weights_in_another_file_are_refused(tmp_path: Path) -> None:
    model = _network()
    external_data_helper.convert_model_to_external_data(model, location="weights.bin", size_threshold=0)
    with pytest.raises(BackboneError, match="its weights lie in another file"):
        _extractor(_save(tmp_path, model))


@pytest.mark.parametrize("content", [b"", b"no ONNX at all", b"\x08\x08"])
def test_a_file_that_is_no_onnx(tmp_path: Path, content: bytes) -> None:
    path = _save(tmp_path, _network())
    path.write_bytes(content)
    with pytest.raises(BackboneError, match=r"my\.onnx: (not an ONNX file|has opset 0)"):
        _extractor(path)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"gone\.onnx: no such file\. Name an ONNX file"):
        _extractor(tmp_path / "gone.onnx")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(BackboneError, match=r"folder\.onnx: cannot be read"):
        _extractor(tmp_path / "folder.onnx")


@pytest.mark.parametrize("opset", [13, 18, 21])
def test_opsets_are_kept(tmp_path: Path, opset: int) -> None:
    extractor = _extractor(_save(tmp_path, _network("map", opset=opset)))
    assert onnx.load_from_string(extractor.graph).opset_import[0].version == opset
