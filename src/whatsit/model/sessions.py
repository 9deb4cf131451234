"""The model's graph, opened: for one image at a time on all cores, or for many, a core each. Safe for threads."""

import threading
from typing import Any

from whatsit.embedding.session import open_session
from whatsit.errors import ModelFolderError
from whatsit.machine import cores
from whatsit.model.folder import ModelFacts

OUTPUTS = ["probabilities", "similarity", "embedding"]


class Sessions:
    """Each is opened and checked when first asked for, as a process often needs one of the two alone."""

    def __init__(self, facts: ModelFacts, graph: bytes, device: str) -> None:
        self._facts = facts
        self._graph = graph
        self._device = device
        self._opened: dict[int, Any] = {}
        self._lock = threading.Lock()

    def get(self, few: bool) -> Any:
        """An ONNX Runtime session. Raises ModelFolderError where the graph does not fit model.json."""
        threads = cores() if few else 1
        with self._lock:
            if threads not in self._opened:
                session = open_session(self._graph, self._device, threads)
                _check(session, self._facts)
                self._opened[threads] = session
            return self._opened[threads]


def _check(session: Any, facts: ModelFacts) -> None:
    """Named outputs are cut by their widths, so a graph of other widths must not pass."""
    size = facts.preprocessing.size
    expected = {"image": [size, size, 3], "probabilities": [len(facts.labels)], "similarity": []}
    expected["embedding"] = [facts.backbone["dim"]]
    found = {one.name: one.shape[1:] for one in (*session.get_inputs(), *session.get_outputs())}
    for name, shape in expected.items():
        if name not in found:
            raise ModelFolderError(f"{facts.name}: its graph has no {name!r}. Copy the folder again or train anew")
        if found[name] != shape:
            raise ModelFolderError(
                f"{facts.name}: {name!r} is (n, {_shape(found[name])}) in its graph and (n, {_shape(shape)}) by its "
                "model.json. Copy the folder again or train anew"
            )


def _shape(sides: list[Any]) -> str:
    return ", ".join(map(str, sides))
