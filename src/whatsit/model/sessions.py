"""The model's graph, opened: for one image at a time on all cores, or for many, a core each. Safe for threads.

A session holds several times the memory of its graph, and a server replaces models while it runs. So nothing here
refers to itself in a circle: what nobody uses any more is gone at once, not when Python next looks for circles.
"""

import threading
from typing import Any

from whatsit.embedding.session import open_session
from whatsit.errors import ModelFolderError
from whatsit.machine import Later, cores
from whatsit.model.format import ModelFacts

OUTPUTS = ["probabilities", "similarity", "embedding"]


class Sessions:
    """Each is opened when first asked for, as a process often needs one of the two alone."""

    def __init__(self, facts: ModelFacts, graph: bytes, device: str) -> None:
        self._facts = facts
        self._graph = graph
        self._device = device
        self._begun: dict[int, Later[Any]] = {}
        self._lock = threading.Lock()

    def begin(self, few: bool) -> Later[Any]:
        """Begins to open an ONNX Runtime session, on a thread of its own, and returns at once."""
        facts, graph, device, threads = self._facts, self._graph, self._device, _threads(few)
        with self._lock:
            if threads not in self._begun:
                self._begun[threads] = Later(lambda: _opened(facts, graph, device, threads))
            return self._begun[threads]

    def get(self, few: bool) -> Any:
        """The session, once it is open. What failed is begun anew by whoever asks next.

        Raises ModelFolderError where the graph does not fit model.json, BackboneError where it does not load.
        """
        opening = self.begin(few)
        try:
            return opening.result()
        except BaseException:
            with self._lock:
                if self._begun.get(_threads(few)) is opening:
                    del self._begun[_threads(few)]
            raise
        finally:
            del opening  # of which the error's frames must not know


def _threads(few: bool) -> int:
    return cores() if few else 1


def _opened(facts: ModelFacts, graph: bytes, device: str, threads: int) -> Any:
    session = open_session(graph, device, threads)
    _check(session, facts)
    return session


def _check(session: Any, facts: ModelFacts) -> None:
    """Named outputs are cut by their widths, so a graph of other widths must not pass."""
    taken = facts.preprocessing
    expected = {"image": [taken.height, taken.width, 3], "probabilities": [len(facts.labels)], "similarity": []}
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
