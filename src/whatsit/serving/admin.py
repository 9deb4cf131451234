"""Admin and health handlers.

The admin API changes which version answers. It listens on a port of its own that only this machine reaches, and is off
by default:

POST /models/{name}/default {"version": 3}      POST /models/{name}/rollback      POST /reload

The health handlers report whether the server runs, whether it is ready for requests, and its metrics.
"""

import asyncio
from collections.abc import Callable

from starlette.routing import Route

from whatsit.errors import WhatsitError
from whatsit.model.versions.store import Repository
from whatsit.serving.context import ServerContext
from whatsit.serving.http import HTTPError, Response, json_response, parse_json
from whatsit.serving.manager import Catalogue, ModelManager
from whatsit.serving.metrics import CONTENT_TYPE
from whatsit.serving.request import Request, post


class Admin:
    """The admin handlers. repository: None where a single model folder is served."""

    def __init__(self, manager: ModelManager, repository: Repository | None) -> None:
        self._manager = manager
        self._repository = repository

    def routes(self) -> list[Route]:
        return [
            post("/models/{name}/default", self.default),
            post("/models/{name}/rollback", self.rollback),
            post("/reload", self.reload),
        ]

    async def default(self, request: Request) -> Response:
        body = parse_json(await request.body(lambda: None))
        version = body.get("version")
        if type(version) is not int:
            raise HTTPError("bad_input", 'expected {"version": a number}')
        name = request.path["name"]
        return await self._change(lambda repository: repository.set_default(name, version))

    async def rollback(self, request: Request) -> Response:
        name = request.path["name"]
        return await self._change(lambda repository: repository.rollback(name))

    async def reload(self, request: Request) -> Response:
        """Reads the repository now, and responds when the new versions are served."""
        return json_response(_state(await asyncio.to_thread(self._manager.refresh)))

    async def _change(self, change: Callable[[Repository], object]) -> Response:
        repository = self._repository
        if repository is None:
            raise HTTPError("conflict", "a lone model is served, not a repository")

        def work() -> Catalogue:
            change(repository)
            return self._manager.refresh()

        try:
            return json_response(_state(await asyncio.to_thread(work)))
        except WhatsitError as error:
            raise HTTPError("conflict", str(error)) from None


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
    """The handlers for probes and metrics."""

    def __init__(self, context: ServerContext) -> None:
        self._context = context

    async def live(self, request: Request) -> Response:
        return json_response({"live": True})

    async def ready(self, request: Request) -> Response:
        self._context.check_ready()
        return json_response({"ready": True})

    async def metrics(self, request: Request) -> Response:
        return Response(self._context.metrics.text(), CONTENT_TYPE)
