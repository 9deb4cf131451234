"""whatsit: from a folder of photos to an image classifier you can trust and serve.

    import whatsit

    trained = whatsit.train("photos/")              # photos/<class>/*.jpg
    print(trained.evaluation.accuracy)

    classifier = whatsit.load("photos-model")
    print(classifier.predict("photo.jpg"))

Nothing heavy is imported until it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_WHERE = {
    "Classifier": "whatsit.model.classifier",
    "ImageClassifier": "whatsit.sklearn",
    "ImageEmbedder": "whatsit.sklearn",
    "Limits": "whatsit.images.limits",
    "NetworkOptions": "whatsit.networks.options",
    "ReadOptions": "whatsit.dataset.options",
    "TrainOptions": "whatsit.options",
    "TuneOptions": "whatsit.tuning.options",
    "WhatsitError": "whatsit.errors",
    "compare": "whatsit.comparison.run",
    "evaluate": "whatsit.pipeline",
    "load": "whatsit.model.load",
    "train": "whatsit.pipeline",
    "tune": "whatsit.tuning.run",
}

__all__ = ["__version__", *_WHERE]

if TYPE_CHECKING:
    from whatsit.comparison.run import compare as compare
    from whatsit.dataset.options import ReadOptions as ReadOptions
    from whatsit.errors import WhatsitError as WhatsitError
    from whatsit.images.limits import Limits as Limits
    from whatsit.model.classifier import Classifier as Classifier
    from whatsit.model.load import load as load
    from whatsit.networks.options import NetworkOptions as NetworkOptions
    from whatsit.options import TrainOptions as TrainOptions
    from whatsit.pipeline import evaluate as evaluate
    from whatsit.pipeline import train as train
    from whatsit.sklearn import ImageClassifier as ImageClassifier
    from whatsit.sklearn import ImageEmbedder as ImageEmbedder
    from whatsit.tuning.options import TuneOptions as TuneOptions
    from whatsit.tuning.run import tune as tune


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'whatsit' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)
