"""Clients that keep asking, and remember of every request what became of it: answered, refused, or lost."""

import http.client
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from patience import PATIENCE

import whatsit

from .running import HOST

ANSWERED, REFUSED, LOST = "answered", "refused", "lost"
REFUSALS = (429, 503)
CLOSE = 2e-6  # probabilities are told with six digits


@dataclass(frozen=True)
class Sent:
    """One request."""

    id: str
    photo: int
    outcome: str
    status: int = 0
    version: int = 0
    probabilities: dict[str, float] = field(default_factory=dict)
    retry_after: str | None = None
    why: str = ""


class Clients:
    """Each has a connection of its own, which it keeps as long as the server does."""

    def __init__(self, port: int, photos: Sequence[bytes], count: int, path: str = "/predict?top=100") -> None:
        self._port = port
        self._photos = photos
        self._path = path
        self._numbers = itertools.count()
        self._stop = threading.Event()
        self.sent: list[Sent] = []
        self._threads = [threading.Thread(target=self._ask_on) for _ in range(count)]

    def _ask_on(self) -> None:
        """Until told to stop, or nobody is there any more."""
        with closing(http.client.HTTPConnection(HOST, self._port, timeout=PATIENCE)) as connection:
            while not self._stop.is_set():
                sent = self._ask(connection, next(self._numbers))
                self.sent.append(sent)
                if not sent.status:
                    return

    def _ask(self, connection: http.client.HTTPConnection, number: int) -> Sent:
        identity, photo = f"r{number}", number % len(self._photos)
        try:
            if connection.sock is None:  # at first, and where the server said that it would close
                connection.connect()
        except OSError as error:
            return Sent(identity, photo, REFUSED, why=repr(error))
        try:
            connection.request("POST", self._path, self._photos[photo], {"X-Request-Id": identity})
            with connection.getresponse() as reply:
                body = json.loads(reply.read())
        except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: half an answer, no JSON
            return Sent(identity, photo, LOST, why=repr(error))
        if reply.status not in (200, *REFUSALS) or reply.getheader("X-Request-Id") != identity:
            return Sent(identity, photo, LOST, reply.status, why=f"{reply.getheaders()} {body}")
        if reply.status in REFUSALS:
            return Sent(identity, photo, REFUSED, reply.status, retry_after=reply.getheader("Retry-After"))
        assert reply.getheader("X-Model-Version") == str(body["version"])
        top = {one["label"]: one["probability"] for one in body["predictions"][0]["top"]}
        return Sent(identity, photo, ANSWERED, 200, body["version"], top)

    def count(self) -> Counter[str]:
        return Counter(sent.outcome for sent in self.sent)

    def await_count(self, outcome: str, more: int) -> None:
        """Until so many more requests have ended so."""
        goal = self.count()[outcome] + more
        while self.count()[outcome] < goal:
            assert any(thread.is_alive() for thread in self._threads), self.count()
            time.sleep(0.01)

    @contextmanager
    def asking(self) -> "Iterator[Clients]":
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()


def photos_in(folder: Path, most: int = 12) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("*/*.jpg"))[::3][:most]]


@dataclass(frozen=True)
class Offline:
    """What a model folder says of the photos, without a server."""

    classes: tuple[str, ...]
    probabilities: NDArray[np.float32]  # (n, classes)

    @classmethod
    def of(cls, folder: Path, photos: Sequence[bytes]) -> "Offline":
        classifier = whatsit.load(folder)
        return cls(classifier.classes_, classifier.predict_proba(photos))

    def agrees(self, sent: Sent) -> bool:
        row = self.probabilities[sent.photo]
        return all(abs(sent.probabilities[label] - p) <= CLOSE for label, p in zip(self.classes, row, strict=True))


def check(sent: Sequence[Sent], offline: dict[int, Offline]) -> Counter[str]:
    """Every id once, none lost, and every answer the offline one of the version that it names."""
    count = Counter(one.outcome for one in sent)
    assert len({one.id for one in sent}) == len(sent)
    assert count[LOST] == 0, [one for one in sent if one.outcome == LOST]
    assert count[ANSWERED] + count[REFUSED] == len(sent)
    wrong = [one for one in sent if one.outcome == ANSWERED and not offline[one.version].agrees(one)]
    assert wrong == []
    return count
