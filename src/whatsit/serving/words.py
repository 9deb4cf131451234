"""A calibrated probability in words, for people who do not read percentages.

The steps are those of the Intergovernmental Panel on Climate Change (Mastrandrea et al. 2010, table 1), of which the
upper half can be the top probability of an answer.
"""

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
