"""uvicorn's HTTP connection with limits that uvicorn lacks.

They bound the number of connections, and the size and time of a request's head.

At shutdown, a request that is on its way is still answered.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEADER_BYTES = 64 * 1024
LINGER = 1.0  # seconds that an idle connection is kept at shutdown: a request may be on its way


class Connection(HttpToolsProtocol):
    """Subclassed by `bounded` with the bounds of one server."""

    max_connections = 0
    header_timeout = 0.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_due: asyncio.TimerHandle | None = None
        self._head_bytes = 0  # as they came
        self._field_bytes = 0  # as they were understood: a whole head may come at once

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(BufferedTransport(transport, self.loop))  # type: ignore[arg-type]
        if len(self.connections) > self.max_connections:
            transport.abort()
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._idle:
            return
        self._await_head()  # of which a part came, or of the next
        if not self._discarding:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEADER_BYTES:
                self.transport.abort()

    def on_message_begin(self) -> None:
        self._field_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + len(": \r\n"))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._head_arrived()
        super().on_headers_complete()

    def shutdown(self) -> None:
        """Called once, when the server stops."""
        if self._idle:
            self.loop.call_later(LINGER, self._close_if_idle)
        else:
            self.cycle.keep_alive = False

    @property
    def _idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    @property
    def _discarding(self) -> bool:
        """Whether what comes is the rest of a body whose answer was sent already."""
        return self.cycle is not None and self.cycle.more_body

    def _count(self, size: int) -> None:
        """Raises ValueError, of which uvicorn makes a 400, for a head that is too large."""
        self._field_bytes += size
        if self._field_bytes > MOST_HEADER_BYTES:
            raise ValueError("the head of the request is too large")

    def _await_head(self) -> None:
        if self._head_due is None:
            self._head_due = self.loop.call_later(self.header_timeout, self.transport.abort)

    def _head_arrived(self) -> None:
        self._head_bytes = 0
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None

    def _close_if_idle(self) -> None:
        if self._idle and not self._head_bytes:
            self.transport.close()


class BufferedTransport:
    """A transport that joins what is written within one turn of the event loop into one send.

    uvicorn writes the head and the body of a response separately. That takes two system calls, and wakes the client
    twice.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._pieces:
            self._loop.call_soon(self._send)
        self._pieces.append(data)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def abort(self) -> None:
        self._pieces.clear()
        self._transport.abort()

    def _send(self) -> None:
        if self._pieces and not self._transport.is_closing():
            self._transport.write(b"".join(self._pieces))
        self._pieces.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def limited_connection(most: int, timeout: float) -> type[Connection]:
    """most: connections at once; timeout: seconds for a request's head."""

    class LimitedConnection(Connection):
        max_connections = most
        header_timeout = timeout

    return LimitedConnection
