"""Options of a training → the `whatsit train` command that asks for them again."""

from collections.abc import Iterator
from dataclasses import fields

from whatsit.options import TrainOptions
from whatsit.text import as_option, shell_quoted
from whatsit.tuning.space import spelled

PLAIN = ("backbone", "weights", "fit", "device", "precision", "valid", "test", "seed")
GROUPING = ("near_copies", "group_by_name")
FLAGS = ("balance", "thumbnails")
OTHERWISE = {"max_seconds": "max-time"}  # options that are not called as their field is
PYTHON = ("warm_up", "cosine")  # that are none, and only Python can set


def train_command(data: str, options: TrainOptions) -> str:
    """On one line; data: as a shell reads it."""
    return " ".join(["whatsit train", data, *_said(options)])


def _said(options: TrainOptions) -> Iterator[str]:
    """Only what differs from the defaults."""
    default = TrainOptions()
    yield f"--method {options.method}"
    for name in PLAIN:
        if (value := getattr(options, name)) != getattr(default, name):
            yield f"--{name} {shell_quoted(str(value))}"
    for name in GROUPING:
        if (value := getattr(options, name)) != getattr(default, name):
            yield f"{as_option(name)} {value}"
    if options.image_size:
        yield f"--image-size {spelled(options.image_size)}"
    if options.value_range:
        yield "--value-range {:.10g}:{:.10g}".format(*options.value_range)
    yield from (f"--{name}" for name in FLAGS if getattr(options, name))
    for name in ("max_bytes", "max_pixels"):
        if (value := getattr(options.limits, name)) != getattr(default.limits, name):
            yield f"{as_option(name)} {value}"
    if options.limits.bands:
        yield f"--bands {','.join(map(str, options.limits.bands))}"
    if options.limits.page != default.limits.page:
        yield f"--page {options.limits.page}"
    names = [field.name for field in fields(options.network)]
    for name in sorted(names, key=lambda name: name in PYTHON):
        if (value := getattr(options.network, name)) != getattr(default.network, name):
            yield f"# and {name}={value!r} in Python" if name in PYTHON else _option(name, value)


def _option(name: str, value: object) -> str:
    flag = OTHERWISE.get(name, name.replace("_", "-"))
    if isinstance(value, bool):
        return f"--{flag}" if value else f"--no-{flag}"
    if isinstance(value, tuple):
        return f"--{flag} {','.join(map(str, value)) or 'none'}"
    return f"--{flag} {shell_quoted(str(value))}"
