"""Keep Pillow's remarks about odd metadata out of its users' terminals.

Pillow warns of a truncated EXIF block or an invalid animation header, though the picture itself is fine.
`warnings.catch_warnings` is no answer: it is not thread-safe, and images are decoded in threads. So one
narrow filter stands for good: `UserWarning` alone and from Pillow's modules alone. Pillow's warning of
decompression bombs is no `UserWarning`, and stays as its owner set it.
"""

import re
import warnings

_MODULES = r"PIL\."
_FILTER = ("ignore", None, UserWarning, re.compile(_MODULES), 0)


def hush_pillow() -> None:
    """Put the filter in front, where it is not there yet; cheap enough to call for each image."""
    if not warnings.filters or warnings.filters[0] != _FILTER:
        warnings.filterwarnings("ignore", category=UserWarning, module=_MODULES)
