"""Weights of the hub are fetched once and kept; where there is none to be had, one line says so at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import ClassVar

import pytest
from patience import PATIENCE

from .samples import start_python

pytestmark = pytest.mark.slow

CONTENT = b"weights, as far as the hub is concerned"
REPOSITORY = "timm/tiny.in1k"
FETCH = """
import sys
from whatsit.embedding.backbones.hub import hub_file
from whatsit.errors import BackboneError
try:
    print(hub_file(sys.argv[1], "model.safetensors").read_text())
except BackboneError as error:
    print(error)
print("heavy:", *(name for name in ("torch", "timm") if name in sys.modules))
"""


class _Hub(BaseHTTPRequestHandler):
    """Answers as the hub does for one file of one repository."""

    asked: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(CONTENT)

    def _answer(self, body: bytes) -> None:
        self.asked.append(f"{self.command} {self.path}")
        known = self.path in ("/", f"/{REPOSITORY}/resolve/main/model.safetensors")
        self.send_response(200 if known else 404)
        self.send_header("ETag", '"0123456789abcdef0123456789abcdef"')
        self.send_header("X-Repo-Commit", "0123456789abcdef0123456789abcdef01234567")
        self.send_header("Content-Length", str(len(CONTENT) if known else 0))
        self.end_headers()
        self.wfile.write(body if known else b"")

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def _served() -> Iterator[str]:
    """The hub's address while the block lasts."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hub) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def nowhere() -> str:
    """An address where nobody listens."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hub) as server:
        return f"http://127.0.0.1:{server.server_port}"


def _fetched(home: Path, endpoint: str, repository: str = REPOSITORY, **more: str) -> str:
    """What is printed; on stderr nothing is."""
    process = start_python(FETCH, repository, HF_HOME=str(home), HF_ENDPOINT=endpoint, NO_PROXY="127.0.0.1", **more)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    answer, _, heavy = out.partition("heavy:")
    assert heavy.strip() == ""
    return answer.strip()


def test_it_is_fetched_once(tmp_path: Path, nowhere: str) -> None:
    with _served() as endpoint:
        assert _fetched(tmp_path, endpoint) == CONTENT.decode()
        assert f"GET /{REPOSITORY}/resolve/main/model.safetensors" in _Hub.asked
    assert _fetched(tmp_path, nowhere) == CONTENT.decode()


@contextmanager
def _hanging_up() -> Iterator[tuple[str, list[object]]]:
    """An address where whoever calls is hung up on, and the calls so far."""
    calls: list[object] = []

    class HangingUp(StreamRequestHandler):
        def handle(self) -> None:
            calls.append(self.client_address)

    with ThreadingTCPServer(("127.0.0.1", 0), HangingUp) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", calls
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("offline", "most"), [("0", 2), ("1", 0)])
def test_offline_it_is_said_at_once(tmp_path: Path, offline: str, most: int) -> None:
    """The client's session calls a second time, and the client by itself six times over, for 23 seconds."""
    with _hanging_up() as (endpoint, calls):
        said = _fetched(tmp_path, endpoint, HF_HUB_OFFLINE=offline)
    assert len(calls) <= most
    assert said == (
        "its weights are not on this machine and cannot be fetched (offline). Fetch model.safetensors of "
        f"huggingface.co/{REPOSITORY} on another machine and give it: --weights model.safetensors"
    )


def test_a_file_that_the_hub_has_not(tmp_path: Path) -> None:
    with _served() as endpoint:
        answer = _fetched(tmp_path, endpoint, "timm/gone")
    assert answer.startswith("its weights cannot be fetched (")
    assert answer.endswith("huggingface.co/timm/gone on another machine and give it: --weights model.safetensors")
    assert "\n" not in answer
