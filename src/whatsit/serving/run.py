"""Listens for requests, and shuts down gracefully.

At shutdown the server reports that it is not ready, waits for a delay, accepts no new connections, finishes the open
requests, and exits.
"""

import asyncio
import contextlib
import errno
import gc
import os
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn

from whatsit.config import ServeOptions
from whatsit.errors import WhatsitError
from whatsit.serving.app import Service
from whatsit.serving.connection import limited_connection
from whatsit.serving.middleware import Middleware

BACKLOG = 256  # connections that the kernel holds until they are accepted
FORCED = 1  # exit code
ADMIN_HOST = "127.0.0.1"


class Server(uvicorn.Server):
    """Leaves signals to `serve`, and accepts the connections that wait in the kernel before it closes the listener."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket) -> None:
        """listener: the listening socket. uvicorn gets a duplicate, which it closes with a delay."""
        super().__init__(config)
        self._listener = listener

    async def listen(self) -> None:
        """Until `should_exit`."""
        await self.serve([self._listener.dup()])

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for accepted in close_listener(self._listener):
            await self._accept(accepted)
        await super().shutdown(sockets)

    async def _accept(self, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        accepted.setblocking(False)
        await loop.connect_accepted_socket(
            lambda: self.config.http_protocol_class(  # type: ignore[call-arg]
                config=self.config, server_state=self.server_state, app_state={}, _loop=loop
            ),
            accepted,
        )


def close_listener(listener: socket.socket) -> list[socket.socket]:
    """Closes the listener, and returns the connections that waited in the kernel.

    A client that connects between the last accept and the close, two system calls, is refused. No server can avoid
    that.
    """
    waiting = []
    with contextlib.suppress(OSError):
        while True:
            waiting.append(listener.accept()[0])
    listener.close()
    return waiting


def listen(host: str, port: int) -> socket.socket:
    """Raises WhatsitError where the port is taken, or no address of this machine."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host.strip("[]"), port), family=family, backlog=BACKLOG)
    except OSError as error:
        hint = "Take another: --port N" if error.errno == errno.EADDRINUSE else "Take another address: --host"
        raise WhatsitError(f"cannot listen on {host}, port {port}: {_reason(error)}. {hint}") from None
    listening.setblocking(False)
    return listening


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror or error)


def serve(service: Service, started: Callable[[str], None]) -> int:
    """Serves until SIGTERM or SIGINT, and returns the exit code. `started` is called with the address.

    Raises WhatsitError where it cannot listen, or has a lone model that must not answer.
    """
    options = service.options
    listeners = [(service.app, listen(options.host, options.port))]
    if options.admin_port is not None:
        listeners.append((service.admin, listen(ADMIN_HOST, options.admin_port)))
    service.prepare()
    gc.collect()
    gc.freeze()  # what was imported stays, so that no later collection walks over it
    servers = [Server(config_of(app, options), listener) for app, listener in listeners]
    with asyncio.Runner(loop_factory=servers[0].config.get_loop_factory()) as runner:
        return runner.run(_serve(service, servers, lambda: started(_url(options.host, listeners[0][1]))))


async def _serve(service: Service, servers: list[Server], started: Callable[[], None]) -> int:
    loop, stopping = asyncio.get_running_loop(), False

    def request_exit() -> None:
        for server in servers:
            server.should_exit = True

    def stop(delay: float) -> None:
        nonlocal stopping
        if stopping:
            for server in servers:
                server.should_exit = server.force_exit = True
            return
        stopping = True
        service.drain()
        loop.call_later(delay, request_exit)

    _on_signal(signal.SIGTERM, loop, lambda: stop(service.options.shutdown_delay))
    _on_signal(signal.SIGINT, loop, lambda: stop(0))
    started()
    service.manager.watch(service.options.poll)
    await asyncio.gather(*(server.listen() for server in servers))
    if any(server.force_exit for server in servers):
        return FORCED
    service.close()
    return 0


def _on_signal(number: int, loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> None:
    try:
        loop.add_signal_handler(number, act)
    except NotImplementedError:  # Windows
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(act))


def config_of(app: Middleware, options: ServeOptions) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=limited_connection(options.max_connections, options.header_timeout),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=int(options.keep_alive),
        timeout_graceful_shutdown=int(options.shutdown_timeout),
    )


def _url(host: str, listening: socket.socket) -> str:
    port = listening.getsockname()[1]
    return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{port}"
