"""Every error that whatsit raises on purpose. Shells catch this tree alone and print one line.

    WhatsitError
    ├── ImageError         a file or bytes that are no readable image
    ├── DatasetError       a folder, manifest or label dictionary that cannot be used
    ├── BackboneError      an unknown backbone, or weights that cannot be read
    ├── InferenceError     a network that fails on an image, or gives numbers that are no answer
    ├── EmbeddingError     vectors that do not fit: wrong file, wrong shape
    ├── ModelFolderError   a model folder that is missing, damaged or too new
    ├── DivergedError      a training whose loss is no number any more
    ├── OutOfMemoryError   a network that needs more memory than there is
    ├── RepositoryError    a model repository that is damaged, or cannot do what was asked
    └── MissingExtraError  an optional dependency that is not installed

A message is one line that says what, got, expected and the next step.
"""


class WhatsitError(Exception):
    """A mistake that the user can mend: one line, no traceback, exit code 1."""


class ImageError(WhatsitError):
    """These bytes are no image that whatsit reads. The message is the reason, without the file's name."""


class DatasetError(WhatsitError):
    """A data set cannot be used as asked."""


class BackboneError(WhatsitError):
    """A backbone is unknown, or its weights cannot be read."""


class InferenceError(WhatsitError):
    """A network fails on an image. The message is the reason, without the image's name."""


class EmbeddingError(WhatsitError):
    """Stored vectors do not fit what was asked of them."""


class ModelFolderError(WhatsitError):
    """A model folder is missing, damaged, or of a newer format than this version reads."""


class DivergedError(WhatsitError):
    """The loss of a training is no number any more: its steps are too long."""


class OutOfMemoryError(WhatsitError):
    """A network needs more memory than there is, of the machine or its GPU."""


class RepositoryError(WhatsitError):
    """A model repository is damaged, or has not what was asked for."""


class MissingExtraError(WhatsitError):
    """An optional dependency is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} is not installed. Install it: pip install 'whatsit[{extra}]'")
