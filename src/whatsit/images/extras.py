"""Libraries of the extra `science`, imported where they are needed; without them an error that says what to install."""

from types import ModuleType
from typing import Any

from whatsit.errors import ImageError


def imagecodecs(what: str) -> Any:
    """The module. Raises `ImageError`: `what` needs it."""
    return _module("imagecodecs", what)


def pydicom(what: str) -> Any:
    return _module("pydicom", what)


def _module(name: str, what: str) -> ModuleType:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        raise ImageError(f"not supported: {what}, without {name}. Install it: pip install 'whatsit[science]'") from None
