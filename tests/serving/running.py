"""A real `whatsit serve` in a process of its own, on a free port; ended with SIGTERM, and found to end well."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from patience import PATIENCE

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str]  # names in lower case; of a repeated header, the last
    body: bytes


@dataclass
class Running:
    """A server that was ready once. `log` grows: what it says on stderr, line by line."""

    process: "subprocess.Popen[str]"
    port: int
    log: list[str] = field(default_factory=list)
    killed: bool = False  # by the test: then no exit code is asked for

    @property
    def host(self) -> str:
        """As a Host header has it."""
        return f"{HOST}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Response(answer.status, names, answer.read())
        finally:
            connection.close()

    def await_log(self, words: str) -> None:
        """Until a line of the log has these words."""
        until = time.monotonic() + PATIENCE
        while not any(words in line for line in self.log):
            assert time.monotonic() < until, self.log[-20:]
            time.sleep(0.02)

    def peak_memory(self) -> int | None:
        """Bytes of memory at most so far; None where the system is not Linux."""
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.exists():
            return None
        found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii", errors="replace"), re.MULTILINE)
        assert found is not None
        return int(found[1]) * 1024


def free_port() -> int:
    with socket.create_server((HOST, 0)) as one:
        port: int = one.getsockname()[1]
        return port


@contextmanager
def serving(
    place: Path,
    *options: str,
    folder: Path | None = None,
    env: Mapping[str, str] | None = None,
    within: Sequence[str] = (),
    ready_key: str | None = None,
) -> Iterator[Running]:
    """`whatsit serve place --port 0 options…` in `folder`; given when /readyz says so. `within`: a command before it;
    `ready_key`: that it asks for.

    Ends it with SIGTERM, unless it was ended already, and asserts exit code 0.
    """
    command = [*within, sys.executable, "-m", "whatsit", "serve", str(place), "--port", "0", *options]
    surroundings = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder, env=surroundings) as process:
        log: list[str] = []
        reading = threading.Thread(target=_read_on, args=(process, log))
        try:
            server = Running(process, _port(process, log), log)
            reading.start()
            _await_ready(server, ready_key)
            yield server
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            code = process.wait(PATIENCE)
        finally:
            process.kill()  # nothing where it has ended
            if reading.is_alive():
                reading.join()
        assert code == 0 or server.killed, "".join(log[-50:])


def _port(process: "subprocess.Popen[str]", log: list[str]) -> int:
    """Reads stderr up to the line that tells the address."""
    assert process.stderr is not None
    for line in process.stderr:
        log.append(line)
        if found := re.search(r"Serving on http://\S+:(\d+)", line):
            return int(found[1])
    raise AssertionError(f"the server did not start:\n{''.join(log)}")


def _read_on(process: "subprocess.Popen[str]", log: list[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        log.append(line)


def _await_ready(server: Running, key: str | None) -> None:
    """It listens already, so each question gets an answer: 503 until its models are loaded."""
    until = time.monotonic() + PATIENCE
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    while server.ask("GET", "/readyz", headers=headers).status != 200:
        assert time.monotonic() < until, f"not ready in time:\n{''.join(server.log)}"
        time.sleep(0.02)
