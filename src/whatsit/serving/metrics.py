"""What /metrics tells. Label values come from known names alone: a client cannot make new ones."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
NONE = ""  # no model, or none that there is


class Metrics:
    """One registry a server, so that two in one process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter("requests", "Requests by model, version and status", "model", "version", "code")
        self.refused = self._counter("refused", "Requests that got no answer, by reason", "reason")
        self.images = self._counter("images", "Images that were answered, found bad, or failed on", "outcome")
        self.duration = self._seconds("request_duration", "From the first byte of a request to its answer")
        self.queue = self._seconds("queue", "An image's wait for a thread")
        self.decode = self._seconds("decode", "From an image's bytes to the network's input")
        self.inference = self._seconds("inference", "A call of the network")
        self.loads = self._counter("version_loads", "Versions opened, by outcome", "outcome")
        self.kept = self._counter("kept", "Answers kept for feedback, by outcome", "outcome")
        self._info = Gauge(
            "whatsit_model_info",
            "Versions that answer: 1 for each, with the checksum of its graph",
            ["model", "version", "aliases", "checksum"],
            registry=self.registry,
        )

    def watch(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A gauge that is read when asked for."""
        Gauge(f"whatsit_{name}", text, registry=self.registry).set_function(value)

    def show_models(self, rows: list[tuple[str, str, str, str]]) -> None:
        """(model, version, aliases, checksum) of all that answer now."""
        self._info.clear()
        for row in rows:
            self._info.labels(*row).set(1)

    def text(self) -> bytes:
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"whatsit_{name}", text, labels, registry=self.registry)

    def _seconds(self, name: str, text: str) -> Histogram:
        return Histogram(f"whatsit_{name}_seconds", text, buckets=SECONDS, registry=self.registry)
