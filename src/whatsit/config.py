"""Every option, once: name, type, default and its reason, help, and where it has an effect (`option.py` says how).

To add an option, add its field here. The command line, the checks and the reference follow; what the option does is
read from the dataclass where it is done. This module imports nothing that takes time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from whatsit.errors import DatasetError
from whatsit.images.formats import FORMATS
from whatsit.images.limits import DEFAULT_LIMITS, Limits
from whatsit.images.preprocessing import ResizeMode, ValueRange
from whatsit.kinds import (
    Choice,
    Device,
    Integer,
    LearningRate,
    Levels,
    Mebibytes,
    MethodName,
    Names,
    Place,
    Real,
    Repeated,
    Seconds,
    Sides,
    SplitFolders,
    Switch,
    Text,
    Widths,
)
from whatsit.option import (
    NETWORKS,
    Among,
    Around,
    BatchSizes,
    Method,
    Option,
    Scales,
    check_values,
    options_of,
    setting,
    typed_words,
)

Split = Literal["train", "valid", "test"]
NearCopies = Literal["group", "ignore"]
GroupByName = Literal["auto", "always", "never"]
HeadName = Literal["logistic", "mlp", "svm", "knn"]
OptimizerName = Literal["sgd", "rmsprop", "adam", "adamw"]
Unfreeze = Literal["none", "head", "last-blocks", "all"]
Precision = Literal["int8", "float32"]
PrecisionChoice = Precision | Literal["auto"]
ResizeModeChoice = ResizeMode | Literal["auto"]
TopFolders = Literal["classes", "groups", "parts"]

DEFAULT_ARCHITECTURE = "small-resnet"
DEFAULT_BACKBONE = "efficientnet-lite0"
MOST_SEED = 2**32 - 1  # that all libraries take which draw at random
MIB = 1024**2  # bytes

TRAINING = ("train", "compare", "tune")
SCRATCH: tuple[Method, ...] = ("scratch",)
FINETUNE: tuple[Method, ...] = ("finetune",)
PROBE: tuple[Method, ...] = ("probe",)
PRETRAINED: tuple[Method, ...] = ("probe", "finetune")

SPLITS: dict[str, Any] = {"heading": "Splits", "commands": TRAINING, "same_photos": True}
MODEL: dict[str, Any] = {"heading": "Model", "commands": TRAINING, "candidate": True}
NETWORK: dict[str, Any] = {
    "heading": "Networks (--method scratch or finetune)",
    "commands": TRAINING,
    "methods": NETWORKS,
    "candidate": True,
}
ONE_TRAINING = ("train", "compare")  # not of a search: its trials share the machine, and are all networks
RATES = dict.fromkeys(NETWORKS, Around(below=30, above=10))  # too long a step shows soon, too short a one is only slow


@dataclass(frozen=True)
class NetworkOptions:
    """The options of `whatsit train --method scratch|finetune`. None stands for the method's own default."""

    architecture: str = setting(
        DEFAULT_ARCHITECTURE,
        Text("NAME"),
        "Network to train from scratch: a name that 'whatsit describe' lists, or timm:NAME.",
        **NETWORK | {"methods": SCRATCH},
    )
    layers: tuple[int, ...] | None = setting(
        None,
        Widths(),
        "Number of filters of each convolution: 32,64,64.",
        unset="the architecture's own",
        **NETWORK | {"methods": SCRATCH, "commands": (*TRAINING, "describe")},
    )
    dense: tuple[int, ...] | None = setting(
        None,
        Widths(may_be_none=True),
        "Number of units of each dense layer before the output: 256; or none.",
        unset="the architecture's own",
        **NETWORK | {"methods": SCRATCH, "commands": (*TRAINING, "describe")},
    )
    epochs: int | None = setting(
        None,
        Integer(1, 100_000),
        "Number of passes over the training photos.",
        by_method={"scratch": 30, "finetune": 10},
        unset="fine-tuning on few photos takes up to 40 epochs, architectures of tutorials 10",
        **NETWORK,
    )
    # small batches generalise at least as well (Masters & Luschi 2018), and fit any memory
    batch_size: int = setting(
        32,
        Integer(1, 8192),
        "Number of photos per step of the optimizer.",
        # the noise of a step, and with it how long a step may be
        search=dict.fromkeys(NETWORKS, BatchSizes((16, 32, 64, 128), batches=4)),  # fewer steps learn next to nothing
        search_order=2,
        **NETWORK,
    )
    optimizer: OptimizerName | None = setting(
        None,
        Choice(get_args(OptimizerName)),
        "Algorithm that updates the weights.",
        by_method=dict.fromkeys(NETWORKS, "adamw"),
        unset="architectures of tutorials have their own",
        **NETWORK,
    )
    # from scratch: of 1e-3 and 3e-3 the better one on valid photos of two sets (docs/log.md). Fine-tuning: of BEiT's
    # order (Bao et al. 2022), which suits transformers and CNNs of timm's
    learning_rate: float | Literal["find"] | None = setting(
        None,
        LearningRate(),
        "Step size of the optimizer. find: measure it in a short trial (Smith 2017).",
        by_method={"scratch": 1e-3, "finetune": 3e-4},
        unset="built-in backbones 0.002, architectures of tutorials their own",
        search=RATES,  # the option that matters most (Goodfellow et al. 2016, 11.4.1)
        search_order=1,
        **NETWORK,
    )
    weight_decay: float | None = setting(
        None,
        Real(0, 10),
        "Strength with which every step pulls the weights towards 0.",
        by_method={"scratch": 0.05, "finetune": 0.05},
        search={"scratch": RATES["scratch"]},  # its one brake besides augmentation; fine-tuning hardly feels it
        search_order=6,
        **NETWORK,
    )
    layer_decay: float | None = setting(
        None,
        Real(0, 1, low_open=True),
        "Factor by which the learning rate shrinks from one block to the one below.",
        by_method={"scratch": 1.0, "finetune": 0.75},
        unset="built-in backbones 0.9",
        **NETWORK,
    )
    label_smoothing: float | None = setting(
        None,
        Real(0, 1, high_open=True),
        "Share of each label that is spread evenly over all classes.",
        by_method={"scratch": 0.0, "finetune": 0.1},
        **NETWORK,
    )
    augment: str | None = setting(
        None,
        Text("STEPS"),
        "Random changes of training photos: none, light, strong, or a list of steps; 'whatsit preview' shows them.",
        by_method=dict.fromkeys(NETWORKS, "light"),
        # the fewer photos, the more it helps; too much hides what is to be learned
        search=dict.fromkeys(NETWORKS, Among(("none", "light", "strong"))),
        search_order=4,
        **NETWORK,
    )
    unfreeze: Unfreeze = setting(
        "all",
        Choice(get_args(Unfreeze)),
        "Layers that fine-tuning changes.",
        search={"finetune": Among(("head", "last-blocks", "all"))},  # how much of the pretraining is kept as it is
        search_order=5,
        **NETWORK | {"methods": FINETUNE},
    )
    averaging: bool | None = setting(
        None,
        Switch(),
        "Use the average of the weights over about one epoch.",
        by_method=dict.fromkeys(NETWORKS, True),
        **NETWORK,
    )
    frozen_norms: bool = setting(  # right for small data
        True, Switch(), "Keep the statistics of batch norms as pretrained.", **NETWORK | {"methods": FINETUNE}
    )
    probe_first: bool = setting(  # Kumar et al. 2022
        True, Switch(), "Start fine-tuning with the head of a probe.", **NETWORK | {"methods": FINETUNE}
    )
    warm_up: float | None = setting(
        None,
        Real(0, 1),
        "Share of all steps over which the learning rate rises.",
        by_method=dict.fromkeys(NETWORKS, 0.1),
        **NETWORK | {"commands": ()},
    )
    cosine: bool | None = setting(
        None,
        Switch(),
        "Let the learning rate fall along a cosine.",
        by_method=dict.fromkeys(NETWORKS, True),
        **NETWORK | {"commands": ()},
    )
    # fine-tuning: full-sized steps set the first epochs back, and it takes a dozen to regain that (docs/log.md)
    patience: int | None = setting(
        None,
        Integer(1),
        "Stop after so many epochs without a lower loss on valid photos.",
        by_method={"scratch": 10, "finetune": 20},
        **NETWORK,
    )
    stop_at_accuracy: float | None = setting(
        None,
        Real(0, 1),
        "Stop as soon as this share of the valid photos is right: 0.999.",
        unset="never",
        changes_weights=False,
        **NETWORK,
    )
    max_seconds: float | None = setting(
        None,
        Seconds(),
        "Stop training after this time: 90s, 10m or 1.5h.",
        unset="no limit",
        flag="--max-time",
        changes_weights=False,
        **NETWORK | {"commands": ONE_TRAINING},
    )
    mixed_precision: bool = setting(
        True, Switch(), "Compute in bf16 where the processor or GPU supports it.", **NETWORK
    )
    # more devices change the weights a little; still a training may move to another machine
    devices: int = setting(
        1,
        Integer(1, 64),
        "Number of GPUs, or of processes on the CPU.",
        changes_weights=False,
        **NETWORK | {"commands": ONE_TRAINING},
    )

    def __post_init__(self) -> None:
        check_values(self)


NETWORK_DEFAULTS = NetworkOptions()


@dataclass(frozen=True)
class TrainOptions:
    """The options of `whatsit train`. Raises WhatsitError for a value that an option does not take."""

    # a probe is nearly always enough, and takes seconds
    method: Method = setting(
        "probe",
        MethodName(),
        "probe: train a classifier on the embeddings of a pretrained network. scratch: train a small network on your "
        "photos alone. finetune: train a pretrained network further.",
        needs_photos=True,
        **MODEL | {"commands": ONE_TRAINING},
    )
    backbone: str = setting(
        DEFAULT_BACKBONE,
        Text("NAME"),
        "Pretrained network: a built-in name, timm:NAME for one of timm's, or for a probe an ONNX file of your own.",
        **MODEL | {"methods": PRETRAINED, "commands": (*TRAINING, "embed")},
    )
    weights: str | None = setting(
        None,
        Place("FILE"),
        "Weights for timm:NAME, a safetensors file.",
        unset="timm's own, downloaded once",
        **MODEL | {"methods": PRETRAINED, "commands": (*TRAINING, "embed")},
    )
    image_size: tuple[int, int] | None = setting(
        None,
        Sides(),
        "Size of the network's input in pixels: 150, or 30x100 for height x width.",
        unset="the network's own",
        needs_photos=True,
        # details against time; small photos need no large input. 1.5 takes 2.25 times as long, 2 would take 4 times
        search=dict.fromkeys(NETWORKS, Scales((0.5, 0.75, 1.0, 1.5))),
        search_order=3,
        **MODEL | {"commands": (*TRAINING, "embed", "describe")},
    )
    resize_mode: ResizeModeChoice = setting(
        "auto",
        Choice(("auto", *get_args(ResizeMode))),
        "How a photo is brought to that size. squash: change its proportions. crop: cut off what is too long. "
        "letterbox: add borders. auto: squash or crop, whichever suits the photos.",
        needs_photos=True,
        **MODEL | {"commands": (*TRAINING, "embed", "preview")},
    )
    value_range: ValueRange | None = setting(
        None,
        Levels(),
        "Black and white in photos of more than 8 bits: 0:4095.",
        unset="measured on the photos",
        heading="Photos",
        commands=(*TRAINING, "embed", "preview"),
        same_photos=True,
        needs_photos=True,
    )
    # 8 bits where this machine runs them faster: the same accuracy within noise (benchmarks/RESULTS.md)
    precision: PrecisionChoice = setting(
        "auto",
        Choice(("auto", *get_args(Precision))),
        "Numbers that the backbone computes with. auto: int8 where the processor has instructions for it.",
        needs_photos=True,
        **MODEL | {"methods": PROBE, "commands": ("train", "compare", "embed")},
    )
    device: str = setting(
        "cpu", Device(training=True), "Processor that runs the network.", heading="Model", commands=TRAINING
    )
    head: HeadName = setting(
        "logistic",
        Choice(get_args(HeadName)),
        "Classifier that is trained on the embeddings. mlp: one hidden layer.",
        **MODEL | {"methods": PROBE, "commands": ONE_TRAINING},
    )
    balance: bool = setting(  # right where rare classes matter as much as common ones
        False,
        Switch(),
        "Give every class the same weight, however many photos it has.",
        heading="Model",
        commands=TRAINING,
    )
    target_precision: float = setting(
        0.95,
        Real(0, 1),
        "Share of the given answers that should be right. Photos that are less certain are answered with 'unsure'.",
        heading="Model",
        commands=TRAINING,
        changes_weights=False,
    )
    near_copies: NearCopies = setting(
        "group",
        Choice(get_args(NearCopies)),
        "Keep photos that look almost the same in one split, or ignore that they look the same.",
        **SPLITS,
    )
    group_by_name: GroupByName = setting(
        "auto",
        Choice(get_args(GroupByName)),
        "Keep photos of one source, as their file names tell, in one split. auto: if such photos also look alike.",
        **SPLITS,
    )
    valid: float = setting(
        0.15, Real(0, 1, high_open=True), "Share of the photos that models are selected on.", **SPLITS
    )
    test: float = setting(
        0.15,
        Real(0, 1, high_open=True),
        "Share of the photos that the final model is tested on. 0 for a probe: cross-validation.",
        **SPLITS,
    )
    train_share: float = setting(
        1.0,
        Real(0, 1, low_open=True),
        "Share of the training photos that the model is trained on, to see what more photos would bring.",
        **SPLITS | {"commands": ONE_TRAINING, "same_photos": False, "candidate": True},
    )
    seed: int = setting(
        0, Integer(0, MOST_SEED), "Seed of all random numbers. Another seed draws other splits.", **SPLITS
    )
    thumbnails: bool = setting(  # they go wherever the model goes, so they are asked for
        False,
        Switch(),
        "Store small training photos in the model folder, to show similar ones beside an answer.",
        commands=("train", "tune"),
        changes_weights=False,
    )
    tensorboard: str | None = setting(
        None,
        Place("DIR"),
        "Also write a run for TensorBoard into this folder.",
        unset="none is written",
        commands=("train",),
        changes_weights=False,
    )
    limits: Limits = DEFAULT_LIMITS
    network: NetworkOptions = NETWORK_DEFAULTS  # of the methods scratch and finetune alone

    def __post_init__(self) -> None:
        check_values(self)


def weight_changing(options: TrainOptions) -> dict[str, Any]:
    """Name → value, of all options that change the weights that a training comes to."""
    parts = (options, options.limits, options.network)
    described = [(part, name, one) for part in parts for name, one in options_of(type(part)).items()]
    return {name: getattr(part, name) for part, name, one in described if one.changes_weights}


READING: dict[str, Any] = {
    "heading": "Reading DATA",
    "commands": (*TRAINING, "evaluate", "embed", "preview"),
    "needs_photos": True,
}


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

    split_folders: Mapping[str, Split] = field(
        default_factory=dict,
        metadata={
            "option": Option(
                SplitFolders(),
                "Folder of each split: train=FOLDER,valid=FOLDER,test=FOLDER.",
                unset="found by their names",
                **READING,
            )
        },
    )
    top_folders: TopFolders | None = setting(
        None,
        Choice(get_args(TopFolders)),
        "What the folders at the top are. classes: each is a class. groups: each holds class folders, and its photos "
        "belong together. parts: each holds class folders, and their names mean nothing.",
        unset="found by their names",
        **READING,
    )
    skip: tuple[str, ...] = setting(
        (), Names(), "Folders and files to leave out: masks,*_mask.png.", unset="none", **READING
    )
    path_column: str | None = setting(
        None, Text("NAME"), "Column of paths or URIs in a manifest.", unset="uri", **READING
    )
    label_column: str | None = setting(None, Text("NAME"), "Column of labels.", unset="label", **READING)
    split_column: str | None = setting(
        None, Text("NAME"), "Column that says train, valid or test.", unset="split", **READING
    )
    group_column: str | None = setting(
        None, Text("NAME"), "Column whose equal values keep photos in one split.", unset="group", **READING
    )
    max_missing: float = setting(
        0.1, Real(0, 1), "Share of a manifest's files that may be missing. They are left out and listed.", **READING
    )

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
        return typed_words(self)


READ_DEFAULTS = ReadOptions()


@dataclass(frozen=True)
class TuneOptions:
    """The options of `whatsit tune`. Raises WhatsitError for a value that an option does not take."""

    train: TrainOptions = TrainOptions(method="finetune")  # the same for all trials; it learns best from few photos
    search: tuple[str, ...] | None = None  # names of options that have a search; None: all of the method
    trials: int = setting(  # ten at random and ten that build on them; more pay less and less (Bergstra et al. 2011)
        20, Integer(1, 100_000), "Number of trials, those of earlier calls included.", commands=("tune",)
    )
    max_seconds: float | None = setting(
        None,
        Seconds(),
        "Begin no trial after this time: 90s, 10m or 2h.",
        unset="no limit",
        flag="--max-time",
        commands=("tune",),
    )
    processes: int = setting(  # a network alone keeps all cores busy; several pay where images are small
        1, Integer(1, 64), "Number of trials that run at the same time.", commands=("tune",)
    )
    storage: Path | None = setting(
        None,
        Place("FILE", as_path=True),
        "Journal of the search.",
        unset="OUTPUT.tuning/study.journal",
        commands=("tune",),
    )

    def __post_init__(self) -> None:
        check_values(self)


@dataclass(frozen=True)
class PreviewOptions:
    """The options of `whatsit preview`. Raises WhatsitError for a value that an option does not take."""

    augment: str = setting(
        "light",
        Text("STEPS"),
        "Random changes: none, light, strong, or a list: hflip,rotation=15,colour=0.2,mixup=0.2.",
        commands=("preview",),
    )
    size: tuple[int, int] = setting(  # the tutorials', and six cells of it are as wide as a screen
        (150, 150),
        Sides(),
        "Size of the network's input in pixels: 150, or 30x100 for height x width.",
        flag="--image-size",
        commands=("preview",),
    )
    photos: int = setting(6, Integer(1, 50), "Number of photos, one in each row.", commands=("preview",))
    copies: int = setting(5, Integer(1, 20), "Number of changed copies of each photo.", commands=("preview",))
    seed: int = setting(
        0,
        Integer(0, MOST_SEED),
        "Seed of the random changes. Another seed shows other photos and changes.",
        commands=("preview",),
    )
    resize_mode: ResizeMode = "squash"
    limits: Limits = DEFAULT_LIMITS
    value_range: ValueRange | None = None  # of deep photos

    def __post_init__(self) -> None:
        check_values(self)


# A 25-megapixel PNG takes about 0.1 GB to decode. A baseline JPEG of 120 megapixels comes from the decoder at an
# eighth of its sides. The 258 KB PNG of 13,000 × 6,800 that would take 676 MB is refused by its header.
# AVIF and HEIC keep the size in two places: a file of 3.6 KB that says 64 × 64 in one of them and holds a frame of
# 16,384 × 16,384 took 548 MB. They are for servers whose clients are known.
HEAVY = frozenset({"avif", "heic", "jp2", "dicom"})  # JPEG 2000's decoder takes four times the pixels, and more


SERVER_LIMITS = Limits(
    max_bytes=10 * MIB, max_pixels=25_000_000, max_stored_pixels=120_000_000, formats=FORMATS - HEAVY
)


SERVE = ("serve",)


@dataclass(frozen=True)
class ServeOptions:
    """The options of `whatsit serve`. Times in seconds, sizes in bytes."""

    host: str = setting("127.0.0.1", Text("ADDRESS"), "Address to listen on.", commands=SERVE)
    port: int = setting(8000, Integer(0, 65535), "Port to listen on. 0: any free port.", commands=SERVE)
    admin_port: int | None = setting(
        None, Integer(0, 65535), "Port on 127.0.0.1 for managing models over HTTP.", unset="none", commands=SERVE
    )
    api_key: str | None = setting(
        None,
        Text("KEY"),
        "Answer only requests that bring this key.",
        unset="the variable WHATSIT_API_KEY, else none",
        envvar="WHATSIT_API_KEY",
        commands=SERVE,
    )
    insecure: bool = setting(False, Switch(), "Listen on other addresses without a key.", commands=SERVE)
    allowed_hosts: tuple[str, ...] = setting(
        (),
        Repeated("NAME"),
        "Another name of this server, as behind a proxy. May be given several times.",
        flag="--allow-host",
        unset="none",
        commands=SERVE,
    )
    keep: Path | None = setting(
        None,
        Place("DIR", as_path=True),
        "Store photos and answers in this folder, and accept corrections.",
        unset="nothing is stored",
        commands=SERVE,
    )
    keep_bytes: int = setting(
        1024 * MIB, Mebibytes(), "Largest size of that folder in megabytes.", flag="--keep-mb", commands=SERVE
    )
    max_batch: int | None = setting(
        None,
        Integer(1, 256),
        "Most images that one call of the network takes.",
        unset="depends on the device",
        commands=SERVE,
    )
    limits: Limits = SERVER_LIMITS
    max_body: int = 10 * MIB
    max_instances: int = 16  # images a request
    max_waiting: int = setting(  # beyond: 429
        64, Integer(1), "Most images that wait for the network. Further ones are refused.", commands=SERVE
    )
    max_buffered: int = 256 * MIB  # of all bodies together; beyond: 429
    max_connections: int = 512
    deadline: float = setting(  # from the last byte of the request to its answer, the queue included
        10.0, Real(0.1), "Seconds in which a request is answered, or refused.", commands=SERVE
    )
    body_timeout: float = 30.0  # for the whole body: 10 MiB over a phone's 3 Mbit/s
    header_timeout: float = 10.0
    keep_alive: float = 30.0  # longer than most clients keep an idle connection, so that they end it first
    shutdown_delay: float = setting(  # so that a load balancer can look away
        0.0, Real(0), "Seconds that the server still accepts requests after SIGTERM.", commands=SERVE
    )
    shutdown_timeout: float = 30.0
    poll: float = 1.0  # how often the repository is looked at
    quiet: bool = setting(False, Switch(), "Print no line for each request.", commands=SERVE)
    device: str = setting("cpu", Device(), "Processor that runs the network.", commands=SERVE)

    def __post_init__(self) -> None:
        check_values(self)
