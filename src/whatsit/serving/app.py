"""All parts of the server, put together; what listens and what stops it is `run.py`."""

from importlib import resources

from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from whatsit.config import ServeOptions
from whatsit.embedding.devices import find_device
from whatsit.errors import ModelFolderError
from whatsit.machine import cores
from whatsit.serving.admin import Admin, Health
from whatsit.serving.context import Desk
from whatsit.serving.feedback import Keepsakes
from whatsit.serving.http import Refused, Reply
from whatsit.serving.manager import Keeper, opener
from whatsit.serving.metrics import Metrics
from whatsit.serving.middleware import Gate
from whatsit.serving.pool import Pool
from whatsit.serving.protocols.kserve import OpenInference
from whatsit.serving.protocols.own import ForPeople, Predict
from whatsit.serving.protocols.tensorflow import TensorFlowServing
from whatsit.serving.request import Call, get, post
from whatsit.serving.sources import RepositorySource, Source

SCRIPTS = ("page", "answer", "ask", "card", "correction", "dom", "models")
STATIC = {  # the same for every whatsit, so they need no key: path → (file, kind)
    "/": ("page/index.html", "text/html; charset=utf-8"),
    "/page.css": ("page/page.css", "text/css; charset=utf-8"),
    **{f"/{name}.js": (f"page/{name}.js", "text/javascript; charset=utf-8") for name in SCRIPTS},
    "/openapi.json": ("openapi.json", "application/json"),
}
LIVE = "/livez"


class Service:
    """`app` and `admin` are ASGI applications; `keeper` says what answers."""

    def __init__(self, source: Source, options: ServeOptions) -> None:
        """Raises WhatsitError where the folder for feedback cannot be written."""
        self.source = source
        self.options = options
        self.metrics = Metrics()
        self.keeper = Keeper(source, opener(options), self.metrics)
        self.keepsakes = Keepsakes(options.keep, options.keep_bytes, self.metrics) if options.keep else None
        batch = options.max_batch or find_device(options.device).batch
        self.pool = Pool(cores(), options.max_waiting, batch, self.metrics)
        self._desk = Desk(options, self.metrics, self.pool, lambda: self.keeper.catalogue)
        routes = _routes(self._desk, self.keepsakes)
        self.app = Gate(_router(routes), self._desk, free=frozenset({*STATIC, LIVE}))
        repository = source.repository if isinstance(source, RepositorySource) else None
        self.admin = Gate(_router(Admin(self.keeper, repository).routes()), self._desk)

    def prepare(self) -> None:
        """Before it listens: a repository is opened in the background, a lone model now.

        Raises ModelFolderError where that must not answer.
        """
        if isinstance(self.source, RepositorySource):
            return
        for model in self.keeper.refresh().models.values():
            for failure in model.failures.values():
                raise ModelFolderError(failure.reason)

    def drain(self) -> None:
        """From now on it is not ready, and asks its clients to open no further request on their connections."""
        self._desk.draining = True

    def close(self) -> None:
        self.keeper.stop()
        self.pool.close()
        if self.keepsakes:
            self.keepsakes.close()


def _routes(desk: Desk, keepsakes: Keepsakes | None) -> list[Route]:
    people, health = ForPeople(desk, keepsakes), Health(desk)
    return [
        post("/predict", Predict(desk, keepsakes).predict),
        *TensorFlowServing(desk).routes(),
        *OpenInference(desk).routes(),
        post("/explain", people.explain),
        post("/feedback", people.feedback),
        get("/models", people.models),
        get(LIVE, health.live),
        get("/readyz", health.ready),
        get("/metrics", health.metrics),
        *(_static(path, *file) for path, file in STATIC.items()),
    ]


def _router(routes: list[Route]) -> Router:
    return Router(routes, redirect_slashes=False, default=_nothing_here)


async def _nothing_here(scope: Scope, receive: Receive, send: Send) -> None:
    raise Refused("unknown", "nothing is here. What there is: /openapi.json")


def _static(path: str, file: str, kind: str) -> Route:
    reply = Reply(resources.files("whatsit.serving").joinpath(file).read_bytes(), kind)

    async def answer(call: Call) -> Reply:
        return reply

    return get(path, answer)
