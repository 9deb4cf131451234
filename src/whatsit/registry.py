"""The parts of whatsit that other packages can add: readers, backbones, engines, methods, protocols and commands.

A registry maps names to parts of one kind. whatsit's own parts stand in a table, as `module:attribute`, and are
imported when they are asked for. A package adds a part with an entry point in its `pyproject.toml`:

    [project.entry-points."whatsit.commands"]
    shout = "my_package.shout:command"

A name of the table is found without a look at other packages. They are looked at for an unknown name and for a list:
that takes 5 ms where no package adds anything, and 90 ms more, for `importlib.metadata`, where one does
(`docs/log.md`, 2026-12-01).

This module knows no part: what a part must be, the room says that it belongs to.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from whatsit.errors import WhatsitError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


class Registry(Generic[T]):
    """The parts of one kind, by name.

    Args:
        group: The entry points' group, such as `whatsit.commands`.
        noun: One part in a message, such as `command`.
        built_in: Name → `module:attribute`, in the order of lists.
        expected: What a part must be, in a message, such as `a click.Command`.
        accepts: Whether an imported value is that. whatsit's own are not asked.
        error: What is raised, a WhatsitError.
    """

    def __init__(
        self,
        group: str,
        noun: str,
        built_in: Mapping[str, str],
        *,
        expected: str,
        accepts: Callable[[Any], bool],
        error: type[WhatsitError] = WhatsitError,
    ) -> None:
        self.group = group
        self.noun = noun
        self.built_in = built_in
        self._expected = expected
        self.accepts = accepts
        self._error = error

    def __iter__(self) -> Iterator[str]:
        """All names: whatsit's own in the order of the table, then those of other packages in alphabetical order."""
        yield from self.built_in
        yield from self.added()

    def __contains__(self, name: object) -> bool:
        return name in self.built_in or name in self.added()

    def added(self) -> list[str]:
        """The names that other packages add, sorted. A name of the table is not among them: it cannot be replaced."""
        return sorted(set(_entry_points(self.group)) - set(self.built_in))

    def get(self, name: str) -> T:
        """The part.

        Raises:
            WhatsitError: There is no part of that name, two packages add it, or it cannot be imported.
        """
        if where := self.built_in.get(name):
            module, _, attribute = where.partition(":")
            own: T = getattr(import_module(module), attribute)
            return own
        points = _entry_points(self.group).get(name, [])
        if not points:
            raise self.unknown(name)
        if len(points) > 1:
            packages = " and ".join(_package(point) for point in points)
            raise self._error(f"{self.noun} {name!r}: the packages {packages} both add it. Uninstall one of them.")
        return self._loaded(points[0])

    def unknown(self, name: str, others: str = "") -> WhatsitError:
        """The error for a name that is none. others: what else is possible, as more words of the list."""
        from whatsit.text import meant, printable

        known = list(self)
        return self._error(
            f"no {self.noun} '{printable(name)}'. There are: {', '.join(known)}{others}.{meant(name, known)}"
        )

    def _loaded(self, point: "EntryPoint") -> T:
        what = f"{self.noun} {point.name!r} of the package {_package(point)}"
        try:
            part: T = point.load()
        except ImportError as error:
            if isinstance(error.__cause__, KeyboardInterrupt):  # as a compiled module tells it that is being imported
                raise
            raise self._broken(what, error) from error
        except Exception as error:  # another's code may raise anything
            raise self._broken(what, error) from error
        if not self.accepts(part):
            raise self._error(f"{what}: expected {self._expected}, got {type(part).__name__} at {point.value}.")
        return part

    def _broken(self, what: str, error: Exception) -> WhatsitError:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return self._error(f"{what} cannot be imported ({reason}). Update or uninstall the package.")


def _package(point: "EntryPoint") -> str:
    return point.dist.name if point.dist else point.module


def _entry_points(group: str) -> Mapping[str, list["EntryPoint"]]:
    return _read_entry_points(group, tuple(sys.path))


@cache
def _read_entry_points(group: str, path: tuple[str, ...]) -> Mapping[str, list["EntryPoint"]]:
    """Name → the entry points of packages that are installed on `path`, which is `sys.path`."""
    if f"[{group}]" not in _groups(path):
        return {}
    from importlib.metadata import entry_points

    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=group):
        found.setdefault(point.name, []).append(point)
    return found


@cache
def _groups(path: tuple[str, ...]) -> str:
    """The headings of whatsit's groups in the files `entry_points.txt` of all packages in these folders.

    `importlib.metadata` also finds packages in zip files; these are not looked at.
    """
    return " ".join(heading for place in path for file in _entry_point_files(place) for heading in _headings(file))


def _entry_point_files(place: str) -> list[str]:
    try:
        names = os.listdir(place or ".")  # noqa: PTH208 (pathlib is not imported yet)
    except OSError:
        return []
    return [f"{place or '.'}/{name}/entry_points.txt" for name in names if name.endswith((".dist-info", ".egg-info"))]


def _headings(file: str) -> list[str]:
    try:
        with open(file, encoding="utf-8", errors="replace") as opened:  # noqa: PTH123 (as above)
            return [line.strip() for line in opened if line.startswith("[whatsit.")]
    except OSError:
        return []
