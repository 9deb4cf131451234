"""From a request's images to answers: what the three protocols share. Each brings its own way to read and to write."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from whatsit.model.prediction import Classified
from whatsit.serving.call import Call
from whatsit.serving.catalogue import Catalogue
from whatsit.serving.metrics import Metrics
from whatsit.serving.options import ServeOptions
from whatsit.serving.pool import ImageData, Pool
from whatsit.serving.refusal import Refused
from whatsit.serving.version import Version

T = TypeVar("T")

LARGE = 64 * 1024  # bytes of a body that take more than a millisecond to parse


@dataclass(eq=False)
class Desk:
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
            raise Refused("not_ready", "the server is about to stop")
        if not self.catalogue().ready:
            raise Refused("not_ready", "not every model is ready")

    def find(self, call: Call, model: str | None, version: str | None = None, alias: str | None = None) -> Version:
        """The version that answers this call, from now to its end. Raises Refused."""
        call.version = self.catalogue().find(model, version, alias)
        return call.version

    async def body(self, call: Call) -> bytes:
        """Raises Refused, before a byte is read where the queue is full."""
        return await call.body(self.pool.check_room)

    async def read(self, call: Call, parse: Callable[[bytes], T]) -> T:
        """The body, parsed: a large one on a thread that parses one at a time, so that neither the event loop waits
        for it nor memory holds two. Raises Refused."""
        body = await self.body(call)
        if len(body) < LARGE:
            return parse(body)
        return await asyncio.get_running_loop().run_in_executor(self._parsing, parse, body)

    async def classify(self, call: Call, images: Sequence[ImageData]) -> list[Classified]:
        """Raises Refused; and Gone where the client leaves in a long wait."""
        assert call.version is not None
        self.check_count(len(images))
        return await self.pool.classify(call.version, images, call.deadline, call.gone)

    async def classify_all_or_none(self, call: Call, images: Sequence[ImageData]) -> list[Classified]:
        """Raises Refused where an image is bad, too."""
        answers = await self.classify(call, images)
        for number, answer in enumerate(answers):
            if answer.error is not None:
                raise Refused("bad_input", f"instance {number}: {answer.error}")
        return answers

    def check_count(self, images: int) -> None:
        """Raises Refused."""
        if images == 0:
            raise Refused("bad_input", "no image in the request")
        if images > self.options.max_instances:
            raise Refused(
                "too_large", f"{images} images in one request, at most {self.options.max_instances} are taken"
            )
