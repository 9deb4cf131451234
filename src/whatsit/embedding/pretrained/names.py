"""Names of timm's networks as backbones: `timm:resnet50`, `timm:resnet50.a1_in1k`. It knows nothing of timm itself."""

import re

TIMM = "timm:"
_NAME = re.compile(r"\w+(?:\.\w+)?", re.ASCII)  # an architecture and, after the dot, which of its weights


def is_timm(name: str) -> bool:
    """Whether this asks for a network of timm, be there one of that name or not."""
    return name.startswith(TIMM)


def timm_name(name: str) -> str:
    """The name that timm knows, such as `resnet50.a1_in1k`."""
    return name.removeprefix(TIMM)


def is_well_formed(name: str) -> bool:
    """Whether timm could have such a name, and a file could be called so."""
    return is_timm(name) and _NAME.fullmatch(timm_name(name)) is not None


def is_custom(name: str) -> bool:
    """Whether this names a file of the user's own, not a row of the table."""
    return name.endswith(".onnx")
