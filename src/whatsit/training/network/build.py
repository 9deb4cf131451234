"""Options → the network to train, and all that a model folder says of where it came from."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from whatsit.config import TrainOptions
from whatsit.data.dataset import Dataset
from whatsit.embedding.backbones.lite import LITES
from whatsit.embedding.backbones.names import is_timm
from whatsit.embedding.backbones.registry import find_source
from whatsit.errors import BackboneError, MissingExtraError
from whatsit.images.preprocessing import Preprocessing, ResizeMode
from whatsit.progress import ProgressReporter
from whatsit.training.network.accelerators import check_accelerator
from whatsit.training.network.architectures import CNN, FINETUNE, FINETUNE_LITE, SCRATCH, Recipe, architecture, recipe
from whatsit.training.preparation import likely_resize_mode

if TYPE_CHECKING:
    from whatsit.training.network.modules import Network

OWN = "trained from scratch on your photos"


@dataclass(frozen=True)
class Built:
    """A network with its first weights."""

    network: "Network"
    preprocessing: Preprocessing
    recipe: Recipe
    name: str
    licence: str
    source: str


def check_networks(options: TrainOptions) -> None:
    """Raises MissingExtraError where no network can be trained here, WhatsitError where not on the device asked for."""
    check_extra()
    check_accelerator(options.device, options.network.devices)


def check_extra() -> None:
    """Raises MissingExtraError without the extra `networks`."""
    for name in ("torch", "lightning", "timm"):
        if find_spec(name) is None:
            raise MissingExtraError(name, "networks")


def build(options: TrainOptions, classes: int, resize_mode: ResizeMode) -> Built:
    """Raises WhatsitError for an unknown name, weights that are missing, or an image too small for the layers."""
    import torch

    with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay his own
        torch.manual_seed(options.seed)
        first = _first(options, classes, resize_mode)
    chosen = replace(first.preprocessing, value_range=options.value_range).read_by(options.limits)
    return replace(first, preprocessing=chosen)


def _first(options: TrainOptions, classes: int, resize_mode: ResizeMode) -> Built:
    if options.method == "finetune":
        return _pretrained(options, classes, resize_mode)
    network = options.network
    if is_timm(network.architecture):
        return _timm_scratch(options, classes, resize_mode)
    cnn = architecture(network.architecture, layers=network.layers, dense=network.dense, size=options.image_size)
    return _scratch(options, cnn, classes, resize_mode)


def _scratch(options: TrainOptions, cnn: CNN, classes: int, resize_mode: ResizeMode) -> Built:
    from whatsit.training.network.cnn import build_cnn

    return Built(
        build_cnn(cnn, classes),
        Preprocessing((cnn.height, cnn.width), resize_mode),
        recipe(SCRATCH, options.network, cnn),
        name=options.network.architecture,
        licence="yours",
        source=OWN,
    )


def _timm_scratch(options: TrainOptions, classes: int, resize_mode: ResizeMode) -> Built:
    from whatsit.training.network.timm import build_timm_scratch

    asked = options.network
    for option, value in (("--layers", asked.layers), ("--dense", asked.dense)):
        if value is not None:
            raise BackboneError(f"{option} has no effect on {asked.architecture}: its layers are timm's. Leave it out")
    network = build_timm_scratch(asked.architecture, classes, options.image_size)
    return Built(
        network,
        Preprocessing(network.size, resize_mode),
        recipe(SCRATCH, asked),
        name=asked.architecture,
        licence="yours",
        source=OWN,
    )


def _timm_pretrained(options: TrainOptions, classes: int, resize_mode: ResizeMode) -> Built:
    from whatsit.embedding.backbones.timm import load_pretrained
    from whatsit.training.network.timm import build_timm

    pretrained = load_pretrained(
        options.backbone, Path(options.weights) if options.weights else None, options.image_size
    )
    network = build_timm(pretrained, classes)
    return Built(
        network,
        Preprocessing(network.size, resize_mode, pretrained.interpolation),
        recipe(FINETUNE, options.network),
        name=pretrained.name,
        licence=pretrained.licence,
        source=pretrained.source,
    )


def _pretrained(options: TrainOptions, classes: int, resize_mode: ResizeMode) -> Built:
    from whatsit.training.network.cnn import build_lite

    if is_timm(options.backbone):
        return _timm_pretrained(options, classes, resize_mode)
    if options.weights is not None:
        raise BackboneError(
            f"--weights goes with --backbone timm:NAME, got {options.backbone!r}. Leave one of them out"
        )
    try:
        backbone = LITES[options.backbone]
    except KeyError:
        source = find_source(options.backbone)
        why = "there is none of that name" if source is None else "its source has no layers to learn"
        if source is not None and source.is_file:
            why = "an ONNX file has no layers to learn"
        known = f"{', '.join(LITES)}, and timm:NAME for timm's"
        raise BackboneError(f"{options.backbone} cannot be fine-tuned: {why}. Those that can: {known}") from None
    network = build_lite(backbone, classes, options.image_size)
    return Built(
        network,
        Preprocessing(network.size, resize_mode),
        recipe(FINETUNE_LITE, options.network),
        name=backbone.name,
        licence=backbone.licence,
        source=backbone.source,
    )


def build_for(dataset: Dataset, options: TrainOptions, resize_mode: ResizeMode, progress: ProgressReporter) -> Built:
    """As `build`; a resize mode that was not asked for is the one that suits these photos and the network's input."""
    with progress("building the network", None):
        return _shaped_for(build(options, len(dataset.classes), resize_mode), dataset, options)


def _shaped_for(built: Built, dataset: Dataset, options: TrainOptions) -> Built:
    if options.resize_mode != "auto":
        return built
    before = built.preprocessing
    resize_mode, _ = likely_resize_mode(dataset, before.height, before.width, limits=options.limits)
    return replace(built, preprocessing=replace(before, resize_mode=resize_mode))


def introduce(built: Built, show: Callable[[str], None] | None) -> None:
    """Whoever listens hears of its layers, as `whatsit describe` shows them."""
    if show is not None:
        from whatsit.training.network.summary import summarise, table

        show(f"{built.name}\n{table(summarise(built.network))}")
