"""A graph on a device: ONNX Runtime sessions."""

import re
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from whatsit.embedding.devices import DEVICES, TRAINS, find_device
from whatsit.errors import BackboneError, InferenceError

ADVICE = "Leave the photo out, or mend the network"
DETAILS = "ONNX Runtime: "  # begins what it says itself, in an InferenceError
_CODE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")


def graph_device(device: str) -> str:
    """The same, or the CPU where ONNX Runtime has no package for it: PyTorch trains there all the same."""
    if device in TRAINS:
        return "cpu"
    return device if find_device(device).provider in ort.get_available_providers() else "cpu"


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
    options.log_severity_level = 4 if device == "cpu" else 3  # errors are raised, too, but that of a missing GPU
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = [wanted.provider] if device == "cpu" else [wanted.provider, "CPUExecutionProvider"]
    try:
        return ort.InferenceSession(graph, options, providers=providers)
    except Exception as error:  # ONNX Runtime's own errors share no base class but Exception
        reason = str(error).partition("\n")[0]
        raise BackboneError(f"ONNX Runtime cannot load the graph: {reason}") from error


def run(session: ort.InferenceSession, outputs: list[str], image: NDArray[np.uint8]) -> list[NDArray[Any]]:
    """image: (n, height, width, 3) uint8 → the named outputs, each (n, …).

    Raises InferenceError where the network fails, or its answers are not as many as the images.
    """
    try:
        results: list[NDArray[Any]] = session.run(outputs, {"image": image})
    except MemoryError:
        raise
    except Exception as error:  # as above
        reason = _CODE.sub("", str(error).partition("\n")[0]) or type(error).__name__
        raise InferenceError(f"the network fails on it ({DETAILS}{reason}). {ADVICE}") from error
    counts = {len(result) if result.ndim else 0 for result in results}
    if counts != {len(image)}:
        raise InferenceError(f"the network gives {max(counts)} answers for {len(image)} images. Mend the network")
    return results
