"""Whether the server lives, whether it should be sent requests, and its figures."""

from whatsit.serving.call import Call
from whatsit.serving.desk import Desk
from whatsit.serving.metrics import CONTENT_TYPE
from whatsit.serving.reply import Reply, json_reply


class Health:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def live(self, call: Call) -> Reply:
        return json_reply({"live": True})

    async def ready(self, call: Call) -> Reply:
        self._desk.check_ready()
        return json_reply({"ready": True})

    async def metrics(self, call: Call) -> Reply:
        return Reply(self._desk.metrics.text(), CONTENT_TYPE)
