"""What can be chosen when a network is trained, each default beside its reason. It needs no PyTorch."""

from dataclasses import dataclass
from typing import Literal

OptimizerName = Literal["sgd", "rmsprop", "adam", "adamw"]


DEFAULT_ARCHITECTURE = "small-resnet"


Method = Literal["probe", "scratch", "finetune"]
Unfreeze = Literal["none", "head", "last-blocks", "all"]


@dataclass(frozen=True)
class NetworkOptions:
    """The options of `whatsit train --method scratch|finetune`. None stands for the method's own default."""

    architecture: str = DEFAULT_ARCHITECTURE  # from scratch: a name of the table, or timm:NAME
    layers: tuple[int, ...] | None = None
    dense: tuple[int, ...] | None = None
    epochs: int | None = None
    batch_size: int = 32  # small batches generalise at least as well (Masters & Luschi 2018), and fit any memory
    optimizer: OptimizerName | None = None
    learning_rate: float | Literal["find"] | None = None
    weight_decay: float | None = None
    label_smoothing: float | None = None
    augment: str | None = None  # a preset, or steps as in "hflip,rotation=15"
    unfreeze: Unfreeze = "all"
    averaging: bool | None = None  # of the weights, over about an epoch of steps
    frozen_norms: bool = True  # batch norms keep their statistics: right for small data
    probe_first: bool = True  # fine-tuning begins with the probe's head (Kumar et al. 2022)
    layer_decay: float | None = None  # of the learning rate, from block to block downwards
    warm_up: float | None = None
    cosine: bool | None = None
    patience: int | None = None  # epochs without a better valid loss, after which training ends
    stop_at_accuracy: float | None = None  # on valid
    max_seconds: float | None = None
    mixed_precision: bool = True  # bf16 where the processor or GPU has it
    devices: int = 1  # GPUs, or processes on the CPU


NETWORK_DEFAULTS = NetworkOptions()
