"""The model folder: what was saved is what answers; what is damaged, hostile or too new is refused in one line."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import whatsit
from whatsit.errors import ModelFolderError, WhatsitError
from whatsit.model.classifier import Classifier
from whatsit.model.folder import CHECKED, FILES, FORMAT, ModelFacts, read_facts, seal, write_core

Copy = Callable[[], Path]
ALL = (FILES.graph, FILES.facts, FILES.labels)


def refused(folder: Path) -> str:
    """The message, which is one line."""
    with pytest.raises(ModelFolderError) as caught:
        whatsit.load(folder).predict(np.zeros((4, 4, 3), np.uint8))
    message = str(caught.value)
    assert "\n" not in message
    assert message.isprintable()
    assert len(message) < 500
    return message


def rewrite(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Changes model.json as someone would who knows how it is sealed."""
    path = folder / FILES.facts
    values = json.loads(path.read_bytes())
    change(values)
    reseal(path, values)


def reseal(path: Path, values: Any) -> None:
    if isinstance(values, dict) and isinstance(values.get("checksums"), dict):
        values["checksums"][FILES.facts] = "0" * 64
        path.write_bytes(seal(json.dumps(values).encode()))
    else:
        path.write_text(json.dumps(values))


def test_saved_and_loaded_it_gives_the_same_answer(classifier: Classifier, folder: Path, paths: list[str]) -> None:
    again = whatsit.load(folder)
    assert again.facts == classifier.facts
    np.testing.assert_array_equal(again.predict_proba(paths), classifier.predict_proba(paths))


def test_model_json_says_everything(folder: Path) -> None:
    values = json.loads((folder / FILES.facts).read_text(encoding="utf-8"))
    assert set(values) == set(ModelFacts.__dataclass_fields__)
    assert set(values["checksums"]) == set(ALL)
    assert set(values["backbone"]) == {"name", "precision", "dim", "licence", "source", "fingerprint"}
    assert set(values["unsure"]) == {"threshold", "precision", "similarity"}
    assert set(values["preprocessing"]) == {"size", "fit", "interpolation"}
    assert values["format"] == FORMAT
    assert values["labels"] == (folder / FILES.labels).read_text(encoding="utf-8").splitlines()


def test_the_folder_holds_all_that_is_promised(folder: Path) -> None:
    names = {FILES.graph, FILES.facts, FILES.labels, FILES.splits, FILES.predictions, FILES.report}
    assert {path.name for path in folder.iterdir()} == names


def test_it_may_be_moved_or_linked(copy: Copy, tmp_path: Path) -> None:
    moved = copy().rename(tmp_path / "mœved 🐝")
    link = tmp_path / "link"
    link.symlink_to(moved, target_is_directory=True)
    real = (moved / FILES.graph).rename(tmp_path / "blob")
    (moved / FILES.graph).symlink_to(real)
    assert whatsit.load(link).classes_ == ("leaves", "shells", "stones")


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.999])
def test_a_flipped_byte_is_found(name: str, share: float, copy: Copy) -> None:
    path = copy() / name
    data = bytearray(path.read_bytes())
    data[int(share * len(data))] ^= 1
    path.write_bytes(data)
    assert "damaged" in refused(path.parent)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("left", [0.0, 0.5])
def test_a_truncated_file_is_found(name: str, left: float, copy: Copy) -> None:
    path = copy() / name
    data = path.read_bytes()
    path.write_bytes(data[: int(left * len(data))])
    assert "damaged" in refused(path.parent)


@pytest.mark.parametrize("name", ALL)
def test_a_missing_file_is_named(name: str, copy: Copy) -> None:
    folder = copy()
    (folder / name).unlink()
    assert name in refused(folder)


@pytest.mark.parametrize("name", ALL)
def test_what_is_no_regular_file_is_not_opened(name: str, copy: Copy) -> None:
    """A pipe would wait for ever, /dev/zero never end."""
    folder = copy()
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert "not a file" in refused(folder)
    (folder / name).unlink()
    (folder / name).symlink_to("/dev/zero")
    assert "not a file" in refused(folder)
    (folder / name).unlink()
    (folder / name).mkdir()
    assert "not a file" in refused(folder)


@pytest.mark.parametrize("name", ["gone", "x" * 5000, "nul\0", "file"])
def test_what_is_no_model_folder_is_said(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("hello")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelFolderError, match=r"not a model folder .*Make one: whatsit train"):
        whatsit.load(tmp_path / name)
    with pytest.raises(ModelFolderError, match=r"no model.json in it"):
        whatsit.load(tmp_path / "empty")


def test_a_newer_format_is_refused_and_the_upgrade_named(copy: Copy) -> None:
    for version in (FORMAT + 1, 10**3000):
        folder = copy()
        rewrite(folder, partial(dict.update, format=version, labels="other", new=1))
        assert "is newer than this whatsit reads (1). Upgrade: pip install -U whatsit" in refused(folder)


@pytest.mark.parametrize("version", [0, -1, True, 1.0, "1", None, [1]])
def test_a_format_that_is_no_number_is_damage(version: Any, copy: Copy) -> None:
    folder = copy()
    rewrite(folder, lambda values: values.update(format=version))
    assert "damaged" in refused(folder)


@pytest.mark.parametrize("text", ["", "null", "[]", "7", "{}", '{"format": 1}', "[" * 100_000, "\ufeff{}", '"\\ud800"'])
def test_other_json_is_damage(text: str, copy: Copy) -> None:
    folder = copy()
    (folder / FILES.facts).write_text(text, encoding="utf-8")
    assert "damaged" in refused(folder)


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
    "size: not the graph's": (("preprocessing", "size"), 225, "'image' is (n, 224, 224, 3) in its graph"),
    "fit": (("preprocessing", "fit"), "stretch", "fit must be one of"),
    "preprocessing: more": (("preprocessing", "mean"), 0, "preprocessing has size, fit"),
    "temperature: NaN": (("temperature",), float("nan"), "'temperature' is NaN"),
    "temperature: infinite": (("temperature",), float("inf"), "'temperature' is Infinity"),
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

    def change(values: dict[str, Any]) -> None:
        for key in keys[:-1]:
            values = values[key]
        values[keys[-1]] = value

    folder = copy()
    rewrite(folder, change)
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


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PLACES), JSON)
def test_any_value_anywhere_is_read_or_refused_in_one_line(place: tuple[str, ...], value: Any, copy: Copy) -> None:
    folder = copy()

    def change(values: dict[str, Any]) -> None:
        for key in place[:-1]:
            values = values[key]
        values[place[-1]] = value

    rewrite(folder, change)
    try:
        facts = read_facts(folder)
    except WhatsitError as error:
        assert "\n" not in str(error)
        assert str(error).isprintable()
    else:
        assert isinstance(facts.temperature, int | float)
        assert 0 <= facts.unsure.threshold <= 1


def test_the_seal_is_over_every_byte_of_model_json(folder: Path) -> None:
    data = (folder / FILES.facts).read_bytes()
    own = json.loads(data)["checksums"][FILES.facts].encode()
    assert data.count(own) == 1
    assert hashlib.sha256(data.replace(own, b"0" * 64)).hexdigest().encode() == own
