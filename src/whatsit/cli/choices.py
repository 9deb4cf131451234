"""The type of an option whose values are the names in a registry: `--device`, `--method`."""

from collections.abc import Sequence
from typing import Any

import click

from whatsit.registry import Registry


class Registered(click.Choice[str]):
    """Click's choice, of names that are not all known when the command is made.

    Other packages are looked at for the help, and where a name is typed that is not whatsit's own. more: names beside
    those of the registry.
    """

    def __init__(self, registry: Registry[Any], more: Sequence[str] = ()) -> None:
        self._registry = registry
        self._more = tuple(more)
        super().__init__(())

    @property
    def choices(self) -> tuple[str, ...]:
        return *self._registry, *self._more

    @choices.setter
    def choices(self, names: Sequence[str]) -> None:
        """Click stores the names that it was given: none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return value if value in self._registry.built_in else super().convert(value, param, ctx)
