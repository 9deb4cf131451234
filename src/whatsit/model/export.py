"""Joins backbone, head, temperature and out-of-distribution score into the one graph of a model folder.

image uint8 (n, height, width, 3) → probabilities float32 (n, classes)
                                    embedding     float32 (n, dim)
                                    similarity    float32 (n,)   cosine to the nearest reference photo
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from whatsit.embedding.nodes import NodeWriter, value_info
from whatsit.errors import WhatsitError
from whatsit.model.heads import Head, LinearHead, MLPHead, NeighbourHead, OutOfDistributionScore

MOST_BYTES = 1.9e9  # of protobuf's 2 GiB; the rest is for the backbone


class _Tail(NodeWriter):
    """What follows the backbone, in nodes that mean the same from opset 13 on, as backbones differ."""

    def direction(self) -> str:
        """embedding / ‖embedding‖, made once."""
        if not any(node.name == "direction" for node in self.nodes):
            squares = self.node("Mul", ["embedding", "embedding"], "squares")
            axis = self.constant("axis", np.array([1], np.int64))
            norm = self.node("Sqrt", [self.node("ReduceSum", [squares, axis], "square")], "norm")
            floor = self.constant("norm_floor", np.float32(1e-12))
            self.node("Div", ["embedding", self.node("Max", [norm, floor], "safe_norm")], "direction")
        return "direction"

    def linear(self, head: LinearHead) -> str:
        inputs = [
            "embedding",
            self.constant("head.weight", head.weight),
            self.constant("head.bias", head.bias),
        ]
        return self.node("Gemm", inputs, "logits")

    def multilayer(self, head: MLPHead) -> str:
        inputs = [
            "embedding",
            self.constant("head.hidden_weight", head.hidden_weight),
            self.constant("head.hidden_bias", head.hidden_bias),
        ]
        hidden = self.node("Relu", [self.node("Gemm", inputs, "head.before_relu")], "head.hidden")
        outputs = [
            hidden,
            self.constant("head.output_weight", head.weight),
            self.constant("head.output_bias", head.bias),
        ]
        return self.node("Gemm", outputs, "logits")

    def head(self, head: Head) -> str:
        """Embedding → the name of the logits."""
        if isinstance(head, LinearHead):
            return self.linear(head)
        if isinstance(head, MLPHead):
            return self.multilayer(head)
        if isinstance(head, NeighbourHead):
            return self.neighbours(head)
        raise TypeError(f"no export for {type(head).__name__}")

    def neighbours(self, head: NeighbourHead) -> str:
        stored = self.constant("head.directions", head.directions.T)
        cosines = self.node("MatMul", [self.direction(), stored], "head.cosines")
        k = self.constant("head.k", np.array([head.k], np.int64))
        self.node("TopK", [cosines, k], "head.nearest_cosines", "head.nearest", axis=1)
        votes = self.node("Gather", [self.constant("head.votes", head.votes), "head.nearest"], "head.gathered")
        axis = self.constant("head.axis", np.array([1], np.int64))
        total = self.node("ReduceSum", [votes, axis], "head.total", keepdims=0)
        smoothing = self.constant("head.smoothing", np.float32(head.smoothing))
        return self.node("Log", [self.node("Add", [total, smoothing], "head.smoothed")], "logits")

    def probabilities(self, logits: str, temperature: float) -> None:
        t = self.constant("temperature", np.float32(temperature))
        self.node("Softmax", [self.node("Div", [logits, t], "calibrated_logits")], "probabilities", axis=1)

    def similarity(self, references: NDArray[np.float16]) -> None:
        stored = self.constant("references", references.T)
        as_float = self.node("Cast", [stored], "references.float32", to=TensorProto.FLOAT)
        cosines = self.node("MatMul", [self.direction(), as_float], "reference_cosines")
        one = self.constant("one", np.array([1], np.int64))
        nearest = self.node("TopK", [cosines, one], "nearest", "nearest_place", axis=1)
        self.node("Squeeze", [nearest, "axis"], "similarity")


def export_graph(
    backbone: bytes, head: Head, temperature: float, ood_score: OutOfDistributionScore | None, classes: int
) -> bytes:
    """The whole model as ONNX. Without `ood_score` (a published head) every similarity is 1.

    Raises WhatsitError where the head is larger than an ONNX file can be.
    """
    _check_bytes(head)
    model = onnx.load_from_string(backbone)
    tail = _Tail()
    tail.probabilities(tail.head(head), temperature)
    if ood_score is None:
        _always_familiar(tail)
    else:
        tail.similarity(ood_score.references)
    model.graph.node.extend(tail.nodes)
    model.graph.initializer.extend(tail.constants)
    for name, *width in (("similarity",), ("probabilities", classes)):
        model.graph.output.insert(0, value_info(name, ["n", *width]))
    model.graph.name = "whatsit"
    onnx.checker.check_model(model)
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised


def _check_bytes(head: Head) -> None:
    """A head of neighbours holds every photo that was learned from."""
    if isinstance(head, NeighbourHead) and (size := head.directions.nbytes + head.votes.nbytes) > MOST_BYTES:
        raise WhatsitError(
            f"the knn head of {len(head.votes):,} photos has {size / 1e9:.1f} GB, and an ONNX file holds 2. "
            "Use another: --head logistic"
        )


def _always_familiar(tail: _Tail) -> None:
    total = tail.node("ReduceSum", ["embedding", tail.constant("sum.axis", np.array([1], np.int64))], "sum", keepdims=0)
    none = tail.node("Sub", [total, total], "none")
    tail.node("Add", [none, tail.constant("one", np.float32(1))], "similarity")
