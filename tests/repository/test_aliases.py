"""aliases.json: what is written is read, and what is damaged is said, with what to do."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repository.look import refused
from whatsit.model.versions.aliases import read_aliases, write_aliases
from whatsit.model.versions.layout import is_alias

NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True).filter(is_alias)
DAMAGE = {
    "empty": (b"", "no JSON"),
    "cut": (b'{"default": 1', "no JSON"),
    "no text": (b'\xff{"default": 1}', "no JSON"),
    "deep": (b"[" * 100_000, "no JSON"),
    "long": (b'{"default": ' + b"9" * 10_000 + b"}", "no JSON"),
    "a list": (b"[1]", "no JSON object"),
    "true": (b'{"default": true}', "'default' is true"),
    "a fraction": (b'{"default": 1.0}', "'default' is 1.0"),
    "text": (b'{"default": "1"}', "'default' is \"1\""),
    "zero": (b'{"default": 0}', "'default' is 0"),
    "below": (b'{"staging": -1}', "'staging' is -1"),
    "a number's name": (b'{"7": 1}', '"7" is no name'),
    "a path": (b'{"../x": 1}', '"../x" is no name'),
    "a bad name": (b'{"a\\u0000b": 1}', '"a\\u0000b" is no name'),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a model with three versions, as far as aliases are concerned."""
    for version in (1, 2, 30):
        (tmp_path / "pets" / str(version)).mkdir(parents=True)
    return tmp_path / "pets"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(aliases=st.dictionaries(NAMES, st.sampled_from([1, 2, 30]), max_size=5))
def test_what_is_written_is_read(aliases: dict[str, int], folder: Path) -> None:
    write_aliases(folder, aliases)
    assert read_aliases(folder) == {"default": 30, **aliases}


def test_default_and_previous_come_first(folder: Path) -> None:
    write_aliases(folder, {"a": 1, "previous": 2, "z": 2, "default": 1})
    assert list(read_aliases(folder)) == ["default", "previous", "a", "z"]


def test_without_the_file_the_newest_is_the_default(folder: Path) -> None:
    assert read_aliases(folder) == {"default": 30}


def test_without_a_folder_there_is_none(tmp_path: Path) -> None:
    assert read_aliases(tmp_path / "pets") == {}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named(kind: str, folder: Path) -> None:
    data, what = DAMAGE[kind]
    (folder / "aliases.json").write_bytes(data)
    message = refused(lambda: read_aliases(folder))
    assert f"aliases.json: damaged ({what}" in message
    assert "delete it" in message


def test_a_folder_or_a_pipe_in_its_place(folder: Path) -> None:
    (folder / "aliases.json").mkdir()
    assert "not a file" in refused(lambda: read_aliases(folder))
    (folder / "aliases.json").rmdir()
    os.mkfifo(folder / "aliases.json")
    assert "not a file" in refused(lambda: read_aliases(folder))


@pytest.mark.parametrize(
    ("alias", "command"),
    [("default", "default pets VERSION"), ("previous", "default pets VERSION"), ("qa", "alias pets qa VERSION")],
)
def test_a_missing_version_is_named_with_the_command_that_mends_it(alias: str, command: str, folder: Path) -> None:
    (folder / "aliases.json").write_text(json.dumps({"default": 1} | {alias: 4}), encoding="utf-8")
    message = refused(lambda: read_aliases(folder))
    assert f"'{alias}' is version 4, which is not there (there: 1, 2, 30)" in message
    assert f"whatsit models {command}" in message
