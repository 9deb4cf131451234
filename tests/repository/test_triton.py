"""config.pbtxt, read by Triton's own schema, and held against the graph itself."""

from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from whatsit.images.preprocessing import Preprocessing
from whatsit.model.format import FILES, read_facts
from whatsit.model.versions.store import Repository
from whatsit.model.versions.triton import MAX_BATCH
from whatsit.model.versions.triton import config as text_of

NUMPY = {"TYPE_UINT8": np.uint8, "TYPE_FP32": np.float32}


@pytest.fixture(scope="session")
def schema() -> Any:
    """Triton's model_config.proto, as its client ships it, without the client of gRPC beside it."""
    client = find_spec("tritonclient")
    assert client
    assert client.origin
    spec = spec_from_file_location("model_config_pb2", Path(client.origin).parent / "grpc" / "model_config_pb2.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def config(repository: Repository, schema: Any) -> Any:
    """A function that reads the configuration that lies there now."""

    def read() -> Any:
        text = (repository.root / "fruit" / "config.pbtxt").read_text(encoding="utf-8")
        return import_module("google.protobuf.text_format").Parse(text, schema.ModelConfig())

    return read


def test_it_describes_the_graph(repository: Repository, model: Path, config: Any, schema: Any) -> None:
    repository.add(model, "fruit")
    said, facts = config(), read_facts(model)
    assert (said.name, said.backend, said.default_model_filename) == ("fruit", "onnxruntime", FILES.graph)
    assert said.max_batch_size == MAX_BATCH
    (given,) = said.input
    session = onnxruntime.InferenceSession(repository.folder("fruit", 1) / said.default_model_filename)
    type_of = schema.DataType.Name
    image = np.zeros((3, *given.dims), NUMPY[type_of(given.data_type)])
    outputs = session.run([output.name for output in said.output], {given.name: image})
    for output, value in zip(said.output, outputs, strict=True):
        inner = output.reshape.shape if output.HasField("reshape") else output.dims
        assert value.shape == (3, *inner)
        assert value.dtype == NUMPY[type_of(output.data_type)]
        assert len(output.dims) > 0  # an empty shape is not allowed
    assert [output.label_filename for output in said.output] == ["labels.txt", "", ""]
    assert list(said.output[0].dims) == [len(facts.labels)]


def test_an_input_that_is_not_square_is_height_then_width(model: Path, schema: Any) -> None:
    facts = replace(read_facts(model), preprocessing=Preprocessing((16, 40)))
    said = import_module("google.protobuf.text_format").Parse(text_of("fruit", 1, facts), schema.ModelConfig())
    assert list(said.input[0].dims) == [16, 40, 3]


def test_it_follows_the_default(repository: Repository, model: Path, plums: Path, config: Any) -> None:
    def state() -> tuple[list[int], str]:
        labels = (repository.root / "fruit" / "labels.txt").read_text(encoding="utf-8")
        return list(config().version_policy.specific.versions), labels

    first, second = ([1], "apples\npears\n"), ([2], "apples\nplums\n")
    repository.add(model, "fruit")
    repository.add(plums, "fruit")
    assert state() == first
    repository.set_default("fruit", 2)
    assert state() == second
    repository.rollback("fruit")
    assert state() == first
    repository.remove("fruit", 1, force=True)
    assert state() == second


def test_a_change_mends_what_someone_broke(repository: Repository, model: Path, config: Any) -> None:
    repository.add(model, "fruit")
    for name in ("config.pbtxt", "labels.txt"):
        (repository.root / "fruit" / name).unlink()
    repository.set_default("fruit", 1)
    assert list(config().version_policy.specific.versions) == [1]
