"""A package of others adds a backbone: it trains, embeds, and answers, as any of whatsit's own."""

import json
from pathlib import Path

import pytest
from cli.shell import process
from plugins import Install

import whatsit
from whatsit.embedding.backbones.registry import feature_extractor, find_source
from whatsit.errors import BackboneError
from whatsit.training.run import Trained

SOURCE = '''
from whatsit.embedding.backbones.registry import BackboneRequest, BackboneSource


def make(request: BackboneRequest):
    """`colours:32` is the mean colour of a photo, seen at 32 x 32 pixels."""
    from onnx import TensorProto, helper

    from whatsit.embedding.backbones.extractor import FeatureExtractor
    from whatsit.images.preprocessing import Preprocessing

    size = int(request.name.partition(":")[2])
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float"], ["embedding"], axes=[1, 2], keepdims=0),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", size, size, 3])
    embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 3])
    graph = helper.make_graph(nodes, "colours", [image], [embedding])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return FeatureExtractor(
        name=request.name,
        precision=request.precision,
        preprocessing=Preprocessing(size, request.resize_mode),
        dim=3,
        licence="none",
        source="colours of the photo",
        graph=model.SerializeToString(),
        has_features=False,
    )


source = BackboneSource(make)
'''


def test_a_package_adds_a_backbone(installed: Install, small: Path, tmp_path: Path) -> None:
    installed("whatsit-colours", SOURCE, backbones={"colours:": "source"})
    asked = ("--backbone", "colours:32", "--resize-mode", "squash")
    done = process("train", small, "-o", tmp_path / "model", *asked)
    assert done.code == 0, done.err
    kept = json.loads((tmp_path / "model" / "model.json").read_text(encoding="utf-8"))
    assert kept["backbone"]["name"] == "colours:32"
    assert (kept["backbone"]["precision"], kept["backbone"]["dim"]) == ("float32", 3)
    alone = {"PYTHONPATH": str(Path(whatsit.__file__).parents[1])}  # a model folder needs no package of others
    answer = process("predict", tmp_path / "model", next(small.rglob("*.jpg")), env=alone)
    assert answer.code == 0, answer.err
    embedded = process("embed", small, "-o", tmp_path / "v.parquet", *asked)
    assert embedded.code == 0, embedded.err
    again = process("train", "--embeddings", tmp_path / "v.parquet", "-o", tmp_path / "again")
    assert again.code == 0, again.err


def test_its_names_are_told(installed: Install) -> None:
    parts = {"colours:": "source", ".net": "source", "seven": "source"}
    installed("whatsit-many-colours", SOURCE, backbones=parts)
    with pytest.raises(BackboneError) as refused:
        feature_extractor("sevn", "float32", "squash")
    names = "efficientnet-lite0, efficientnet-lite1, efficientnet-lite2, seven, timm:NAME, colours:NAME"
    told = f"no backbone 'sevn'. There are: {names}, and any my.onnx or my.net of your own. Did you mean 'seven'?"
    assert str(refused.value) == told
    with pytest.raises(BackboneError, match="--weights goes with"):
        feature_extractor("colours:8", "float32", "squash", weights="w.safetensors")
    assert [find_source(name) is not None for name in ("a/b.net", "seven", "colours:1", "colour:1")] == [
        *(True, True, True),
        False,
    ]


ENGINE = '''
import onnxruntime

from whatsit.embedding.engines.registry import Engine




class Counting:
    """ONNX Runtime on the CPU, which says on stderr how many images it was given."""

    def __init__(self, graph, threads):
        self._session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        self.get_inputs, self.get_outputs = self._session.get_inputs, self._session.get_outputs

    def run(self, outputs, inputs):
        import sys

        print(f"counted {len(inputs['image'])}", file=sys.stderr)
        return self._session.run(outputs, inputs)


counting = Engine(open=Counting, is_available=lambda: True, package="whatsit-counting", batch=3, own_threads=True)
absent = Engine(open=Counting, is_available=lambda: False, package="abacus", batch=3, own_threads=True)
wrong = Engine(open=lambda graph, threads: 1 / 0, is_available=lambda: True, package="w", batch=3, own_threads=True)
'''


def test_a_package_adds_an_engine(installed: Install, small: Path, small_model: Trained) -> None:
    photos = sorted(small.rglob("*.jpg"))[:4]
    plain = process("predict", small_model.folder, *photos, "--json")
    installed("whatsit-counting", ENGINE, engines={"counting": "counting", "absent": "absent", "wrong": "wrong"})
    done = process("predict", small_model.folder, *photos, "--json", "--device", "counting")
    assert done.code == 0, done.err
    assert done.err.count("counted") > 0
    assert [line["label"] for line in map(json.loads, done.out.splitlines())] == [
        line["label"] for line in map(json.loads, plain.out.splitlines())
    ]
    refused = process("predict", small_model.folder, photos[0], "--device", "absent")
    assert refused.code == 1
    assert "device 'absent' needs the package abacus. Available here: cpu, counting, wrong" in refused.err
    failed = process("predict", small_model.folder, photos[0], "--device", "wrong")
    assert failed.code == 1
    assert "device 'wrong' cannot load the graph: division by zero" in failed.err
    helped = process("predict", "--help").out
    assert "[cpu|cuda|coreml|openvino|absent|counting|wrong]" in " ".join(helped.split())
    unknown = process("predict", small_model.folder, photos[0], "--device", "count")
    assert unknown.code == 2
    assert "Did you mean 'counting'?" in unknown.err
