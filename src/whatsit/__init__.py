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
    "NetworkOptions": "whatsit.config",
    "ReadOptions": "whatsit.config",
    "TrainOptions": "whatsit.config",
    "TuneOptions": "whatsit.config",
    "WhatsitError": "whatsit.errors",
    "compare": "whatsit.training.compare.run",
    "evaluate": "whatsit.api",
    "load": "whatsit.model.load",
    "train": "whatsit.api",
    "tune": "whatsit.training.tune.run",
}

__all__ = ["__version__", *_WHERE]

if TYPE_CHECKING:
    from whatsit.api import evaluate as evaluate
    from whatsit.api import train as train
    from whatsit.config import NetworkOptions as NetworkOptions
    from whatsit.config import ReadOptions as ReadOptions
    from whatsit.config import TrainOptions as TrainOptions
    from whatsit.config import TuneOptions as TuneOptions
    from whatsit.errors import WhatsitError as WhatsitError
    from whatsit.images.limits import Limits as Limits
    from whatsit.model.classifier import Classifier as Classifier
    from whatsit.model.load import load as load
    from whatsit.sklearn import ImageClassifier as ImageClassifier
    from whatsit.sklearn import ImageEmbedder as ImageEmbedder
    from whatsit.training.compare.run import compare as compare
    from whatsit.training.tune.run import tune as tune


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'whatsit' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)
