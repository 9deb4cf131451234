"""What the server says on stderr: a line a request and a line an event, for people or as JSON for programs."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

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
