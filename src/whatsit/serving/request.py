"""One HTTP request on its way: who asked, until when it is worth answering, and what became of it.

Reads the body within its limits, and holds the bytes against a budget that all requests share.

A path, and what answers it: a function from a call to a reply.
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
from whatsit.serving.http import Refused, Reply
from whatsit.serving.manager import Version

KEY = "whatsit.call"  # where the call lies in the ASGI scope


STALL = 5.0  # seconds without a byte of the body


class Gone(Exception):  # noqa: N818 (no error: the client hung up, and nobody is left to tell)
    """The client has left."""


class Budget:
    """Bytes of all bodies together. Only the event loop's thread counts."""

    def __init__(self, most: int) -> None:
        self._left = most

    def take(self, count: int) -> None:
        """Raises Refused."""
        if count > self._left:
            raise Refused("overload", "busy: too much is being sent at once. Try again in a second")
        self._left -= count

    def give(self, count: int) -> None:
        self._left += count


@dataclass(eq=False)
class Call:
    """What the handlers share about a request."""

    scope: Scope
    receive: Receive
    options: ServeOptions
    budget: Budget
    id: str = field(default_factory=lambda: f"{random.getrandbits(128):032x}")  # no secret
    started: float = field(default_factory=time.monotonic)
    deadline: float = 0.0
    version: Version | None = None  # that answers
    reason: str | None = None  # why not
    body_read: bool = False
    _held: int = 0

    def __post_init__(self) -> None:
        self.headers = _headers(self.scope)
        self.deadline = self.started + self.options.deadline

    @property
    def path(self) -> dict[str, str]:
        """The named parts of the path."""
        parts: dict[str, str] = self.scope["path_params"]
        return parts

    @property
    def query(self) -> QueryParams:
        return QueryParams(self.scope["query_string"])

    async def body(self, check_room: Callable[[], None]) -> bytes:
        """The whole body; `check_room` is asked before a byte of it is read. Raises Refused, Gone.

        The deadline counts from its last byte.
        """
        check_room()
        if self.headers.get("content-encoding", "identity").lower() != "identity":
            raise Refused("encoding", "the body is compressed. Send it as it is, without Content-Encoding")
        if self.announced > self.options.max_body:
            raise self._too_large()
        try:
            data = await self._whole_body()
        except TimeoutError:
            raise Refused("slow_body", "the body came too slowly") from None
        self.body_read = True
        self.deadline = time.monotonic() + self.options.deadline
        return data

    @property
    def announced(self) -> int:
        """Content-Length in bytes; 0 where it is not told."""
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
                    raise Gone
                chunk = message.get("body", b"")
                self._hold(len(chunk))
                chunks.append(chunk)
                more = message.get("more_body", False)
                patience.reschedule(min(end, clock() + STALL))
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _hold(self, count: int) -> None:
        self.budget.take(count)
        self._held += count
        if self._held > self.options.max_body:
            raise self._too_large()

    def _too_large(self) -> Refused:
        return Refused("too_large", f"the body is larger than {self.options.max_body:,} bytes")

    async def gone(self) -> Exception:
        """Ends when the client leaves; once the body is read, ASGI has nothing else to tell."""
        await self.receive()
        return Gone()

    def release(self) -> None:
        """Gives back what the body held, and the version: an idle connection remembers its last call."""
        self.budget.give(self._held)
        self._held = 0
        self.version = None


def _headers(scope: Scope) -> dict[str, str]:
    """Names in lower case; values of one name joined by commas (RFC 9110, 5.3), so that two are never taken for one."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def call_of(scope: Any) -> Call:
    """The call that the gate put into an ASGI scope."""
    call: Call = scope[KEY]
    return call


Handle: TypeAlias = Callable[[Call], Awaitable[Reply]]


class _Endpoint:
    """As an ASGI application, which the router passes on to as it is."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reply = await self._handle(call_of(scope))
        await reply.send(send)


def get(path: str, handle: Handle) -> Route:
    return Route(path, _Endpoint(handle), methods=["GET"])


def post(path: str, handle: Handle) -> Route:
    return Route(path, _Endpoint(handle), methods=["POST"])
