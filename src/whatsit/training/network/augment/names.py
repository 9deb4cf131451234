"""Augmentation as it is written: `light`, or a list such as `hflip,rotation=15,colour=0.2,mixup=0.2`.

Knows which steps there are and which values they take, and no PyTorch: what the steps do is theirs to know. A preset
is nothing but such a list with a name, and may be one item of a longer one: `light,mixup=0.2`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from whatsit.errors import WhatsitError
from whatsit.text import printable, some


@dataclass(frozen=True)
class Step:
    """One item of the list: what to do, and how strongly."""

    name: str
    value: float | None = None  # None where the step takes none


@dataclass(frozen=True)
class Kind:
    """The values that a step takes: from `least` to `most`. With `nothing` it does nothing."""

    what: str  # the value's meaning and unit
    least: float
    most: float
    nothing: float | None = None


KINDS: dict[str, Kind | None] = {
    "hflip": None,
    "vflip": None,
    "rotation": Kind("degrees", 0, 180, nothing=0),
    "shift": Kind("a share of the sides", 0, 1, nothing=0),
    "width-shift": Kind("a share of the width", 0, 1, nothing=0),
    "height-shift": Kind("a share of the height", 0, 1, nothing=0),
    "zoom": Kind("a share of the size", 0, 0.9, nothing=0),
    "crop": Kind("the least share of the area", 0.01, 1, nothing=1),
    "colour": Kind("a strength", 0, 1, nothing=0),
    "randaugment": Kind("a magnitude", 0, 30),
    "erasing": Kind("a probability", 0, 1, nothing=0),
    "mixup": Kind("alpha", 0, 10, nothing=0),
    "cutmix": Kind("alpha", 0, 10, nothing=0),
}
"""What each step takes; None: no value. What each does is in the file of its name."""

PRESETS: dict[str, str] = {
    "none": "",
    "light": "rotation=30,shift=0.2,zoom=0.2,hflip",
    "strong": "crop=0.35,hflip,colour=0.4,erasing=0.25,mixup=0.2,cutmix=1",
}
"""Lists with a name.

light: what tutorials of Keras' ImageDataGenerator do to photos of cats and dogs.
strong: parts of the recipes that ImageNet's networks are trained with, where one published value is in wide use. crop
0.35: fastai's Imagenette scripts, for trainings of a few epochs (Inception's 0.08 is for hundreds). colour 0.4: timm's
and torchvision's. erasing 0.25: DeiT (Touvron et al. 2021). mixup 0.2: Zhang et al. 2018, within 0.1 to 0.4; cutmix 1:
Yun et al. 2019. Together as in torchvision's recipe (Vryniotis 2021).
"""

EXAMPLE = "hflip,rotation=15,colour=0.2"


def parse_augmentation(text: str) -> tuple[Step, ...]:
    """The steps of a preset or a list, in the order given. Blanks around an item mean nothing.

    Raises:
        WhatsitError: An unknown name, a value that is missing, too much or out of range, or a step that is named twice.
    """
    steps = tuple(_steps(text))
    names = [step.name for step in steps]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise WhatsitError(
            f"augmentation: {twice} is named twice (got '{printable(text)}'). Expected each step once. Remove one"
        )
    return steps


def does_nothing(step: Step) -> bool:
    """Whether it is of no effect, such as a rotation by 0 degrees."""
    kind = KINDS[step.name]
    return kind is not None and kind.nothing is not None and step.value == kind.nothing


def _steps(text: str) -> Iterator[Step]:
    text = text.strip()
    if text in ("", "none"):
        return
    for item in text.split(","):
        preset = PRESETS.get(item.strip())
        if preset:
            yield from _steps(preset)
        else:
            yield _step(item.strip())


def _step(item: str) -> Step:
    name, given, value = (part.strip() for part in item.partition("="))
    if name not in KINDS:
        raise WhatsitError(_unknown(item, name))
    kind = KINDS[name]
    if kind is None:
        if given:
            raise WhatsitError(f"augmentation: {name} takes no value (got '{printable(item)}'). Expected {name} alone")
        return Step(name)
    return Step(name, _number(item, name, value, kind))


def _number(item: str, name: str, value: str, kind: Kind) -> float:
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not kind.least <= number <= kind.most:
        raise WhatsitError(
            f"augmentation: {name} takes a number, {kind.what} (got '{printable(item)}'). "
            f"Expected {name}=… from {kind.least:g} to {kind.most:g}"
        )
    return number


def _unknown(item: str, name: str) -> str:
    if name == "none":
        return "augmentation: 'none' beside other steps. Expected it alone. Remove it, or the others"
    known = [*PRESETS, *KINDS]
    near = get_close_matches(name, known, n=1)
    hint = f"Did you mean '{near[0]}'?" if near else f"Example: {EXAMPLE}"
    return f"augmentation: no such step (got {some([item])}). Expected some of {', '.join(known)}. {hint}"
