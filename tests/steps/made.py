"""Small data sets on disk and photos in memory, and a network of the user's own that sees them in a millisecond."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from whatsit.config import Split, TrainOptions
from whatsit.data.dataset import Dataset, Record
from whatsit.data.read import dataset_of
from whatsit.embedding.backbones.extractor import FeatureExtractor
from whatsit.embedding.source import Embeddings
from whatsit.images.preprocessing import Preprocessing, Size, sides
from whatsit.progress import no_progress
from whatsit.training.experiment import Experiment, Splits, TrainingSet, make_training_set
from whatsit.training.fitted import Predictions, Run
from whatsit.training.probe import FittedProbe, fit_probe
from whatsit.training.splits import make_splits

SIDE = 32  # pixels that the network takes
DIM = 24


def network(folder: Path, size: Size = SIDE) -> str:
    """Writes `own.onnx` and `own.json`: the mean of the maps of one random convolution. Gives its path."""
    kernel = np.random.default_rng(0).normal(0, 0.4, (DIM, 3, 5, 5)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["input", "kernel"], ["conv"], strides=[2, 2], pads=[2, 2, 2, 2]),
        helper.make_node("Relu", ["conv"], ["maps"]),
        helper.make_node("ReduceMean", ["maps"], ["features"], axes=[2, 3], keepdims=0),
    ]
    constants = [numpy_helper.from_array(kernel, "kernel")]
    given = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, *sides(size)])
    wanted = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", DIM])
    graph = helper.make_graph(nodes, "own", [given], [wanted], constants)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / "own.onnx")
    says: dict[str, object] = {"size": size, "layout": "nchw", "scale": 1, "features": "maps"}
    says |= {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}
    (folder / "own.json").write_text(json.dumps(says), encoding="utf-8")
    return str(folder / "own.onnx")


def spread_network(folder: Path, gives: Literal["nan", "inf"] = "nan") -> str:
    """The same, whose numbers are not finite for a photo of one colour: it divides by the spread of the pixels."""
    model = onnx.load(network(folder))
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["middle"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Sub", ["input", "middle"], ["off"]),
        helper.make_node("Mul", ["off", "off"], ["squares"]),
        helper.make_node("ReduceMean", ["squares"], ["variance"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Sqrt", ["variance"], ["spread"]),
        helper.make_node("Unsqueeze", ["spread", "one"], ["divisor"]),
        helper.make_node("Mul" if gives == "nan" else "Identity", ["means", "divisor"][: 1 + (gives == "nan")], ["up"]),
        helper.make_node("Div", ["up", "divisor"], ["features"]),
    ]
    model.graph.node[-1].output[0] = "means"
    model.graph.node.extend(nodes)
    model.graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), "one"))
    onnx.save(model, folder / "own.onnx")
    says = json.loads((folder / "own.json").read_text(encoding="utf-8"))
    del says["features"]  # the output is the maps' mean no more
    (folder / "own.json").write_text(json.dumps(says), encoding="utf-8")
    return str(folder / "own.onnx")


def picture(kind: int, seed: int) -> NDArray[np.uint8]:
    """(48, 48, 3) in the hue of its kind, and a pattern of coarse blocks that no other seed has."""
    rng = np.random.default_rng([kind, seed])
    blocks = rng.integers(0, 120, (6, 6, 3)).repeat(8, axis=0).repeat(8, axis=1)
    tint = np.eye(3)[kind % 3] * 90 + rng.normal(0, 30, 3)
    pixels: NDArray[np.uint8] = (blocks + tint + 20).clip(0, 255).astype(np.uint8)
    return pixels


def save(path: Path, kind: int, seed: int, quality: int = 90) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(kind, seed)).save(path, quality=quality)
    return path


def make_folder(folder: Path, counts: Mapping[str, int], first_seed: int = 0) -> Path:
    """`folder/<label>/<number>.jpg`, each label a kind; gives the folder."""
    for kind, (label, count) in enumerate(counts.items()):
        for seed in range(first_seed, first_seed + count):
            save(folder / label / f"{seed:03}.jpg", kind, seed)
    return folder


def make_photos(
    counts: Sequence[int],
    *,
    groups: Sequence[str | None] = (),
    splits: Sequence[Split | None] = (),
    spread: float = 1.0,
) -> TrainingSet:
    """Photos that no disk holds."""
    return make_training_set(*make_embeddings(counts, groups=groups, splits=splits, spread=spread))


def make_embeddings(
    counts: Sequence[int],
    *,
    groups: Sequence[str | None] = (),
    splits: Sequence[Split | None] = (),
    spread: float = 1.0,
) -> tuple[Dataset, Embeddings]:
    """Vectors about a centre of their class, and thumbnails of noise."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(counts)), counts)
    n = len(labels)
    centres = rng.normal(0, 1, (len(counts), DIM))
    x = (centres[labels] + spread * rng.normal(0, 1, (n, DIM))).astype(np.float32)
    records = [
        Record(f"{i:04}.jpg", f"class {k}", splits[i] if splits else None, groups[i] if groups else None)
        for i, k in enumerate(labels)
    ]
    noise = rng.integers(0, 256, (n, 32, 32), dtype=np.uint8)
    seen = Embeddings(tuple(f"{i:064x}" for i in range(n)), {}, x, noise)
    return dataset_of(records, "made"), seen


def experiment_of(photos: TrainingSet, splits: Splits) -> Experiment:
    """Of photos that no extractor saw."""
    none = FeatureExtractor("none", "float32", Preprocessing(SIDE, "squash"), DIM, "", "", b"", has_features=False)
    return Experiment(photos, splits, none, shared=False)


def fitted_probe(photos: TrainingSet, splits: Splits, options: TrainOptions) -> FittedProbe:
    nowhere = Path("nowhere")
    return fit_probe(experiment_of(photos, splits), options, Run(nowhere, nowhere, no_progress))


def predictions_of(photos: TrainingSet, options: TrainOptions, splits: Splits | None = None) -> Predictions:
    """Of a probe that is fitted on these photos."""
    return fitted_probe(photos, splits or make_splits(photos, options), options).predictions(no_progress)


PLAIN = TrainOptions(resize_mode="squash")
