"""The type of `--device`: the names of engines. Those of other packages are looked for only where one is asked for."""

from collections.abc import Sequence
from typing import Any

import click

from whatsit.embedding.engines.registry import ENGINES


class Device(click.Choice[str]):
    """Click's choice, of names that are not all known when the command is made.

    more: names beside those of engines.
    """

    def __init__(self, more: Sequence[str] = ()) -> None:
        self._more = tuple(more)
        super().__init__(())

    @property
    def choices(self) -> tuple[str, ...]:
        return *ENGINES.built_in, *ENGINES.added(), *self._more

    @choices.setter
    def choices(self, names: Sequence[str]) -> None:
        """Click stores the names that it was given: none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return value if value in ENGINES.built_in else super().convert(value, param, ctx)
