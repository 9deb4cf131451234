"""Assembles the server: models, thread pool, feedback store, routes and middleware.

`run.py` listens and stops.
"""

from importlib import resources

from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from whatsit.config import ServeOptions
from whatsit.embedding.devices import find_device
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
from whatsit.serving.protocols.kserve import OpenInference
from whatsit.serving.protocols.own import PageHandlers, Predict
from whatsit.serving.protocols.tensorflow import TensorFlowServing
from whatsit.serving.request import Request, get, post
from whatsit.serving.sources import ModelSource, RepositorySource

SCRIPTS = ("page", "answer", "ask", "card", "correction", "dom", "models")
STATIC = {  # the same for every whatsit, so they need no key: path → (file, kind)
    "/": ("page/index.html", "text/html; charset=utf-8"),
    "/page.css": ("page/page.css", "text/css; charset=utf-8"),
    **{f"/{name}.js": (f"page/{name}.js", "text/javascript; charset=utf-8") for name in SCRIPTS},
    "/openapi.json": ("openapi.json", "application/json"),
}
LIVE = "/livez"


class Service:
    """`app` and `admin` are ASGI applications; `manager` holds the models."""

    def __init__(self, source: ModelSource, options: ServeOptions) -> None:
        """Raises WhatsitError where the folder for feedback cannot be written."""
        self.source = source
        self.options = options
        self.metrics = Metrics()
        self.manager = ModelManager(source, opener(options), self.metrics)
        self.feedback_store = FeedbackStore(options.keep, options.keep_bytes, self.metrics) if options.keep else None
        batch = options.max_batch or find_device(options.device).batch
        self.pool = Pool(cores(), options.max_waiting, batch, self.metrics)
        self._context = ServerContext(options, self.metrics, self.pool, lambda: self.manager.catalogue)
        routes = _routes(self._context, self.feedback_store)
        self.app = Middleware(_router(routes), self._context, public_paths=frozenset({*STATIC, LIVE}))
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


def _routes(context: ServerContext, feedback_store: FeedbackStore | None) -> list[Route]:
    page, health = PageHandlers(context, feedback_store), Health(context)
    return [
        post("/predict", Predict(context, feedback_store).predict),
        *TensorFlowServing(context).routes(),
        *OpenInference(context).routes(),
        post("/explain", page.explain),
        post("/feedback", page.feedback),
        get("/models", page.models),
        get(LIVE, health.live),
        get("/readyz", health.ready),
        get("/metrics", health.metrics),
        *(_static(path, *file) for path, file in STATIC.items()),
    ]


def _router(routes: list[Route]) -> Router:
    return Router(routes, redirect_slashes=False, default=_not_found)


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    raise HTTPError("unknown", "nothing is here. What there is: /openapi.json")


def _static(path: str, file: str, kind: str) -> Route:
    response = Response(resources.files("whatsit.serving").joinpath(file).read_bytes(), kind)

    async def answer(request: Request) -> Response:
        return response

    return get(path, answer)
