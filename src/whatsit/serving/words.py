"""A calibrated probability in words, for people who do not read percentages.

The steps are those of the Intergovernmental Panel on Climate Change (Mastrandrea et al. 2010, table 1), of which the
upper half can be the top probability of an answer.
"""

from collections.abc import Mapping
from typing import Any

from whatsit.model.prediction import Prediction

STEPS = ((0.99, "almost certainly"), (0.9, "very likely"), (0.66, "likely"), (0.5, "more likely than not"))
LEAST = "perhaps"


def likelihood(probability: float) -> str:
    """
    >>> likelihood(0.93)
    'very likely'
    """
    return next((words for least, words in STEPS if probability >= least), LEAST)


def in_words(prediction: Prediction) -> str:
    """`very likely cat`, or why it is unsure."""
    if not prediction.familiar:
        return f"unsure: unlike the photos it learned from (perhaps {prediction.label})"
    if prediction.unsure:
        return f"unsure, perhaps {prediction.label}"
    return f"{likelihood(prediction.probability or 0.0)} {prediction.label}"


def percentages(metrics: Mapping[str, Any]) -> str:
    """What the model's percentages are worth, from its own figures: `metrics` of model.json.

    Off by more than 95 of 100 perfectly calibrated models would show by chance, they are not to be read as they stand.
    """
    accuracy = metrics.get("accuracy")
    found = [metrics.get(name) for name in ("n", "ece", "ece_by_chance", "mean_confidence")]
    found.append(accuracy.get("value") if isinstance(accuracy, Mapping) else None)
    figures = [value for value in found if isinstance(value, float | int)]
    if len(figures) < len(found):
        return "How often its percentages come true was not measured."
    n, ece, chance, claimed, right = figures
    off = f"on {n:,} photos they were off by {100 * ece:.1f} points on average"
    if ece <= chance:
        return (
            f"Of all photos for which it says 80 %, about 80 in 100 should be right: {off}, and up to "
            f"{100 * chance:.1f} would be chance."
        )
    way = "too sure" if claimed > right else "too modest"
    return (
        f"Do not read 80 % as 80 in 100: {off}, mostly {way}, and no more than {100 * chance:.1f} would be chance. "
        "More says only that it is surer."
    )
