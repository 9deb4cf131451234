"""When an answer is "unsure": the one rule, which all that counts, prints, draws or serves "unsure" calls.

A photo gets an answer where its top probability reaches the model's threshold and the photo is like those that the
model learned from, that is, where the similarity to the nearest of them reaches a limit. Otherwise the answer is
"unsure", for either reason or for both. Numbers in, a verdict with its reason out: it knows neither photos nor models.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # whoever only reads a model folder's rule, as a repository does, starts without NumPy
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

PROBABILITY = "probability"  # the reason: no class is probable enough
UNLIKE = "unlike"  # the reason: the photo is unlike the training photos
BOTH = f"{PROBABILITY} and {UNLIKE}"
REASONS = ("", PROBABILITY, UNLIKE, BOTH)  # place: improbable + 2 × unlike; empty where it is sure

IN_WORDS = {
    PROBABILITY: "no class is probable enough",
    UNLIKE: "unlike the training photos",
    BOTH: "unlike the training photos, and no class is probable enough",
}


@dataclass(frozen=True)
class Rule:
    """Below which values the answer is "unsure"."""

    threshold: float  # of the calibrated top probability, in [0, 1]
    similarity: float  # cosine to the nearest reference photo, in [-1, 1]


@dataclass(frozen=True, eq=False)
class Verdict:
    """Of one photo, (), or of several, (n,): every array has the shape that was asked for."""

    improbable: "NDArray[np.bool_]"  # the top probability is below the threshold
    unlike: "NDArray[np.bool_]"  # the similarity is below its limit

    @property
    def unsure(self) -> "NDArray[np.bool_]":
        """Whether for one reason at least."""
        import numpy as np

        return np.asarray(self.improbable | self.unlike)

    @property
    def reasons(self) -> "NDArray[np.object_]":
        """Each of `REASONS`, as they are; empty where it is sure."""
        import numpy as np

        return np.asarray(np.array(REASONS, object)[self.improbable + 2 * self.unlike])


def decide(probability: "ArrayLike", similarity: "ArrayLike", rule: Rule) -> Verdict:
    """The verdict on one photo or several.

    probability: (n,) calibrated top probabilities, or one; similarity: likewise. What is not a number is never sure.

    >>> decide([0.9, 0.4, 0.9, 0.4], [0.8, 0.8, 0.1, 0.1], Rule(threshold=0.5, similarity=0.7)).reasons.tolist()
    ['', 'probability', 'unlike', 'probability and unlike']
    """
    import numpy as np

    improbable = ~(np.asarray(probability, np.float64) >= rule.threshold)
    unlike = ~(np.asarray(similarity, np.float64) >= rule.similarity)
    return Verdict(np.asarray(improbable), np.asarray(unlike))
