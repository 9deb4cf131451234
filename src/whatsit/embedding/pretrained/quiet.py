"""What timm, PyTorch's exporter and the hub's client would print while they work, kept out of the user's terminal.

They warn of what is no fault of the user's. `warnings.catch_warnings` is not thread-safe, so this is for work that is
done before the threads of an embedding start.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings and no log lines; errors are raised as ever."""
    before = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(before)
