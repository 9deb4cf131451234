"""What is refused before a byte of a request's body is read, and what is given back afterwards."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from whatsit.config import ServeOptions
from whatsit.serving.http import HTTPError
from whatsit.serving.request import BufferLimit, ClientDisconnected, Request

OPTIONS = ServeOptions(max_body=100, max_buffered=250)


class Client:
    """Sends its pieces, one each time it is asked, then leaves."""

    def __init__(self, *pieces: bytes) -> None:
        self.left = list(pieces)

    async def receive(self) -> dict[str, Any]:
        if not self.left:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": self.left.pop(0), "more_body": True}


def request(client: Client, limit: BufferLimit | None = None, headers: Mapping[str, str] | None = None) -> Request:
    named = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {"type": "http", "headers": named, "query_string": b""}
    return Request(scope, client.receive, OPTIONS, limit or BufferLimit(OPTIONS.max_buffered))


def full() -> None:
    raise HTTPError("overload", "busy")


@pytest.mark.parametrize(
    ("reason", "check_capacity", "headers"),
    [
        ("overload", full, {}),
        ("encoding", lambda: None, {"content-encoding": "gzip"}),
        ("too_large", lambda: None, {"content-length": "101"}),
    ],
)
def test_refused_before_a_byte_is_read(reason: str, check_capacity: Any, headers: dict[str, str]) -> None:
    client = Client(b"x")
    with pytest.raises(HTTPError) as error:
        asyncio.run(request(client, headers=headers).body(check_capacity))
    assert error.value.reason == reason
    assert client.left == [b"x"]


def test_bytes_are_counted_as_they_come_whatever_was_announced() -> None:
    client = Client(*[b"x" * 40] * 5)
    with pytest.raises(HTTPError, match="larger than 100 bytes"):
        asyncio.run(request(client, headers={"content-length": "10"}).body(lambda: None))
    assert len(client.left) == 2


def test_all_bodies_share_a_limit_and_give_it_back() -> None:
    limit = BufferLimit(OPTIONS.max_buffered)
    requests = [request(Client(b"x" * 90), limit) for _ in range(3)]
    outcomes = []
    for one in requests:
        with pytest.raises((ClientDisconnected, HTTPError)) as raised:
            asyncio.run(one.body(lambda: None))
        outcomes.append(raised.type)
    assert outcomes == [ClientDisconnected, ClientDisconnected, HTTPError]
    for one in requests:
        one.release()
    limit.acquire(OPTIONS.max_buffered)


def test_two_headers_of_one_name_are_joined() -> None:
    scope = {"type": "http", "headers": [(b"host", b"a"), (b"host", b"b")], "query_string": b""}
    assert Request(scope, Client().receive, OPTIONS, BufferLimit(1)).headers == {"host": "a, b"}
