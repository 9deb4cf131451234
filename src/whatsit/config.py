"""What a user may choose about photos that belong together.

The names of the heads, apart from their code, so that options can be read without it.

What can be chosen when a network is trained, each default beside its reason. It needs no PyTorch.

What can be chosen when training, each default beside its reason.

How a data set is to be read where its folders or columns do not say it by themselves.

What can be chosen of a search, each default beside its reason.

What a server may spend on its clients: every default beside its reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal, get_args

from whatsit.errors import DatasetError
from whatsit.images.formats import FORMATS
from whatsit.images.limits import DEFAULT_LIMITS, Limits
from whatsit.images.preprocessing import ResizeMode, ValueRange
from whatsit.text import as_option, shell_quoted

NearCopies = Literal["group", "ignore"]


GroupByName = Literal["auto", "always", "never"]


NEAR_COPIES: tuple[NearCopies, ...] = get_args(NearCopies)


GROUP_BY_NAME: tuple[GroupByName, ...] = get_args(GroupByName)


Split = Literal["train", "valid", "test"]


HeadName = Literal["logistic", "mlp", "svm", "knn"]


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


Precision = Literal["int8", "float32"]


DEFAULT_BACKBONE = "efficientnet-lite0"


ResizeModeChoice = ResizeMode | Literal["auto"]


PrecisionChoice = Precision | Literal["auto"]


MOST_SEED = 2**32 - 1  # that all libraries take which draw at random


@dataclass(frozen=True)
class TrainOptions:
    """The options of `whatsit train`."""

    method: Method = "probe"  # a head on a frozen backbone: nearly always enough, in seconds
    backbone: str = DEFAULT_BACKBONE  # a name of the table, timm:NAME, or the path of an ONNX feature extractor
    weights: str | None = None  # a file of the backbone's weights, for timm:NAME
    image_size: tuple[int, int] | None = None  # (height, width) in pixels of what the network sees; None: its own
    resize_mode: ResizeModeChoice = (
        "auto"  # squash or crop: a probe tries both on a sample, a network goes by the photos' shape
    )
    value_range: ValueRange | None = None  # (black, white) of deep photos, of more than 8 bits; None: as measured
    precision: PrecisionChoice = "auto"  # 8 bits where this machine runs them faster: same accuracy within noise
    device: str = "cpu"
    head: HeadName = "logistic"
    balance: bool = False  # every class weighs the same: right where rare classes matter as much as common ones
    target_precision: float = (
        0.95  # of the answers given on held-out photos; below its threshold the answer is "unsure"
    )
    near_copies: NearCopies = "group"  # photos that look like one another's copies are kept on one side of every split
    group_by_name: GroupByName = "auto"  # and so are photos of one source by their names, where the pictures agree
    valid: float = 0.15  # shares, where the data set brings no splits
    test: float = 0.15
    seed: int = 0
    thumbnails: bool = False  # of training photos, to show beside an answer: they go wherever the model goes
    tensorboard: str | None = None  # a folder, where each run gets one of its own; it costs the extra `networks`
    limits: Limits = DEFAULT_LIMITS
    network: NetworkOptions = NETWORK_DEFAULTS  # of the methods scratch and finetune alone


TopFolders = Literal["classes", "groups", "parts"]


@dataclass(frozen=True)
class ReadOptions:
    """What the user says of the data; whatever is left out is found out, and refused where two readings are likely.

    Attributes:
        split_folders: Folder → its split, such as ``{"training_set": "train", "test_set": "test"}``. The folders are at
            the top or in every class folder, or paths from the top. Folders that are not named are left out.
        top_folders: What the folders at the top are. ``classes``: the folder says what is on a photo, and what lies
            below it is no matter. ``groups``: each holds class folders, and its photos belong together (a site, a
            patient). ``parts``: each holds class folders, and where a photo lies is no matter.
        skip: Names of folders and files to leave out, wherever they lie; ``*`` and ``?`` as a shell has them.
        path_column: Of a manifest: the column of paths or URIs.
        label_column: The column of labels.
        split_column: The column that says train, valid or test.
        group_column: The column whose equal values keep photos together.
        max_missing: Share of a manifest's files, in [0, 1], that may be missing. They are left out, and listed as
            unreadable ones are. Above, it is a mistake in the paths more likely than lost photos.
    """

    split_folders: Mapping[str, Split] = field(default_factory=dict)
    top_folders: TopFolders | None = None
    skip: tuple[str, ...] = ()
    path_column: str | None = None
    label_column: str | None = None
    split_column: str | None = None
    group_column: str | None = None
    max_missing: float = 0.1

    def __post_init__(self) -> None:
        if self.top_folders is not None and self.top_folders not in get_args(TopFolders):
            raise DatasetError(f"top_folders={self.top_folders!r}: expected {', '.join(get_args(TopFolders))} or None.")
        if self.split_folders and self.top_folders is not None:
            raise DatasetError("split_folders and top_folders: expected one of them, since both say what folders are.")
        if strange := [split for split in self.split_folders.values() if split not in get_args(Split)]:
            raise DatasetError(f"split_folders: unknown split {strange[0]!r}. Expected train, valid or test.")
        if not 0 <= self.max_missing <= 1:
            raise DatasetError(f"max_missing={self.max_missing}: not a share. Expected a number from 0 to 1.")
        named: dict[str, str] = {}
        for name in ("path_column", "label_column", "split_column", "group_column"):
            column = getattr(self, name)
            if column is not None and (other := named.setdefault(column.strip().lower(), name)) != name:
                raise DatasetError(f"{other} and {name} are both {column!r}. Expected a column each.")

    def typed(self) -> list[str]:
        """The words to type for the same reading."""
        words = []
        if self.split_folders:
            told = ",".join(f"{split}={folder}" for folder, split in self.split_folders.items())
            words += ["--split-folders", shell_quoted(told)]
        for one in fields(self)[1:]:
            if (value := getattr(self, one.name)) != one.default:
                told = ",".join(value) if isinstance(value, tuple) else str(value)
                words += [as_option(one.name), shell_quoted(told)]
        return words


READ_DEFAULTS = ReadOptions()


FINETUNE = TrainOptions(method="finetune")  # the method that learns best from few photos


@dataclass(frozen=True)
class TuneOptions:
    """The options of `whatsit tune`."""

    train: TrainOptions = FINETUNE  # what all trials have in common
    search: tuple[str, ...] | None = None  # names of the space; None: all that it has for the method
    trials: int = 20  # ten at random and ten that build on them; more pay less and less (Bergstra et al. 2011)
    max_seconds: float | None = None  # after which no trial is begun
    processes: int = 1  # a network alone keeps all cores busy; several pay where images are small
    storage: Path | None = None  # the journal; None: beside the output


MIB = 1024**2


# A 25-megapixel PNG takes about 0.1 GB to decode. A baseline JPEG of 120 megapixels comes from the decoder at an
# eighth of its sides. The 258 KB PNG of 13,000 × 6,800 that would take 676 MB is refused by its header.
# AVIF and HEIC keep the size in two places: a file of 3.6 KB that says 64 × 64 in one of them and holds a frame of
# 16,384 × 16,384 took 548 MB. They are for servers whose clients are known.
HEAVY = frozenset({"avif", "heic", "jp2", "dicom"})  # JPEG 2000's decoder takes four times the pixels, and more


SERVER_LIMITS = Limits(
    max_bytes=10 * MIB,
    max_pixels=25_000_000,
    max_stored_pixels=120_000_000,
    formats=FORMATS - HEAVY,
)


@dataclass(frozen=True)
class ServeOptions:
    """Times in seconds, sizes in bytes."""

    host: str = "127.0.0.1"
    port: int = 8000
    admin_port: int | None = None  # on 127.0.0.1 alone; off unless asked for
    api_key: str | None = None
    allowed_hosts: tuple[str, ...] = ()  # names that the Host header may have, beside the address itself
    device: str = "cpu"
    max_batch: int | None = None  # waiting images that share a call of the network; None: what suits the device
    limits: Limits = SERVER_LIMITS
    max_body: int = 10 * MIB
    max_instances: int = 16  # images a request
    max_waiting: int = 64  # images admitted and not yet begun; beyond: 429
    max_buffered: int = 256 * MIB  # of all bodies together; beyond: 429
    max_connections: int = 512
    deadline: float = 10.0  # from the last byte of the request to its answer, the queue included
    body_timeout: float = 30.0  # for the whole body: 10 MiB over a phone's 3 Mbit/s
    header_timeout: float = 10.0
    keep_alive: float = 30.0  # longer than most clients keep an idle connection, so that they end it first
    shutdown_delay: float = 0.0  # between SIGTERM and closing the door, so that a load balancer can look away
    shutdown_timeout: float = 30.0
    poll: float = 1.0  # how often the repository is looked at
    keep: Path | None = None  # where questions and answers are kept; None: nowhere
    keep_bytes: int = 1024 * MIB
    quiet: bool = False  # no line a request
    insecure: bool = False  # another address than this machine's own without a key
