"""Connections: how many at once, and how long and large a request's head may be. A real server, in this process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from patience import PATIENCE

from whatsit.config import ServeOptions
from whatsit.serving.app import Service
from whatsit.serving.run import Server, config_of, listen
from whatsit.serving.sources import find_source
from whatsit.training.run import Trained

from .running import HOST

FOR_A_HEAD = 0.4  # seconds
MOST = 8
ASK = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Client]]


@asynccontextmanager
async def listening(model: Trained) -> AsyncIterator[Connect]:
    options = ServeOptions(port=0, quiet=True, max_connections=MOST, header_timeout=FOR_A_HEAD, keep_alive=1.0)
    service = Service(find_source(model.folder), options)
    listener, clients = listen(HOST, 0), []
    port, server = listener.getsockname()[1], Server(config_of(service.app, options), listener)
    task = asyncio.create_task(server.listen())

    async def connect() -> Client:
        clients.append(await asyncio.open_connection(HOST, port))
        return clients[-1]

    try:
        yield connect
    finally:
        for _, writer in clients:
            writer.transport.abort()
        server.should_exit = True
        await task
        service.close()


async def rest(client: Client) -> bytes:
    """Whatever still comes, until the server ends the connection."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await client[0].read()
    except ConnectionError:
        return b""


async def asks(client: Client) -> bytes:
    """The first line of the answer."""
    client[1].write(ASK)
    async with asyncio.timeout(PATIENCE):
        return await client[0].readline()


def test_so_many_connections_and_no_more(model: Trained) -> None:
    async def run() -> None:
        async with listening(model) as connect:
            held = [await connect() for _ in range(MOST)]
            assert await rest(await connect()) == b""
            assert b" 200 " in await asks(held[0])
            held[1][1].close()
            await held[1][1].wait_closed()
            while b" 200 " not in await asks(await connect()):
                pass

    asyncio.run(run())


@pytest.mark.parametrize("said", [b"", b"GET /livez HTTP/1.1\r\nHost: local", b"\r\n\r\n", ASK + b"GET /li"])
def test_who_says_too_little_is_sent_away(model: Trained, said: bytes) -> None:
    async def run() -> None:
        async with listening(model) as connect:
            client = await connect()
            client[1].write(said)
            assert (await rest(client)).count(b"HTTP/1.1 200") == said.count(ASK)

    asyncio.run(run())


def test_a_head_without_end_is_cut(model: Trained) -> None:
    async def run() -> None:
        async with listening(model) as connect:
            client = await connect()
            client[1].write(ASK[:-2])
            for number in range(5000):
                client[1].write(b"X-%d: %s\r\n" % (number, b"x" * 100))
            assert await rest(client) == b""
            assert b" 200 " in await asks(await connect())

    asyncio.run(run())
