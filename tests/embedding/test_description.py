"""Every mistake in the JSON beside a network has its own line, which says what to write."""

import json
from pathlib import Path
from typing import Any

import pytest

from whatsit.embedding.backbones.wrap import EXAMPLE, Description, read_description
from whatsit.errors import BackboneError

GOOD: dict[str, Any] = json.loads(EXAMPLE)


def _read(folder: Path, text: str) -> Description:
    path = folder / "my.json"
    path.write_text(text)
    return read_description(path)


def test_the_example_in_the_messages_is_right(tmp_path: Path) -> None:
    assert _read(tmp_path, EXAMPLE) == Description(224, "nchw", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 1)


def test_all_keys(tmp_path: Path) -> None:
    more = {
        "input": "x",
        "output": "y",
        "features": "z",
        "interpolation": "bicubic",
        "name": "é 1.0",
        "licence": "MIT",
    }
    description = _read(tmp_path, json.dumps(GOOD | more | {"source": "https://example.org/it"}))
    assert {key: getattr(description, key) for key in more} == more


@pytest.mark.parametrize(("size", "read"), [(30, 30), ([30, 100], (30, 100)), ([4096, 1], (4096, 1))])
def test_a_size_is_of_a_square_or_height_and_width(size: Any, read: Any, tmp_path: Path) -> None:
    assert _read(tmp_path, json.dumps(GOOD | {"size": size})).size == read


WRONG: dict[str, list[Any]] = {
    "size": ["224", 0, 5000, 224.0, True, [224], [0, 5], [5, 5000], [1, 2, 3], ["1", 2], [1.0, 2], [True, 2], {}],
    "layout": ["hwc", ["nchw"]],
    "mean": [0.5, [1, 2], [1, 2, "3"], [1, 2, float("nan")], [1, 2, 10**400]],
    "std": [[0, 1, 1], [-1, 1, 1]],
    "scale": [256, True, "1", None],
    "input": [""],
    "output": [3],
    "features": [None],
    "interpolation": ["nearest"],
    "name": ["a/b", "a\nb"],
    "licence": [" "],
    "source": [["me"]],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG.items() for value in values])
def test_a_wrong_value_is_named_with_what_was_expected(tmp_path: Path, key: str, value: Any) -> None:
    with pytest.raises(BackboneError, match=rf"^my\.json: '{key}' is .+, expected .+") as caught:
        _read(tmp_path, json.dumps(GOOD | {key: value}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", list(GOOD))
def test_a_missing_key_is_named_with_an_example(tmp_path: Path, key: str) -> None:
    with pytest.raises(BackboneError, match=rf"'{key}' is missing\. An example: "):
        _read(tmp_path, json.dumps({name: value for name, value in GOOD.items() if name != key}))


def test_an_unknown_key_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"unknown key 'sise'\. There are: size, layout, "):
        _read(tmp_path, json.dumps(GOOD | {"sise": 224}))


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", "null", "[" * 100_000, "\ud800"])
def test_anything_but_an_object(tmp_path: Path, text: str) -> None:
    (tmp_path / "my.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(BackboneError, match=r"^my\.json: .*An example: ") as caught:
        read_description(tmp_path / "my.json")
    assert "\n" not in str(caught.value)


def test_a_missing_file_tells_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(BackboneError) as caught:
        read_description(tmp_path / "my.json")
    assert str(caught.value) == f"my.json: no such file. It describes the ONNX file; write: {EXAMPLE}"


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "my.json").mkdir()
    with pytest.raises(BackboneError, match="cannot be read: "):
        read_description(tmp_path / "my.json")
