"""What this process may use of the machine.

A value that is computed on a thread of its own while the caller goes on.

A `concurrent.futures.Future` would do, but for its import: `logging` and more, 5 ms of the start of `predict`.
"""

import ctypes
import math
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Generic, TypeVar

from whatsit.errors import OutOfMemoryError

THREADS_PAY = 2e8
TOO_LITTLE = "there is not enough memory for this. Give a smaller --batch-size or --image-size"
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a container, as the container sees it (Linux, cgroup v2)


# As glibc's malloc.h numbers the parameters of mallopt.
TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX, ARENA_MAX = (
    -1,
    -3,
    -4,
    -8,
)


KEEP = {MMAP_MAX: 0, TRIM_THRESHOLD: 2**31 - 1}
GIVE_BACK = {MMAP_MAX: 65_536, MMAP_THRESHOLD: 2**25, TRIM_THRESHOLD: 2**26}  # where glibc's own adjustment ends


def cores() -> int:
    """How many processors this process may use; of a container's share, rounded up."""
    most = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # no container, or "max": no quota
        quota, period = map(int, QUOTA.read_text(encoding="ascii").split())
        return max(1, min(most, math.ceil(quota / period)))
    return most


@contextmanager
def blas_threads(operations: float) -> Iterator[None]:
    """Matrix products on the calling thread alone where one has fewer than `THREADS_PAY` multiplications.

    BLAS threads that wait for each other over small products made a cross-validation take 9 s for 3.7 s, and beside
    other work 33 s for 4.4 s (docs/log.md).
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1 if operations < THREADS_PAY else None, user_api="blas"):
        yield


@contextmanager
def memory_kept() -> Iterator[None]:
    """Memory that is freed stays with this process until the block ends, where the C library is glibc.

    A training frees and takes the same large blocks at every step. Given back to the system in between, each page of
    them is cleared and mapped anew, which takes a third of the time (docs/log.md).
    """
    keep_memory()
    try:
        yield
    finally:
        if library := _glibc():
            _set(library, GIVE_BACK)
            library.malloc_trim(0)


def share_memory() -> None:
    """Threads share as many heaps as there are cores, where the C library is glibc, until this process ends.

    To be called before the first thread: glibc settles it then. By itself it makes up to eight heaps a core, and what
    is freed in one, the others do not get: over 200 swaps of a model a server held up to 1.2 times its first memory,
    and 1.03 times with shared heaps (benchmarks/swaps.py).
    """
    if library := _glibc():
        _set(library, {ARENA_MAX: max(2, cores())})


def give_back_memory() -> None:
    """What this process has freed goes back to the system, where the C library is glibc. A few milliseconds."""
    if library := _glibc():
        library.malloc_trim(0)


def keep_memory() -> None:
    """The same until this process ends."""
    if library := _glibc():
        _set(library, KEEP)


@contextmanager
def enough_memory() -> Iterator[None]:
    """Raises OutOfMemoryError, one line, where PyTorch or NumPy found no memory left within the block."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not says_too_little(f"{type(error).__name__}: {error}"):
            raise
        raise OutOfMemoryError(TOO_LITTLE) from error


def says_too_little(error: str) -> bool:
    """Whether an error, as a traceback's last line names it, is for want of memory, of the machine or of a GPU."""
    return any(word in error for word in ("OutOfMemoryError", "MemoryError", "DefaultCPUAllocator"))


def _glibc() -> ctypes.CDLL | None:
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return library if hasattr(library, "gnu_get_libc_version") else None


def _set(library: ctypes.CDLL, parameters: dict[int, int]) -> None:
    for parameter, value in parameters.items():
        library.mallopt(parameter, value)


T = TypeVar("T")


class Later(Generic[T]):
    """Begins at once."""

    def __init__(self, compute: Callable[[], T]) -> None:
        self._compute = compute
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)  # no daemon: those crash where Python ends before they do
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value = self._compute()
        except BaseException as error:
            self._error = error
        finally:
            del self._compute  # it may refer to whoever holds this
            del self  # the error's frames would refer to it, and it to the error

    def result(self) -> T:
        """Waits for it. Raises what the computation raised."""
        self._thread.join()
        if self._error is not None:
            try:
                raise self._error
            finally:
                del self  # which the error's frames would refer to, and so the error to itself
        return self._value
