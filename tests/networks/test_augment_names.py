"""Augmentation as it is written: presets, lists, mistakes, and that none of it needs PyTorch."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from patience import PATIENCE

from whatsit.errors import WhatsitError
from whatsit.training.network.augment.augmentation import CHANGES, GEOMETRY, MIXES
from whatsit.training.network.augment.names import KINDS, PRESETS, Step, parse_augmentation

pytestmark = pytest.mark.slow


def test_a_list_is_its_steps_in_order() -> None:
    steps = parse_augmentation(" mixup=0.2, hflip ,rotation = 15")
    assert steps == (Step("mixup", 0.2), Step("hflip"), Step("rotation", 15))


@pytest.mark.parametrize("text", ["", "none", " none ", "  "])
def test_nothing_is_no_step(text: str) -> None:
    assert parse_augmentation(text) == ()


def test_the_light_preset_is_the_tutorials() -> None:
    steps = {step.name: step.value for step in parse_augmentation("light")}
    assert steps == {"rotation": 30, "shift": 0.2, "zoom": 0.2, "hflip": None}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_its_list(name: str) -> None:
    assert parse_augmentation(name) == parse_augmentation(PRESETS[name])


def test_a_preset_may_be_one_item() -> None:
    assert parse_augmentation("light,mixup=0.2") == (*parse_augmentation("light"), Step("mixup", 0.2))


def test_every_step_is_made() -> None:
    assert set(KINDS) == GEOMETRY.keys() | CHANGES.keys() | MIXES.keys()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rotate=15", ["got 'rotate=15'", "Did you mean 'rotation'?", "hflip"]),
        ("color=0.2", ["Did you mean 'colour'?"]),
        ("§", ["got '§'", "Example: hflip,rotation=15"]),
        ("rotation", ["got 'rotation'", "degrees", "from 0 to 180"]),
        ("rotation=", ["got 'rotation='", "from 0 to 180"]),
        ("rotation=-5", ["got 'rotation=-5'", "from 0 to 180"]),
        ("rotation=nan", ["got 'rotation=nan'"]),
        ("rotation=inf", ["got 'rotation=inf'"]),
        ("crop=0", ["the least share of the area", "from 0.01 to 1"]),
        ("erasing=1.5", ["a probability", "from 0 to 1"]),
        ("hflip=0.5", ["hflip takes no value", "got 'hflip=0.5'"]),
        ("hflip,vflip,hflip", ["hflip is named twice"]),
        ("light,zoom=0.1", ["zoom is named twice"]),
        ("none,hflip", ["'none' beside other steps"]),
        ("hflip,,vflip", ["no such step (got '')"]),
    ],
)
def test_mistakes_are_named(text: str, words: list[str]) -> None:
    with pytest.raises(WhatsitError) as caught:
        parse_augmentation(text)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("augmentation: ")
    for word in words:
        assert word in str(caught.value)


@given(st.text(max_size=30) | st.text(max_size=9).map("hflip,rotation={}".format))
def test_any_text_is_steps_or_one_line(text: str) -> None:
    try:
        said = ""
        steps = parse_augmentation(text)
    except WhatsitError as error:
        steps, said = (), str(error)
    assert all(step.name in KINDS for step in steps)
    assert not {"\n", "\r", "\x1b"} & set(said)


def test_names_need_no_pytorch() -> None:
    code = (
        "import sys; from whatsit.training.network.augment.names import parse_augmentation; "
        "parse_augmentation('strong'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=PATIENCE).returncode == 0
