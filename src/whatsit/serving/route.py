"""A path, and what answers it: a function from a call to a reply."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from whatsit.serving.call import Call, call_of
from whatsit.serving.reply import Reply

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
