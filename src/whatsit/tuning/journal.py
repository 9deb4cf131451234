"""Optuna's journal: a file of JSON lines that processes append to in turn. It survives a kill at any moment.

Optuna's own lock outlives a process that was killed by half a minute, and its reader stops at half a line. Here the
system takes the lock back with the process, and half a line is dropped.
"""

import json
import os
from pathlib import Path
from typing import Any

from filelock import FileLock
from optuna.storages.journal import JournalFileBackend

from whatsit.errors import WhatsitError
from whatsit.files import plain_os_errors

GUARD = ".guard"  # beside the journal
FIRST = 200  # bytes, within which a first line names its operation


class Journal(JournalFileBackend):
    """Raises WhatsitError where the file is none of Optuna's, or cannot be written."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.guard = FileLock(file.with_name(file.name + GUARD))
        with plain_os_errors(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            with self.guard:
                _mend(file)
            super().__init__(str(file))

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Waits for the disk: a trial costs more than that."""
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        with plain_os_errors(self.file), self.guard, self.file.open("ab") as file:
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())


def _mend(file: Path) -> None:
    """Drops half a last line, of a journal alone: any other file is left as it is."""
    if not file.exists() or not file.stat().st_size:
        return
    with file.open("r+b") as opened:
        if b'"op_code"' not in opened.read(FIRST):
            raise WhatsitError(f"{file}: is no journal of 'whatsit tune'. Name another --storage")
        opened.seek(0)
        data = opened.read()
        if not data.endswith(b"\n"):
            opened.truncate(data.rfind(b"\n") + 1)
