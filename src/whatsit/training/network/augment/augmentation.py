"""The steps that were asked for, as one thing that a training calls on each batch."""

from collections.abc import Callable

import torch
from torch import Tensor

from whatsit.training.network.augment.geometry import (
    Shape,
    crop,
    height_shift,
    hflip,
    rotation,
    sample,
    shift,
    vflip,
    width_shift,
    zoom,
)
from whatsit.training.network.augment.names import does_nothing, parse_augmentation
from whatsit.training.network.augment.pixels import colour, cutmix, erasing, mixup
from whatsit.training.network.augment.randaugment import randaugment

Geometry = Callable[[float, Shape, torch.Generator], Tensor]  # value → (n, 3, 3), see matrices.py
Change = Callable[[Tensor, float, torch.Generator], Tensor]  # float32 (n, 3, h, w), value → the same, maybe in place
Mix = Callable[[Tensor, Tensor, float, torch.Generator], tuple[Tensor, Tensor]]

GEOMETRY: dict[str, Geometry] = {
    "hflip": hflip,
    "vflip": vflip,
    "rotation": rotation,
    "shift": shift,
    "width-shift": width_shift,
    "height-shift": height_shift,
    "zoom": zoom,
    "crop": crop,
}
CHANGES: dict[str, Change] = {"randaugment": randaugment, "colour": colour, "erasing": erasing}  # in this order
MIXES: dict[str, Mix] = {"mixup": mixup, "cutmix": cutmix}


class Augmentation:
    """What is done to photos to learn from: a preset, or a list of steps (`names.py`).

    Geometric steps come first, in the order given; then RandAugment, colours and erasing; then, where the training
    calls it, mixing. Only the generator that a call is given decides: the same seed gives the same pixels.

    >>> Augmentation("hflip,rotation=15,mixup=0.2").identity
    False
    """

    def __init__(self, text: str) -> None:
        """Raises WhatsitError for what is no augmentation."""
        self.text = text
        values = {step.name: step.value or 0.0 for step in parse_augmentation(text) if not does_nothing(step)}
        self._geometry = [(GEOMETRY[name], value) for name, value in values.items() if name in GEOMETRY]
        self._changes = [(change, values[name]) for name, change in CHANGES.items() if name in values]
        self._mixes = [(mix, values[name]) for name, mix in MIXES.items() if name in values]

    @property
    def identity(self) -> bool:
        """Nothing is done to photos or labels."""
        return not (self._geometry or self._changes or self._mixes)

    @property
    def mixes(self) -> bool:
        """Whether `mix` does anything, so that labels must come as rows of probabilities."""
        return bool(self._mixes)

    @torch.no_grad()
    def __call__(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        """Changes each photo by its own draw.

        pixels: uint8 (n, 3, h, w) in any memory format, on any device; generator: on the CPU. Gives float32
        (n, 3, h, w) from 0 to 255 in the memory format channels_last, on the same device. Raises ValueError for any
        other tensor.
        """
        if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[1] != 3:
            raise ValueError(f"photos are uint8 (n, 3, h, w), got {pixels.dtype} {tuple(pixels.shape)}")
        if not (self._geometry or self._changes) or pixels.numel() == 0:
            return pixels.to(torch.float32, memory_format=torch.channels_last)
        with torch.autocast(pixels.device.type, enabled=False):  # in half precision, colours would lose their last bit
            changed = self._moved(pixels, generator)
            for change, value in self._changes:
                changed = change(changed, value, generator)
        return changed.contiguous(memory_format=torch.channels_last)

    def _moved(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        """float32 (n, 3, h, w), contiguous, and never the tensor that was given."""
        shape = Shape(pixels.shape[0], pixels.shape[2], pixels.shape[3])
        matrices = torch.eye(3).repeat(shape.n, 1, 1)
        for step, value in self._geometry:
            matrices = matrices @ step(value, shape, generator)
        return sample(pixels, matrices)

    @torch.no_grad()
    def mix(self, pixels: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Mixes photos of a batch with each other, and their labels alike.

        pixels: float (n, 3, h, w); targets: float (n, classes), one-hot or soft, whose rows sum to 1, and so they do
        after. The tensors given stay as they are, and come back themselves where no mixing was asked for. Where both
        kinds were, a coin a batch decides, as in timm and torchvision.
        """
        if not self._mixes or not len(pixels):
            return pixels, targets
        which = int(torch.randint(len(self._mixes), (), generator=generator))
        mix, value = self._mixes[which]
        return mix(pixels, targets, value, generator)
