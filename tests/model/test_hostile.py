"""Values of model.json that no whatsit wrote, under a checksum that fits: each is named, in one line."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.damage import Copy, refused, replaced, rewrite
from whatsit.errors import ModelFolderError
from whatsit.images.preprocessing import sides
from whatsit.model.format import CHECKED, FILES, MAX_SIDE, ModelFacts, read_facts, write_core

HOSTILE: dict[str, tuple[tuple[str, ...], Any, str]] = {
    "labels: one": (("labels",), ["leaves"], "'labels' is"),
    "labels: a string": (("labels",), "abc", "'labels' is abc, expected"),
    "labels: numbers": (("labels",), [1, 2, 3], "'labels' is"),
    "labels: twice": (("labels",), ["a", "b", "a"], "'labels' is"),
    "labels: empty": (("labels",), ["a", "", "b"], "'labels' is"),
    "labels: with a newline": (("labels",), ["a", "b\nc", "d"], "'labels' is"),
    "labels: with an escape": (("labels",), ["a", "b", "\x1b[2J"], "'labels' is"),
    "labels: half a character": (("labels",), ["a", "b", "\ud800"], "'labels' is"),
    "labels: others": (("labels",), ["a", "b", "c"], "its labels are not those of model.json"),
    "size: huge": (("preprocessing", "size"), 10**9, "'preprocessing' is"),
    "size: true": (("preprocessing", "size"), True, "'preprocessing' is"),
    "size: one side": (
        ("preprocessing", "size"),
        [224],
        "expected an object with a size in pixels, 1 to 4096, or [hei",
    ),
    "size: three sides": (("preprocessing", "size"), [224, 224, 3], "'preprocessing' is"),
    "size: a huge side": (("preprocessing", "size"), [224, 10**9], "'preprocessing' is"),
    "size: a side of text": (("preprocessing", "size"), [224, "224"], "'preprocessing' is"),
    "size: not square": (
        ("preprocessing", "size"),
        [224, 100],
        "(n, 224, 224, 3) in its graph and (n, 224, 100, 3) by",
    ),
    "size: not the graph's": (("preprocessing", "size"), 225, "'image' is (n, 224, 224, 3) in its graph"),
    "fit": (("preprocessing", "fit"), "stretch", "fit must be one of"),
    "value_range: one number": (("preprocessing", "value_range"), [7], "value_range must be two numbers"),
    "value_range: no span": (("preprocessing", "value_range"), [7, 7], "value_range must be two numbers"),
    "value_range: NaN": (("preprocessing", "value_range"), [0, float("nan")], "value_range must be two numbers"),
    "value_range: text": (("preprocessing", "value_range"), ["0", "1"], "value_range must be two numbers"),
    "value_range: infinite": (("preprocessing", "value_range"), [0, float("inf")], "value_range must be two numbers"),
    "preprocessing: more": (("preprocessing", "mean"), 0, "preprocessing has size, fit"),
    "temperature: NaN": (("temperature",), float("nan"), "'temperature' is NaN"),
    "temperature: infinite": (("temperature",), float("inf"), "'temperature' is Infinity"),
    "temperature: of 400 digits": (("temperature",), 10**400, "'temperature' is 1000"),
    "temperature: 0": (("temperature",), 0, "'temperature' is 0"),
    "threshold: NaN": (("unsure", "threshold"), float("nan"), "'unsure.threshold' is NaN"),
    "threshold: text": (("unsure", "threshold"), "0.5", "'unsure.threshold' is 0.5, expected a number"),
    "threshold: above 1": (("unsure", "threshold"), 2, "'unsure.threshold' is 2"),
    "similarity": (("unsure", "similarity"), -(10**30), "'unsure.similarity' is -1000"),
    "unsure: more": (("unsure", "patience"), 1, "'unsure.patience' is unknown"),
    "backbone: dim": (("backbone", "dim"), 10, "'embedding' is (n, 1952) in its graph and (n, 10) by its model.json"),
    "backbone: a list": (("backbone",), [], "'backbone' is [], expected an object"),
    "name": (("name",), "a\nb", "'name' is a\\nb"),
    "checksums: none": (("checksums", FILES.graph), None, "a checksum is missing"),
    "checksums: number": (("checksums", FILES.graph), 7, "a checksum is missing"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_values_are_named(name: str, copy: Copy) -> None:
    keys, value, message = HOSTILE[name]

    folder = copy()
    rewrite(folder, replaced(keys, value))
    assert message in refused(folder)


@pytest.mark.parametrize("key", sorted(ModelFacts.__dataclass_fields__))
def test_a_missing_key_is_damage(key: str, copy: Copy) -> None:
    folder = copy()
    rewrite(folder, lambda values: values.pop(key))
    assert "damaged" in refused(folder)


def test_as_many_labels_as_the_graph_has_classes(copy: Copy) -> None:
    """Labels that agree with labels.txt, but not with the graph, would name the wrong class."""
    folder = copy()
    facts, graph = read_facts(folder), (folder / FILES.graph).read_bytes()
    write_core(folder, replace(facts, labels=(*facts.labels, "more")), graph)
    assert "'probabilities' is (n, 3) in its graph and (n, 4) by its model.json" in refused(folder)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PLACES = [
    *((key,) for key in ModelFacts.__dataclass_fields__),
    *(("unsure", key) for key in ("threshold", "precision", "similarity")),
    *(("preprocessing", key) for key in ("size", "fit", "interpolation")),
    *(("backbone", key) for key in ("name", "dim")),
    *(("checksums", key) for key in CHECKED),
]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(PLACES), value=JSON)
def test_any_value_anywhere_is_read_or_refused_in_one_line(place: tuple[str, ...], value: Any, copy: Copy) -> None:
    folder = copy()

    rewrite(folder, replaced(place, value))
    facts, message = read_or_refusal(folder)
    assert message.isprintable()
    if facts:
        assert np.isfinite(facts.temperature)
        assert 0 <= facts.unsure.threshold <= 1
        assert all(1 <= side <= MAX_SIDE for side in sides(facts.preprocessing.size))


def read_or_refusal(folder: Path) -> tuple[ModelFacts | None, str]:
    try:
        return read_facts(folder), ""
    except ModelFolderError as error:
        return None, str(error)
