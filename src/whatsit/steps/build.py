"""Options → the network to train, and all that a model folder says of where it came from."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from whatsit.embedding.backbones import BACKBONES
from whatsit.errors import BackboneError, MissingExtraError
from whatsit.images.preprocessing import Fit, Preprocessing
from whatsit.networks.architectures import CNN, architecture
from whatsit.networks.options import Recipe, recipe
from whatsit.options import TrainOptions

if TYPE_CHECKING:
    from whatsit.networks.network import Network

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


def check_extra() -> None:
    """Raises MissingExtraError where networks cannot be trained here."""
    for name in ("torch", "lightning", "timm"):
        if find_spec(name) is None:
            raise MissingExtraError(name, "networks")


def build(options: TrainOptions, classes: int, fit: Fit) -> Built:
    """Raises WhatsitError for an unknown name, weights that are missing, or an image too small for the layers."""
    import torch

    torch.manual_seed(options.seed)
    if options.method == "finetune":
        return _pretrained(options, classes, fit)
    network = options.network
    cnn = architecture(network.architecture, layers=network.layers, dense=network.dense, size=network.image_size)
    return _scratch(options, cnn, classes, fit)


def _scratch(options: TrainOptions, cnn: CNN, classes: int, fit: Fit) -> Built:
    from whatsit.networks.cnn import build_cnn

    return Built(
        build_cnn(cnn, classes),
        Preprocessing((cnn.height, cnn.width), fit),
        recipe("scratch", options.network, cnn),
        name=options.network.architecture,
        licence="yours",
        source=OWN,
    )


def _pretrained(options: TrainOptions, classes: int, fit: Fit) -> Built:
    from whatsit.networks.lite import build_lite

    try:
        backbone = BACKBONES[options.backbone]
    except KeyError:
        raise BackboneError(f"{options.backbone} cannot be fine-tuned. There are: {', '.join(BACKBONES)}") from None
    network = build_lite(backbone, classes, options.network.image_size)
    return Built(
        network,
        Preprocessing(network.size, fit),
        recipe("finetune", options.network, None),
        name=backbone.name,
        licence=backbone.licence,
        source=backbone.source,
    )
