"""The table of devices that a network runs on; apart from `session.py`, as naming them needs no ONNX Runtime."""

from dataclasses import dataclass

from whatsit.errors import BackboneError
from whatsit.machine import cores


@dataclass(frozen=True)
class Device:
    """How to run on one kind of processor."""

    provider: str  # ONNX Runtime's name of its execution provider
    package: str  # on PyPI, that brings it
    batch: int  # images a call: on CPUs, 4 were the fastest (docs/log.md); GPUs want more
    own_threads: bool  # whether a call runs on the caller's thread alone

    @property
    def threads(self) -> int:
        """Within one call, where every core makes calls."""
        return 1 if self.own_threads else cores()


DEVICES = {
    "cpu": Device("CPUExecutionProvider", "onnxruntime", batch=4, own_threads=True),
    "cuda": Device("CUDAExecutionProvider", "onnxruntime-gpu", batch=32, own_threads=False),
    "coreml": Device("CoreMLExecutionProvider", "onnxruntime", batch=8, own_threads=False),
    "openvino": Device("OpenVINOExecutionProvider", "onnxruntime-openvino", batch=8, own_threads=False),
}


TRAINS = ("mps",)  # PyTorch trains on these, and ONNX Runtime does not run there by that name


def find_device(name: str) -> Device:
    """Raises BackboneError for an unknown device."""
    try:
        return DEVICES[name]
    except KeyError:
        if name in TRAINS:
            raise BackboneError(
                f"device {name!r} trains networks (--method scratch or finetune), and nothing else runs there. "
                "Leave it out; on a Mac there is also coreml"
            ) from None
        raise BackboneError(f"no device {name!r}. There are: {', '.join(DEVICES)}") from None
