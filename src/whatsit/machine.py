"""What this process may use of the machine."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

THREADS_PAY = 2e8
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a container, as the container sees it (Linux, cgroup v2)


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
