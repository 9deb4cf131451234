"""Keep Pillow's and pydicom's remarks about odd metadata out of their users' terminals.

Pillow warns of a truncated EXIF block or an invalid animation header, though the picture itself is fine.
`warnings.catch_warnings` is no answer: it is not thread-safe, and images are decoded in threads. So one
narrow filter stands for good: `UserWarning` alone and from their modules alone. Pillow's warning of
decompression bombs is no `UserWarning`, and stays as its owner set it.

Libraries of the extra `science`, imported where they are needed; without them an error that says what to install.
"""

import re
import warnings
from threading import Event
from types import ModuleType
from typing import Any

from whatsit.errors import ImageError

_MODULES = r"(PIL|pydicom)\."
_silence, _silenced = Event(), Event()
_FILTER = ("ignore", None, UserWarning, re.compile(_MODULES), 0)


def hush_pillow() -> None:
    """Put the filter in front, where it is not there yet; cheap enough to call for each image."""
    if not warnings.filters or warnings.filters[0] != _FILTER:
        warnings.filterwarnings("ignore", category=UserWarning, module=_MODULES)


def ask_for_silence() -> None:
    """Have libtiff print nothing, from its first use on: it writes to file descriptor 2 from C, though
    each error reaches Python as one.

    For a program that owns its terminal, as the command line does: the switch is libtiff's own, for the whole process.
    """
    _silence.set()


def hush_libtiff() -> None:
    """Where that was asked for (TIFFSetErrorHandler). Pillow's libtiff cannot be reached by name on Windows."""
    if not _silence.is_set() or _silenced.is_set():
        return
    _silenced.set()
    import ctypes

    from PIL import _imaging

    try:
        library = ctypes.CDLL(_imaging.__file__)
        handlers = library.TIFFSetErrorHandler, library.TIFFSetWarningHandler
    except (OSError, AttributeError):
        return
    for set_handler in handlers:
        set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
        set_handler(None)


def hush_pydicom() -> None:
    """Where silence was asked for: its logger's remarks are no user's business, and its errors reach Python."""
    if _silence.is_set():
        import logging

        logging.getLogger("pydicom").setLevel(logging.CRITICAL)


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
