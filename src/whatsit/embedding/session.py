"""A graph on a device: ONNX Runtime sessions, and which devices there are."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from whatsit.errors import BackboneError


@dataclass(frozen=True)
class Device:
    """How to run on one kind of processor."""

    provider: str  # ONNX Runtime's name of its execution provider
    package: str  # on PyPI, that brings it
    batch: int  # images a call: on CPUs, 4 were the fastest (docs/log.md); GPUs want more
    own_threads: bool  # whether a call runs on the caller's thread alone


DEVICES = {
    "cpu": Device("CPUExecutionProvider", "onnxruntime", batch=4, own_threads=True),
    "cuda": Device("CUDAExecutionProvider", "onnxruntime-gpu", batch=32, own_threads=False),
    "coreml": Device("CoreMLExecutionProvider", "onnxruntime", batch=8, own_threads=False),
    "openvino": Device("OpenVINOExecutionProvider", "onnxruntime-openvino", batch=8, own_threads=False),
}


def find_device(name: str) -> Device:
    """Raises BackboneError for an unknown device."""
    try:
        return DEVICES[name]
    except KeyError:
        raise BackboneError(f"no device {name!r}. There are: {', '.join(DEVICES)}") from None


def open_session(graph: bytes | str, device: str = "cpu", threads: int = 1) -> ort.InferenceSession:
    """`threads`: within one call. ONNX Runtime ignores OMP_NUM_THREADS, so it is set here.

    Raises BackboneError for an unknown device, for one whose package is not installed, and for a graph that
    does not load.
    """
    wanted = find_device(device)
    if wanted.provider not in ort.get_available_providers():
        have = ", ".join(name for name, d in DEVICES.items() if d.provider in ort.get_available_providers())
        raise BackboneError(
            f"device {device!r} needs the package {wanted.package} (in place of onnxruntime). Available here: {have}"
        )
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = [wanted.provider] if device == "cpu" else [wanted.provider, "CPUExecutionProvider"]
    try:
        return ort.InferenceSession(graph, options, providers=providers)
    except Exception as error:  # ONNX Runtime's own errors share no base class but Exception
        reason = str(error).partition("\n")[0]
        raise BackboneError(f"ONNX Runtime cannot load the graph: {reason}") from error


def run(session: ort.InferenceSession, outputs: list[str], image: NDArray[np.uint8]) -> list[NDArray[Any]]:
    """image: (n, size, size, 3) uint8 → the named outputs, each (n, …)."""
    results: list[NDArray[Any]] = session.run(outputs, {"image": image})
    return results
