"""Devices are named or refused in one line, and so is a graph that is none."""

import re
from typing import Any

import numpy as np
import pytest

from whatsit.embedding.engines.registry import ENGINES, find_engine
from whatsit.embedding.session import open_session, run
from whatsit.errors import BackboneError

from .samples import TINY_SIZE, drawing, tiny_extractor

ABSENT = [name for name in ENGINES if not ENGINES.get(name).is_available()]


def test_the_processor_is_always_there() -> None:
    assert "cpu" not in ABSENT
    session: Any = open_session(tiny_extractor().graph)
    assert session.get_providers() == ["CPUExecutionProvider"]


def test_an_unknown_device_lists_those_there_are() -> None:
    for ask in (find_engine, lambda name: open_session(b"", name)):
        with pytest.raises(BackboneError, match=r"no device 'abacus'\. There are: cpu, cuda, coreml, openvino"):
            ask("abacus")


@pytest.mark.parametrize("name", ABSENT)
def test_a_device_that_is_not_there_names_its_package(name: str) -> None:
    with pytest.raises(
        BackboneError, match=rf"{name}.* needs the package {re.escape(ENGINES.get(name).package)}\. Available here: "
    ) as e:
        open_session(tiny_extractor().graph, name)
    assert str(e.value).endswith("cpu")


@pytest.mark.parametrize("graph", [b"", b"no graph", tiny_extractor().graph[:-100]])
def test_a_graph_that_is_none(graph: bytes) -> None:
    with pytest.raises(BackboneError, match=r"ONNX Runtime cannot load the graph: .+") as caught:
        open_session(graph)
    assert "\n" not in str(caught.value)


def test_threads_do_not_change_the_numbers() -> None:
    images = np.stack([drawing(seed, TINY_SIZE) for seed in range(5)])
    one, two = (run(open_session(tiny_extractor().graph, threads=n), ["embedding"], images)[0] for n in (1, 2))
    assert np.allclose(one, two, atol=1e-6)
