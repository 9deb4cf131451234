"""One writer at a time, in however many processes. The kernel frees a lock whose holder dies."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whatsit.errors import RepositoryError

PATIENCE = 60.0  # seconds; what is done under a lock takes milliseconds


@contextmanager
def locked(file: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Raises RepositoryError where another holds it for longer, and OSError where the file cannot be made."""
    from filelock import FileLock, Timeout  # 65 ms to import, which readers need not wait for

    lock = FileLock(file, timeout=patience)
    try:
        lock.acquire()
    except Timeout:
        raise RepositoryError(f"{file.parent}: another process is changing it. Wait for it, then try again") from None
    try:
        yield
    finally:
        lock.release()


def is_locked(file: Path) -> bool:
    """Whether a living process holds it."""
    try:
        with locked(file, patience=0):
            return False
    except (RepositoryError, OSError):  # OSError: another user's, so not ours to judge
        return True
