"""A request that nobody should send: as bytes on the wire, and what the answer must be. It knows no kind of them."""

import http.client
import json
import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from patience import PATIENCE

REVEALING = re.compile(r"/work|/tmp|/home|/root|/usr|Traceback|site-packages|\.py\b|whatsit[./]serving")
LONGEST_ERROR = 500  # characters
IDENTITY = re.compile(r"[A-Za-z0-9._:-]{1,64}")
MOST_BYTES = 2_000_000  # of a reply, beyond which it is not read on

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Case:
    """A request. `HOST` in a header's value or in `raw` stands for the server's own host and port."""

    name: str
    expected: frozenset[int]
    method: str = "POST"
    path: str = "/predict"
    headers: Headers = ()
    body: bytes | Sequence[bytes] = b""  # several: sent as chunks
    raw: bytes | None = None  # the whole request, instead of all above
    is_protocol: bool = False  # HTTP itself is violated: a closed connection, or an answer that is no JSON, will do

    def wire(self, host: str) -> Iterable[bytes]:
        """The bytes, piece by piece."""
        if self.raw is not None:
            return [self.raw.replace(b"HOST", host.encode())]
        given = [(name, value.replace("HOST", host)) for name, value in self.headers]
        names = {name.lower() for name, _ in given}
        pieces = [self.body] if isinstance(self.body, bytes) else self.body
        added = [] if "host" in names else [("Host", host)]
        if not isinstance(self.body, bytes):
            added.append(("Transfer-Encoding", "chunked"))
        elif not names & {"content-length", "transfer-encoding"} and (self.body or self.method == "POST"):
            added.append(("Content-Length", str(len(self.body))))
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in [*added, *given])]
        head = "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")
        return [head, *pieces] if isinstance(self.body, bytes) else [head, *map(_chunk, pieces), b"0\r\n\r\n"]


def case(name: str, expected: int | set[int], *, chunks: Iterable[bytes] | None = None, **rest: object) -> Case:
    """`Case`, more shortly."""
    statuses = frozenset({expected} if isinstance(expected, int) else expected)
    body = {} if chunks is None else {"body": list(chunks)}
    return Case(name, statuses, **{**rest, **body})  # type: ignore[arg-type]


def violation(name: str, raw: bytes) -> Case:
    """What is no HTTP: 400, or a closed connection."""
    return Case(name, frozenset({400}), raw=raw, is_protocol=True)


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(piece), piece)


@dataclass(frozen=True)
class Seen:
    """What came back. status: None where the connection was closed without a word."""

    status: int | None
    headers: http.client.HTTPMessage | None
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def send(port: int, one: Case) -> Seen:
    """Raises TimeoutError where no answer comes."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        try:
            for piece in one.wire(f"127.0.0.1:{port}"):
                connection.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused while it was being sent; the answer may lie here already
        status, headers, body = _read(connection, one.method)
    return Seen(status, headers, body)


def _read(connection: socket.socket, method: str) -> tuple[int | None, http.client.HTTPMessage | None, bytes]:
    answer = http.client.HTTPResponse(connection, method=method)
    try:
        answer.begin()
        return answer.status, answer.headers, answer.read(MOST_BYTES)
    except (ConnectionResetError, http.client.RemoteDisconnected):
        return None, None, b""
    finally:
        answer.close()


def problem(one: Case, seen: Seen) -> str | None:
    """What is wrong with the answer; None where it is right."""
    got = f"{seen.status} {seen.body[:200]!r}"
    if seen.status is None:
        return None if one.is_protocol else f"{one.name}: expected {sorted(one.expected)}, got a closed connection"
    if seen.status not in one.expected:
        return f"{one.name}: expected {sorted(one.expected)}, got {got}"
    if found := REVEALING.search(seen.body.decode("utf-8", "replace")):
        return f"{one.name}: reveals {found[0]!r}: {got}"
    return None if one.is_protocol else _misshapen(one, seen)


def _misshapen(one: Case, seen: Seen) -> str | None:
    """Whether the answer lacks what each has: its id, and where it is an error, the reason as JSON."""
    identity = seen.headers["x-request-id"] if seen.headers else None
    if identity is None or not IDENTITY.fullmatch(identity):
        return f"{one.name}: X-Request-Id {identity!r}"
    if seen.status == 200 or one.method == "HEAD":
        return None
    try:
        error = json.loads(seen.body)["error"]
    except (ValueError, KeyError, TypeError):
        return f"{one.name}: expected an error as JSON, got {seen.body[:200]!r}"
    if not isinstance(error, str) or not 0 < len(error) <= LONGEST_ERROR or "\n" in error:
        return f"{one.name}: expected a short line, got {error!r:.300}"
    return None


def form(files: Iterable[tuple[str, bytes]], boundary: str = "edge") -> tuple[Headers, bytes]:
    """(headers, body) of multipart/form-data. files: (all that stands behind `form-data`, content)."""
    parts = [
        f"--{boundary}\r\nContent-Disposition: form-data{options}\r\n\r\n".encode() + data + b"\r\n"
        for options, data in files
    ]
    body = b"".join([*parts, f"--{boundary}--\r\n".encode()])
    return [("Content-Type", f"multipart/form-data; boundary={boundary}")], body


def in_url(name: str) -> str:
    """Every character that is not a letter or digit in percent form, slashes too."""
    return quote(name, safe="")
