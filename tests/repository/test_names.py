"""Names: few characters, and any text can be made one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repository.look import refused
from whatsit.model.versions.layout import check_alias, check_name, valid_name

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
BAD = ["", ".", "..", "a/b", "a\\b", "my pets", "käfer", "a\n", "a\0b", "x" * 65, "٣", "\ud800", "-\x1b[2J"]


@given(st.text())
def test_any_text_is_a_name_or_refused_in_one_line(text: str) -> None:
    if NAME.fullmatch(text):
        assert check_name(text) == text
    else:
        assert "cannot be the name of a model" in refused(lambda: check_name(text))


@given(st.text())
def test_any_text_is_made_a_name(text: str) -> None:
    name = valid_name(text)
    assert check_name(name) == name
    assert valid_name(name) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("pets", "pets"),
        ("my pets/2", "my-pets-2"),
        ("ants_bees", "ants_bees"),
        (" - ", "model"),
        ("", "model"),
        ("x" * 70, "x" * 64),
        ("x" * 63 + " y", "x" * 63),
    ],
)
def test_valid_names(text: str, name: str) -> None:
    assert valid_name(text) == name


@pytest.mark.parametrize("text", BAD)
def test_bad_names_get_a_good_one(text: str) -> None:
    assert f"Try '{valid_name(text)}'" in refused(lambda: check_name(text))


@pytest.mark.parametrize("text", [*BAD, "7", "007"])
def test_bad_aliases_get_a_good_one(text: str) -> None:
    message = refused(lambda: check_alias(text))
    assert "cannot be an alias" in message
    suggested = message.rpartition("Try '")[2].removesuffix("'")
    assert check_alias(suggested) == suggested


@pytest.mark.parametrize(("alias", "command"), [("default", "models default"), ("previous", "models rollback")])
def test_some_aliases_are_not_set_by_hand(alias: str, command: str) -> None:
    assert command in refused(lambda: check_alias(alias))
