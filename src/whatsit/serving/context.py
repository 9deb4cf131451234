"""From a request's images to answers: what the three protocols share. Each brings its own way to read and to write."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from whatsit.config import ServeOptions
from whatsit.embedding.session import DETAILS
from whatsit.model.prediction import Classified
from whatsit.serving.http import HTTPError
from whatsit.serving.manager import Catalogue, Version
from whatsit.serving.metrics import Metrics
from whatsit.serving.pool import ImageData, Pool
from whatsit.serving.request import Request

T = TypeVar("T")

LARGE = 64 * 1024  # bytes of a body that take more than a millisecond to parse


@dataclass(eq=False)
class ServerContext:
    """What every handler works with. `draining` is set when the server is about to stop."""

    options: ServeOptions
    metrics: Metrics
    pool: Pool
    catalogue: Callable[[], Catalogue]  # of this moment
    draining: bool = False

    def __post_init__(self) -> None:
        self._parsing = ThreadPoolExecutor(1, thread_name_prefix="parse")

    def check_ready(self) -> None:
        """Raises Refused where no request should be sent here."""
        if self.draining:
            raise HTTPError("not_ready", "the server is about to stop")
        if not self.catalogue().ready:
            raise HTTPError("not_ready", "not every model is ready")

    def find(
        self, request: Request, model: str | None, version: str | None = None, alias: str | None = None
    ) -> Version:
        """The version that answers this call, from now to its end. Raises Refused."""
        request.version = self.catalogue().find(model, version, alias)
        return request.version

    async def body(self, request: Request) -> bytes:
        """Raises Refused, before a byte is read where the queue is full."""
        return await request.body(self.pool.check_capacity)

    async def read(self, request: Request, parse: Callable[[bytes], T]) -> T:
        """The body, parsed: a large one on a thread that parses one at a time, so that neither the event loop waits
        for it nor memory holds two. Raises Refused."""
        body = await self.body(request)
        if len(body) < LARGE:
            return parse(body)
        return await asyncio.get_running_loop().run_in_executor(self._parsing, parse, body)

    async def classify(self, request: Request, images: Sequence[ImageData]) -> list[Classified]:
        """Raises Refused, also where the model failed on all that can be read; and Gone where the client leaves in a
        long wait."""
        assert request.version is not None
        self.check_count(len(images))
        answers = await self.pool.classify(request.version, images, request.deadline, request.disconnected)
        if any(answer.failed for answer in answers) and all(answer.error is not None for answer in answers):
            raise _model_failure(next(answer for answer in answers if answer.failed))
        return answers

    async def classify_all_or_none(self, request: Request, images: Sequence[ImageData]) -> list[Classified]:
        """Raises Refused where an image is bad, too."""
        answers = await self.classify(request, images)
        for number, answer in enumerate(answers):
            if answer.failed:
                raise _model_failure(answer)
            if answer.error is not None:
                raise HTTPError("bad_input", f"instance {number}: {answer.error}")
        return answers

    def check_count(self, images: int) -> None:
        """Raises Refused."""
        if images == 0:
            raise HTTPError("bad_input", "no image in the request")
        if images > self.options.max_instances:
            raise HTTPError(
                "too_large", f"{images} images in one request, at most {self.options.max_instances} are taken"
            )


def _model_failure(answer: Classified) -> HTTPError:
    """The model's own failure is no client's fault. What a library says of it is for the log alone."""
    return HTTPError("failed", f"this version could not answer. {without_details(answer.error or '')}")


def without_details(error: str) -> str:
    """What the model's operator reads in the log, for a client: nothing of this machine, nor of its libraries."""
    return "The server's log says why" if DETAILS in error else error
