"""What can be chosen when training, each default beside its reason."""

from dataclasses import dataclass
from typing import Literal

from whatsit.dataset.choices import GroupByName, NearCopies
from whatsit.images.limits import DEFAULT_LIMITS, Limits
from whatsit.images.preprocessing import Fit, ValueRange
from whatsit.learning.names import HeadName
from whatsit.networks.options import NETWORK_DEFAULTS, Method, NetworkOptions

Precision = Literal["int8", "float32"]


DEFAULT_BACKBONE = "efficientnet-lite0"


FitChoice = Fit | Literal["auto"]
PrecisionChoice = Precision | Literal["auto"]

MOST_SEED = 2**32 - 1  # that all libraries take which draw at random


@dataclass(frozen=True)
class TrainOptions:
    """The options of `whatsit train`."""

    method: Method = "probe"  # a head on a frozen backbone: nearly always enough, in seconds
    backbone: str = DEFAULT_BACKBONE  # a name of the table, timm:NAME, or the path of an ONNX feature extractor
    weights: str | None = None  # a file of the backbone's weights, for timm:NAME
    image_size: tuple[int, int] | None = None  # (height, width) in pixels of what the network sees; None: its own
    fit: FitChoice = "auto"  # squash or crop: a probe tries both on a sample, a network goes by the photos' shape
    value_range: ValueRange | None = None  # (black, white) of deep photos, of more than 8 bits; None: as measured
    bits: PrecisionChoice = "auto"  # 8 bits where this machine runs them faster: same accuracy within noise
    device: str = "cpu"
    head: HeadName = "logistic"
    balance: bool = False  # every class weighs the same: right where rare classes matter as much as common ones
    precision: float = 0.95  # of the answers given on held-out photos; below its threshold the answer is "unsure"
    near_copies: NearCopies = "group"  # photos that look like one another's copies are kept on one side of every split
    group_by_name: GroupByName = "auto"  # and so are photos of one source by their names, where the pictures agree
    valid: float = 0.15  # shares, where the data set brings no splits
    test: float = 0.15
    seed: int = 0
    thumbnails: bool = False  # of training photos, to show beside an answer: they go wherever the model goes
    tensorboard: str | None = None  # a folder, where each run gets one of its own; it costs the extra `networks`
    limits: Limits = DEFAULT_LIMITS
    network: NetworkOptions = NETWORK_DEFAULTS  # of the methods scratch and finetune alone
