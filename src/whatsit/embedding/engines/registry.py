"""The engines: what runs a network, by the name that `--device` gives to the processor it runs on.

An engine turns a graph into a session, and a session turns images into numbers. whatsit's own are ONNX Runtime on four
kinds of processors, each a row of the table in `onnxruntime.py`. Another package adds one by an entry point in the
group `whatsit.engines`, under the name of the device.

Naming a device needs no engine, so nothing heavy is imported here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from whatsit.errors import BackboneError, WhatsitError
from whatsit.machine import cores
from whatsit.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TRAINS = ("mps",)  # PyTorch trains on these, and no engine runs there by that name


class GraphValue(Protocol):
    """The name and shape of what goes into a graph or comes out of it."""

    name: str
    shape: Sequence[Any]  # a free dimension is None, or its name


class Session(Protocol):
    """A graph that is ready to run, as ONNX Runtime's `InferenceSession` has it. Safe for threads."""

    def run(self, outputs: list[str], inputs: "dict[str, NDArray[np.uint8]]") -> "list[NDArray[Any]]":
        """`image` (n, height, width, 3) uint8 → the named outputs, (n, …) each, float32. May raise any Exception."""
        ...

    def get_inputs(self) -> Sequence[GraphValue]: ...

    def get_outputs(self) -> Sequence[GraphValue]: ...


@dataclass(frozen=True)
class Engine:
    """What an engine must be."""

    open: Callable[[bytes | str, int], Session]
    """(graph, threads within one call) → session. graph: ONNX, or the path of a file; it may raise any Exception."""

    is_available: Callable[[], bool]  # whether it can run here: its library, and its processor
    package: str  # that it needs, in a message
    batch: int  # images a call: on CPUs, 4 were the fastest (docs/log.md); GPUs want more
    own_threads: bool  # whether a call runs on the caller's thread alone

    @property
    def threads(self) -> int:
        """Within one call, where every core makes calls."""
        return 1 if self.own_threads else cores()


ENGINES = Registry[Engine](
    "whatsit.engines",
    "device",
    {name: f"whatsit.embedding.engines.onnxruntime:{name.upper()}" for name in ("cpu", "cuda", "coreml", "openvino")},
    expected="an Engine (whatsit.embedding.engines.registry)",
    accepts=lambda value: isinstance(value, Engine),
    error=BackboneError,
)


def find_engine(device: str) -> Engine:
    """Raises BackboneError for an unknown device."""
    if device in TRAINS:
        raise BackboneError(
            f"device {device!r} trains networks (--method scratch or finetune), and nothing else runs there. "
            "Leave it out; on a Mac there is also coreml"
        )
    return ENGINES.get(device)


def available_devices() -> list[str]:
    """Those that can run here. An engine that cannot be imported is none of them."""
    return [name for name in ENGINES if _is_available(name)]


def _is_available(device: str) -> bool:
    try:
        return ENGINES.get(device).is_available()
    except WhatsitError:
        return False
