"""What the graph says of one image, and the answer that people and programs read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from os import PathLike, fsdecode
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatsit.decide import BOTH, UNLIKE, Rule, decide
from whatsit.text import chance


@dataclass(frozen=True)
class Candidate:
    """A class that the image may be of."""

    label: str
    probability: float  # calibrated, in [0, 1]


@dataclass(frozen=True)
class Prediction:
    """An answer, or the reason why there is none. With an `error` there is no label and no number."""

    path: str
    top: tuple[Candidate, ...] = ()  # by falling probability
    reason: str = ""  # why it is unsure: "probability", "unlike", "probability and unlike"; empty where it is sure
    similarity: float | None = None  # cosine to the most similar training photo
    error: str | None = None
    note: str | None = None  # what else should be known of the answer

    @property
    def unsure(self) -> bool:
        """Whether a person should look, for one reason at least."""
        return self.reason != ""

    @property
    def familiar(self) -> bool:
        """Whether the image is like the training photos at all."""
        return self.reason not in (UNLIKE, BOTH)

    @property
    def label(self) -> str | None:
        """The most probable class, also where it is unsure."""
        return self.top[0].label if self.top else None

    @property
    def probability(self) -> float | None:
        return self.top[0].probability if self.top else None

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON: `{"path", "label", "probability", "unsure", "reason", "top"}` or `{"path", "error"}`; with a
        `note` where there is one."""
        if self.error is not None:
            return {"path": self.path, "error": self.error}
        top = [{"label": c.label, "probability": round(c.probability, 6)} for c in self.top]
        note = {} if self.note is None else {"note": self.note}
        return {"path": self.path, **top[0], "unsure": self.unsure, "reason": self.reason, "top": top, **note}

    def __str__(self) -> str:
        if self.error is not None:
            return f"{self.path}: {self.error}"
        answer = "unsure, perhaps " if self.unsure else ""
        return f"{self.path}: {answer}{self.label} ({chance(self.top[0].probability, 0)})"

    def _repr_html_(self) -> str:
        """How a notebook shows it: a bar a class."""
        from html import escape

        if self.error is not None:
            return f"<p><b>{escape(self.path)}</b>: {escape(self.error)}</p>"
        rows = "".join(
            f"<tr><td style='text-align:left'>{escape(c.label)}</td><td>{chance(c.probability)}</td>"
            "<td style='width:12em'>"
            f"<div style='background:#4a7dbd;height:.8em;width:{c.probability:.1%}'></div></td></tr>"
            for c in self.top
        )
        note = " (unsure)" if self.unsure else ""
        return f"<table><caption>{escape(self.path)}{note}</caption>{rows}</table>"


@dataclass(frozen=True)
class Predictions(Sequence[Prediction]):
    """Answers in the order asked; a notebook shows them all."""

    items: tuple[Prediction, ...]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: Any) -> Any:
        return Predictions(self.items[index]) if isinstance(index, slice) else self.items[index]

    def _repr_html_(self) -> str:
        return "".join(item._repr_html_() for item in self.items)


def _no_numbers() -> NDArray[np.float32]:
    return np.empty(0, np.float32)


@dataclass(frozen=True)
class Classified:
    """The numbers behind an answer. With an `error` there are none."""

    source: Any  # the image, as it was given
    probabilities: NDArray[np.float32] = field(default_factory=_no_numbers)  # (classes,) calibrated
    similarity: float = 0.0  # cosine to the most similar reference photo
    embedding: NDArray[np.float32] = field(default_factory=_no_numbers)  # (dim,)
    error: str | None = None
    note: str | None = None  # what else should be known of the answer
    failed: bool = False  # whether the error is the model's, not the image's
    digest: bytes | None = None  # sha256 of the image's bytes, where it was asked for
    thumbnail: NDArray[np.uint8] | None = None  # (32, 32) grey, likewise

    def reason(self, rule: Rule) -> str:
        """Why it is unsure, of `REASONS`; empty where it is sure."""
        return str(decide(self.probabilities.max(), self.similarity, rule).reasons)

    def prediction(self, classes: Sequence[str], rule: Rule, top: int) -> Prediction:
        """The answer, which names the `top` most probable classes."""
        is_path = isinstance(self.source, str | PathLike)
        name = str(fsdecode(self.source)) if is_path else f"<{type(self.source).__name__}>"
        if self.error is not None:
            return Prediction(name, error=self.error)
        p = self.probabilities.tolist()
        candidates = tuple(Candidate(classes[i], p[i]) for i in nlargest(top, range(len(p)), key=p.__getitem__))
        return Prediction(name, candidates, self.reason(rule), self.similarity, note=self.note)
