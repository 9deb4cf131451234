"""Changing what answers, over HTTP: on a port of its own that only this machine reaches, off unless asked for.

POST /models/{name}/default {"version": 3}      POST /models/{name}/rollback      POST /reload

Whether the server lives, whether it should be sent requests, and its figures.
"""

import asyncio
from collections.abc import Callable

from starlette.routing import Route

from whatsit.errors import WhatsitError
from whatsit.model.versions.store import Repository
from whatsit.serving.context import Desk
from whatsit.serving.http import Refused, Reply, json_reply, parse_json
from whatsit.serving.manager import Catalogue, Keeper
from whatsit.serving.metrics import CONTENT_TYPE
from whatsit.serving.request import Call, post


class Admin:
    """The handlers. repository: None where a lone model is served."""

    def __init__(self, keeper: Keeper, repository: Repository | None) -> None:
        self._keeper = keeper
        self._repository = repository

    def routes(self) -> list[Route]:
        return [
            post("/models/{name}/default", self.default),
            post("/models/{name}/rollback", self.rollback),
            post("/reload", self.reload),
        ]

    async def default(self, call: Call) -> Reply:
        body = parse_json(await call.body(lambda: None))
        version = body.get("version")
        if type(version) is not int:
            raise Refused("bad_input", 'expected {"version": a number}')
        name = call.path["name"]
        return await self._change(lambda repository: repository.set_default(name, version))

    async def rollback(self, call: Call) -> Reply:
        name = call.path["name"]
        return await self._change(lambda repository: repository.rollback(name))

    async def reload(self, call: Call) -> Reply:
        """Looks at the repository now, and answers when what it found serves."""
        return json_reply(_state(await asyncio.to_thread(self._keeper.refresh)))

    async def _change(self, change: Callable[[Repository], object]) -> Reply:
        repository = self._repository
        if repository is None:
            raise Refused("conflict", "a lone model is served, not a repository")

        def work() -> Catalogue:
            change(repository)
            return self._keeper.refresh()

        try:
            return json_reply(_state(await asyncio.to_thread(work)))
        except WhatsitError as error:
            raise Refused("conflict", str(error)) from None


def _state(catalogue: Catalogue) -> dict[str, dict[str, object]]:
    return {
        model.name: {
            "aliases": model.aliases,
            "versions": list(model.versions),
            "failed": {str(number): failure.reason for number, failure in model.failures.items()},
        }
        for model in catalogue.models.values()
    }


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
