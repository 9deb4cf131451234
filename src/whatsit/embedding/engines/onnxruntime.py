"""ONNX Runtime as an engine: on the CPU, on NVIDIA's GPUs, and by way of CoreML or OpenVINO. A row each.

ONNX Runtime calls the code for a kind of processor an execution provider. What a provider cannot run, the CPU runs.
"""

from functools import partial

import onnxruntime as ort

from whatsit.embedding.engines.registry import Engine, Session

ON_CPU = "CPUExecutionProvider"


def _engine(provider: str, package: str, batch: int, own_threads: bool) -> Engine:
    return Engine(
        open=partial(_open, provider),
        is_available=lambda: provider in ort.get_available_providers(),
        package=package,
        batch=batch,
        own_threads=own_threads,
    )


def _open(provider: str, graph: bytes | str, threads: int) -> Session:
    """ONNX Runtime ignores OMP_NUM_THREADS, so the number of threads is set here."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4 if provider == ON_CPU else 3  # errors are raised, too, but that of a missing GPU
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = list(dict.fromkeys([provider, ON_CPU]))
    session: Session = ort.InferenceSession(graph, options, providers=providers)
    return session


CPU = _engine(ON_CPU, "onnxruntime", batch=4, own_threads=True)
CUDA = _engine("CUDAExecutionProvider", "onnxruntime-gpu (in place of onnxruntime)", batch=32, own_threads=False)
COREML = _engine("CoreMLExecutionProvider", "onnxruntime, on a Mac", batch=8, own_threads=False)
OPENVINO = _engine(
    "OpenVINOExecutionProvider", "onnxruntime-openvino (in place of onnxruntime)", batch=8, own_threads=False
)
