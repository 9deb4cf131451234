"""The registry by itself. What packages of others add to each room is tested there: `test_plugins.py`."""

import re
from pathlib import Path
from typing import Any

import pytest
from plugins import Install

import whatsit
from whatsit.cli import COMMANDS
from whatsit.data.readers.registry import READERS
from whatsit.embedding.backbones.registry import BACKBONES
from whatsit.embedding.engines.registry import ENGINES
from whatsit.errors import BackboneError, WhatsitError
from whatsit.registry import Registry
from whatsit.serving.protocols.registry import PROTOCOLS
from whatsit.training.methods import METHODS

CONTRIBUTING = Path(__file__).parents[1] / "CONTRIBUTING.md"
SOURCE = Path(whatsit.__file__).parent
REGISTRIES: list[Registry[Any]] = [BACKBONES, COMMANDS, ENGINES, METHODS, PROTOCOLS, READERS]


def numbers(error: type[WhatsitError] = WhatsitError) -> Registry[int]:
    return Registry(
        "whatsit.numbers",
        "number",
        {"e": "math:e", "inf": "math:inf", "gone": "no_such_module:x"},
        expected="an int",
        accepts=lambda value: isinstance(value, int),
        error=error,
    )


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda one: one.noun)
def test_whatsits_own_parts_are_what_others_must_be(registry: Registry[Any]) -> None:
    assert [name for name in registry.built_in if not registry.accepts(registry.get(name))] == []


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda one: one.noun)
def test_contributing_names_the_group(registry: Registry[Any]) -> None:
    assert f"`{registry.group}`" in CONTRIBUTING.read_text(encoding="utf-8")


def test_contributing_names_files_that_there_are() -> None:
    section = CONTRIBUTING.read_text(encoding="utf-8").partition("## To add a part")[2].partition("\n## ")[0]
    named = re.findall(r"`([\w/]+\.py)`", section)
    assert [name for name in named if not name.endswith("/NAME.py") and not (SOURCE / name).is_file()] == []
    assert len(named) > 6


def test_own_parts_are_found_in_their_order() -> None:
    registry = numbers()
    assert list(registry) == ["e", "inf", "gone"]
    assert registry.get("inf") == float("inf")
    assert "e" in registry
    assert "pi" not in registry


def test_a_part_of_another_package(installed: Install) -> None:
    installed("numbers-of-others", "seven = 7\nhalf = 0.5\n", numbers={"seven": "seven", "half": "half", "e": "seven"})
    registry = numbers()
    assert list(registry) == ["e", "inf", "gone", "half", "seven"]
    assert registry.get("seven") == 7
    assert registry.get("e") == pytest.approx(2.718, abs=0.001)  # the package does not replace whatsit's own
    with pytest.raises(WhatsitError, match=r"number 'half' of the package numbers-of-others: expected an int, got flo"):
        registry.get("half")


def test_an_unknown_name_is_refused_with_what_was_meant(installed: Install) -> None:
    installed("numbers-again", "seven = 7\n", numbers={"seven": "seven"})
    with pytest.raises(BackboneError) as refused:
        numbers(BackboneError).get("sevn")
    assert str(refused.value) == "no number 'sevn'. There are: e, inf, gone, seven. Did you mean 'seven'?"


def test_two_packages_of_one_name_are_refused(installed: Install) -> None:
    for package in ("first-numbers", "second-numbers"):
        installed(package, "seven = 7\n", numbers={"seven": "seven"})
    registry = numbers()
    assert list(registry) == ["e", "inf", "gone", "seven"]
    with pytest.raises(WhatsitError) as refused:
        registry.get("seven")
    assert str(refused.value) in (
        "number 'seven': the packages first-numbers and second-numbers both add it. Uninstall one of them.",
        "number 'seven': the packages second-numbers and first-numbers both add it. Uninstall one of them.",
    )


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import surely_not_there\n", "ModuleNotFoundError: No module named 'surely_not_there'"),
        ("seven = 7 / 0\n", "ZeroDivisionError: division by zero"),
        ("six = 6\n", "AttributeError: module 'broken_{}' has no attribute 'seven'"),
    ],
)
def test_a_package_that_fails_is_named(installed: Install, source: str, reason: str) -> None:
    key = abs(hash(source))
    installed(f"broken-{key}", source, numbers={"seven": "seven"})
    with pytest.raises(WhatsitError) as refused:
        numbers().get("seven")
    told = f"number 'seven' of the package broken-{key} cannot be imported ({reason.format(key)}). "
    assert str(refused.value) == f"{told}Update or uninstall the package."


def test_an_own_part_that_fails_is_a_fault_of_ours() -> None:
    with pytest.raises(ModuleNotFoundError):
        numbers().get("gone")
