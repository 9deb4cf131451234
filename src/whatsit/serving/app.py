"""Assembles the server: models, thread pool, feedback store, routes and middleware.

`run.py` listens and stops.
"""

from importlib import resources

from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from whatsit.config import ServeOptions
from whatsit.embedding.engines.registry import find_engine
from whatsit.errors import ModelFolderError
from whatsit.machine import cores
from whatsit.serving.admin import Admin, Health
from whatsit.serving.context import ServerContext
from whatsit.serving.feedback import FeedbackStore
from whatsit.serving.http import HTTPError, Response
from whatsit.serving.manager import ModelManager, opener
from whatsit.serving.metrics import Metrics
from whatsit.serving.middleware import Middleware
from whatsit.serving.pool import Pool
from whatsit.serving.protocols.registry import PROTOCOLS, openapi_document
from whatsit.serving.request import Request, get
from whatsit.serving.sources import ModelSource, RepositorySource

SCRIPTS = ("page", "answer", "ask", "card", "correction", "dom", "models")
STATIC = {  # the same for every whatsit, as is /openapi.json, so they need no key: path → (file, kind)
    "/": ("page/index.html", "text/html; charset=utf-8"),
    "/page.css": ("page/page.css", "text/css; charset=utf-8"),
    **{f"/{name}.js": (f"page/{name}.js", "text/javascript; charset=utf-8") for name in SCRIPTS},
}
OPENAPI = "/openapi.json"
LIVE = "/livez"


class Service:
    """`app` and `admin` are ASGI applications; `manager` holds the models."""

    def __init__(self, source: ModelSource, options: ServeOptions) -> None:
        """Raises WhatsitError where the folder for feedback cannot be written, or a protocol cannot be imported."""
        self.source = source
        self.options = options
        self.metrics = Metrics()
        self.manager = ModelManager(source, opener(options), self.metrics)
        self.feedback_store = FeedbackStore(options.keep, options.keep_bytes, self.metrics) if options.keep else None
        batch = options.max_batch or find_engine(options.device).batch
        self.pool = Pool(cores(), options.max_waiting, batch, self.metrics)
        self._context = ServerContext(
            options, self.metrics, self.pool, lambda: self.manager.catalogue, self.feedback_store
        )
        routes = _routes(self._context)
        self.app = Middleware(_router(routes), self._context, public_paths=frozenset({*STATIC, OPENAPI, LIVE}))
        repository = source.repository if isinstance(source, RepositorySource) else None
        self.admin = Middleware(_router(Admin(self.manager, repository).routes()), self._context)

    def prepare(self) -> None:
        """Before it listens: a repository is opened in the background, a lone model now.

        Raises ModelFolderError where that must not answer.
        """
        if isinstance(self.source, RepositorySource):
            return
        for model in self.manager.refresh().models.values():
            for failure in model.failures.values():
                raise ModelFolderError(failure.reason)

    def drain(self) -> None:
        """From now on it is not ready, and asks its clients to open no further request on their connections."""
        self._context.draining = True

    def close(self) -> None:
        self.manager.stop()
        self.pool.close()
        if self.feedback_store:
            self.feedback_store.close()


def _routes(context: ServerContext) -> list[Route]:
    protocols, health = [PROTOCOLS.get(name)(context) for name in PROTOCOLS], Health(context)
    return [
        *(route for protocol in protocols for route in protocol.routes()),
        get(LIVE, health.live),
        get("/readyz", health.ready),
        get("/metrics", health.metrics),
        *(_static(path, _file(name), kind) for path, (name, kind) in STATIC.items()),
        _static(OPENAPI, openapi_document(protocol.openapi for protocol in protocols), "application/json"),
    ]


def _router(routes: list[Route]) -> Router:
    return Router(routes, redirect_slashes=False, default=_not_found)


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    raise HTTPError("unknown", "nothing is here. What there is: /openapi.json")


def _file(name: str) -> bytes:
    return resources.files("whatsit.serving").joinpath(name).read_bytes()


def _static(path: str, body: bytes, kind: str) -> Route:
    response = Response(body, kind)

    async def answer(request: Request) -> Response:
        return response

    return get(path, answer)
