"""Each photo seen differently every time: turned, cropped, recoloured, mixed. For photos to learn from alone.

A network that never sees the same pixels twice cannot learn them by heart. Photos that judge are never changed.

    names → Augmentation → geometry (one matrix a photo, one sampling a batch) → colours → erasing
                         → mix (two photos and their labels, after that)

It works on batches of tensors, on whatever device they are; what is random is drawn on the CPU, so that it is the same
everywhere. `names` needs no PyTorch, and neither does importing this package.
"""

from typing import TYPE_CHECKING

from whatsit.networks.augment.names import PRESETS, Step, parse_augmentation

if TYPE_CHECKING:
    from whatsit.networks.augment.augmentation import Augmentation

__all__ = ["PRESETS", "Augmentation", "Step", "parse_augmentation"]


def __getattr__(name: str) -> object:
    if name != "Augmentation":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from whatsit.networks.augment.augmentation import Augmentation

    return Augmentation
