"""The server's log lines on stderr, as text or as JSON; and its Prometheus metrics.

Label values come from known names only, so that a client cannot create new ones.
"""

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from whatsit.text import printable

LOGGERS = ("whatsit.serving", "whatsit.access", "uvicorn.error")


def set_up(*, as_json: bool) -> None:
    """Of this process, which is the server's own."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if as_json else _Text())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.WARNING if name == "uvicorn.error" else logging.INFO)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        clock = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        request: dict[str, Any] | None = getattr(record, "request", None)
        if request is None:
            text = f"{clock} {printable(record.getMessage())}"
            return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text
        answered = f" {request['model']}/{request['version']}" if request["model"] else ""
        reason = f" ({request['reason']})" if request["reason"] else ""
        what = printable(f"{request['method']} {request['path']}")
        return f"{clock} {request['status']} {request['ms']:7.1f} ms {what}{answered}{reason} {request['id']}"


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {"at": at, "level": record.levelname.lower()}
        line.update(getattr(record, "request", None) or {"message": record.getMessage()})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
NO_MODEL = ""  # no model, or none that there is


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
