"""What all request handlers share: options, metrics, thread pool and models; and the steps from images to answers.

Protocols differ only in how they read a request and write a response.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from whatsit.config import ServeOptions
from whatsit.embedding.session import DETAILS
from whatsit.model.prediction import Classified
from whatsit.serving.http import HTTPError
from whatsit.serving.manager import Catalogue, Version
from whatsit.serving.metrics import Metrics
from whatsit.serving.pool import ImageData, Pool
from whatsit.serving.request import Request

if TYPE_CHECKING:
    from whatsit.serving.feedback import FeedbackStore

T = TypeVar("T")

LARGE = 64 * 1024  # bytes of a body that take more than a millisecond to parse


@dataclass(eq=False)
class ServerContext:
    """What every handler uses. `draining` is set when the server is about to stop."""

    options: ServeOptions
    metrics: Metrics
    pool: Pool
    catalogue: Callable[[], Catalogue]  # the catalogue as it is now
    feedback_store: "FeedbackStore | None" = None  # None where answers are not stored
    draining: bool = False

    def __post_init__(self) -> None:
        self._parsing = ThreadPoolExecutor(1, thread_name_prefix="parse")

    def check_ready(self) -> None:
        """Raises HTTPError where the server should get no requests."""
        if self.draining:
            raise HTTPError("not_ready", "the server is about to stop")
        if not self.catalogue().ready:
            raise HTTPError("not_ready", "not every model is ready")

    def find(
        self, request: Request, model: str | None, version: str | None = None, alias: str | None = None
    ) -> Version:
        """The version that answers this request until its end. Raises HTTPError."""
        request.version = self.catalogue().find(model, version, alias)
        return request.version

    async def body(self, request: Request) -> bytes:
        """The request's body. Raises HTTPError; where the queue is full, before a byte is read."""
        return await request.body(self.pool.check_capacity)

    async def read(self, request: Request, parse: Callable[[bytes], T]) -> T:
        """The parsed body. Raises HTTPError.

        A large body is parsed on a thread, so that the event loop does not wait. The thread parses one body at a time,
        so that memory never holds two.
        """
        body = await self.body(request)
        if len(body) < LARGE:
            return parse(body)
        return await asyncio.get_running_loop().run_in_executor(self._parsing, parse, body)

    async def classify(self, request: Request, images: Sequence[ImageData]) -> list[Classified]:
        """An answer, or the image's error, for each image.

        Raises HTTPError, also where the model failed on every readable image. Raises ClientDisconnected where the
        client disconnects during a long wait.
        """
        assert request.version is not None
        self.check_count(len(images))
        answers = await self.pool.classify(request.version, images, request.deadline, request.disconnected)
        if any(answer.failed for answer in answers) and all(answer.error is not None for answer in answers):
            raise _model_failure(next(answer for answer in answers if answer.failed))
        return answers

    async def classify_all_or_none(self, request: Request, images: Sequence[ImageData]) -> list[Classified]:
        """An answer for each image. Raises HTTPError also where one image cannot be read."""
        answers = await self.classify(request, images)
        for number, answer in enumerate(answers):
            if answer.failed:
                raise _model_failure(answer)
            if answer.error is not None:
                raise HTTPError("bad_input", f"instance {number}: {answer.error}")
        return answers

    def check_count(self, images: int) -> None:
        """Raises HTTPError."""
        if images == 0:
            raise HTTPError("bad_input", "no image in the request")
        if images > self.options.max_instances:
            raise HTTPError(
                "too_large", f"{images} images in one request, at most {self.options.max_instances} are taken"
            )


def _model_failure(answer: Classified) -> HTTPError:
    """The error for a failure of the model, which is no fault of the client. Only the log has a library's message."""
    return HTTPError("failed", f"this version could not answer. {without_details(answer.error or '')}")


def without_details(error: str) -> str:
    """The error as a client may read it: without details of this machine or its libraries."""
    return "The server's log says why" if DETAILS in error else error
