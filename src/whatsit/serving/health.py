"""Whether the server lives, whether it should be sent requests, and its figures."""

from starlette.requests import Request
from starlette.responses import Response

from whatsit.serving.desk import Desk
from whatsit.serving.metrics import CONTENT_TYPE
from whatsit.serving.reply import json_reply


class Health:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def live(self, request: Request) -> Response:
        return json_reply({"live": True})

    async def ready(self, request: Request) -> Response:
        self._desk.check_ready()
        return json_reply({"ready": True})

    async def metrics(self, request: Request) -> Response:
        return Response(self._desk.metrics.text(), headers={"Content-Type": CONTENT_TYPE})
