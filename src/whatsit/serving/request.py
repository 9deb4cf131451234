"""One HTTP request: its headers, its body, its deadline, and the version of the model that answers it.

The body is read within limits of size and time. All requests share one limit for buffered bytes.

`get` and `post` make a route from a path and a handler. A handler is a function from a `Request` to a `Response`.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from starlette.datastructures import QueryParams
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from whatsit.config import ServeOptions
from whatsit.serving.http import HTTPError, Response
from whatsit.serving.manager import Version

KEY = "whatsit.request"  # the key of the Request in the ASGI scope
STALL = 5.0  # seconds without a byte of the body


class ClientDisconnected(Exception):  # noqa: N818 (no error: no client is left to answer)
    """The client has closed the connection."""


class BufferLimit:
    """The limit of bytes that the bodies of all requests may take together.

    It is not thread-safe: only the event loop's thread uses it.
    """

    def __init__(self, most: int) -> None:
        self._left = most

    def acquire(self, count: int) -> None:
        """Raises HTTPError."""
        if count > self._left:
            raise HTTPError("overload", "busy: too much is being sent at once. Try again in a second")
        self._left -= count

    def release(self, count: int) -> None:
        self._left += count


@dataclass(eq=False)
class Request:
    """What the middleware and the handlers share about a request."""

    scope: Scope
    receive: Receive
    options: ServeOptions
    buffer_limit: BufferLimit
    id: str = field(default_factory=lambda: f"{random.getrandbits(128):032x}")  # no secret
    started: float = field(default_factory=time.monotonic)
    deadline: float = 0.0
    version: Version | None = None  # the version that answers
    reason: str | None = None  # why the request got no answer: a key of `STATUS`, or `gone`
    body_read: bool = False
    _buffered: int = 0

    def __post_init__(self) -> None:
        self.headers = _headers(self.scope)
        self.deadline = self.started + self.options.deadline

    @property
    def path(self) -> dict[str, str]:
        """The path parameters, by name."""
        parts: dict[str, str] = self.scope["path_params"]
        return parts

    @property
    def query(self) -> QueryParams:
        return QueryParams(self.scope["query_string"])

    async def body(self, check_capacity: Callable[[], None]) -> bytes:
        """Reads the whole body. `check_capacity` is called before the first byte is read.

        The deadline is counted from the last byte. Raises HTTPError and ClientDisconnected.
        """
        check_capacity()
        if self.headers.get("content-encoding", "identity").lower() != "identity":
            raise HTTPError("encoding", "the body is compressed. Send it as it is, without Content-Encoding")
        if self.content_length > self.options.max_body:
            raise self._too_large()
        try:
            data = await self._whole_body()
        except TimeoutError:
            raise HTTPError("slow_body", "the body came too slowly") from None
        self.body_read = True
        self.deadline = time.monotonic() + self.options.deadline
        return data

    @property
    def content_length(self) -> int:
        """Content-Length in bytes; 0 where the header is missing or no number."""
        text = self.headers.get("content-length", "0")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0

    async def _whole_body(self) -> bytes:
        chunks: list[bytes] = []
        clock = asyncio.get_running_loop().time
        end = clock() + self.options.body_timeout
        async with asyncio.timeout(STALL) as patience:
            more = True
            while more:
                message = await self.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnected
                chunk = message.get("body", b"")
                self._buffer(len(chunk))
                chunks.append(chunk)
                more = message.get("more_body", False)
                patience.reschedule(min(end, clock() + STALL))
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _buffer(self, count: int) -> None:
        self.buffer_limit.acquire(count)
        self._buffered += count
        if self._buffered > self.options.max_body:
            raise self._too_large()

    def _too_large(self) -> HTTPError:
        return HTTPError("too_large", f"the body is larger than {self.options.max_body:,} bytes")

    async def disconnected(self) -> Exception:
        """Waits until the client disconnects. Once the body is read, ASGI sends no other message."""
        await self.receive()
        return ClientDisconnected()

    def release(self) -> None:
        """Releases the body's bytes and the version, because an idle connection keeps its last request."""
        self.buffer_limit.release(self._buffered)
        self._buffered = 0
        self.version = None


def _headers(scope: Scope) -> dict[str, str]:
    """Headers by name in lower case. Values of a repeated name are joined by commas (RFC 9110, 5.3)."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def request_of(scope: Any) -> Request:
    """The request that the middleware put into an ASGI scope."""
    request: Request = scope[KEY]
    return request


Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


class _Endpoint:
    """A handler as an ASGI application, which the router calls."""

    def __init__(self, handle: Handler) -> None:
        self._handle = handle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._handle(request_of(scope))
        await response.send(send)


def get(path: str, handle: Handler) -> Route:
    return Route(path, _Endpoint(handle), methods=["GET"])


def post(path: str, handle: Handler) -> Route:
    return Route(path, _Endpoint(handle), methods=["POST"])
