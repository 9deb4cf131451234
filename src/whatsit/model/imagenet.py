"""The published 1000-class head of the default backbone: "what is this?" before any training.

Its probabilities are the network's own, neither calibrated nor made to refuse, so it is never "unsure".
"""

from importlib import resources

import numpy as np

from whatsit.config import DEFAULT_BACKBONE
from whatsit.embedding.backbones.efficientnet import read_state_dict
from whatsit.embedding.backbones.lite import LITES, weights_file
from whatsit.embedding.backbones.registry import feature_extractor
from whatsit.images.limits import Limits
from whatsit.model.classifier import Classifier
from whatsit.model.export import export_graph
from whatsit.model.format import ModelFacts, Unsure

CLASSES = "imagenet_classes.txt"  # the first name of each WordNet synset, in ImageNet-1k's order


def imagenet_labels() -> tuple[str, ...]:
    text = resources.files("whatsit.model").joinpath(CLASSES).read_text(encoding="utf-8")
    return tuple(text.splitlines())


def imagenet_classifier(*, device: str, limits: Limits) -> Classifier:
    """In float32, as published: 1000 close classes leave no room for rounding."""
    from whatsit.model.heads import LinearHead

    row = LITES[DEFAULT_BACKBONE]
    extractor = feature_extractor(row.name, "float32", "crop")
    state = read_state_dict(weights_file(row))
    weight = np.zeros((extractor.dim, len(state["_fc.bias"])), np.float32)
    weight[: state["_fc.weight"].shape[1]] = state["_fc.weight"].T  # only the last feature map counts
    facts = ModelFacts(
        name="imagenet",
        labels=imagenet_labels(),
        preprocessing=extractor.preprocessing,
        temperature=1.0,
        unsure=Unsure(threshold=0.0, similarity=-1.0, precision=0.0),
        backbone={"name": row.name, "precision": "float32", "dim": extractor.dim, "licence": row.licence},
        head={"name": "published"},
        training={},
        data={},
        metrics={},
        software={},
        created="",
    )
    graph = export_graph(extractor.graph, LinearHead(weight, state["_fc.bias"]), 1.0, None, len(facts.labels))
    return Classifier(facts, graph, device=device, limits=limits)
