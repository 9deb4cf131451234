"""A value that is computed on a thread of its own while the caller goes on.

A `concurrent.futures.Future` would do, but for its import: `logging` and more, 5 ms of the start of `predict`.
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

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
