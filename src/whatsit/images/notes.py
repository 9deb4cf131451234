"""What was left out of files that were read: counted while they are, and said once, when the work is done.

Decoders run in many threads and know no terminal. They count files by their content, so that a file that is read twice
counts once; whoever speaks to the user takes the sentences.
"""

from collections import defaultdict
from threading import Lock
from typing import Literal

from whatsit.text import number

Left = Literal["pages", "uncounted", "frames", "preview"]
_MOST = 100_000  # files of a kind that are told apart
_lock = Lock()
_files: dict[Left, set[int]] = defaultdict(set)


def note(what: Left, data: bytes) -> None:
    """Of this file, something was left out."""
    with _lock:
        if len(_files[what]) < _MOST:
            _files[what].add(hash(data))


def taken() -> list[str]:
    """A sentence for each kind, and the counting starts anew."""
    with _lock:
        counts = {what: len(files) for what, files in _files.items()}
        _files.clear()
    return [_SENTENCES[what].format(number(count, "file")) for what, count in counts.items() if count]


_SENTENCES: dict[Left, str] = {
    "pages": "{}: further pages were left out. --page all reads each as a photo; in training, --page channels makes "
    "one of three.",
    "uncounted": "{} that is not local: further pages were left out. Name each as FILE#page=2, or copy the file here.",
    "frames": "{} with an animation: the first frame was read.",
    "preview": "{} of a camera's raw data: the small preview inside was read. Develop them to TIFF or JPEG for more.",
}
