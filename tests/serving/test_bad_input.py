"""Whatever is sent, the server answers 4xx, without a word about itself; and others notice nothing of it.

Hundreds of bad requests, in the tables of `hostile/`, go to one real server from several threads. Meanwhile good
requests are asked and answered. Where only the image decides, the server must say what `Classifier.predict` says.
"""

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from http.client import HTTPException
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from drawn import drawn_photo
from images.samples import encode, photo
from images.test_damage import SAMPLES
from numpy.typing import NDArray

from whatsit.config import SERVER_LIMITS
from whatsit.images.formats import FORMATS
from whatsit.model.classifier import Classifier
from whatsit.model.load import load
from whatsit.training.run import Trained

from .hostile.files import AVIF, HEIC
from .hostile.forms import of_forms
from .hostile.http import of_http, slow
from .hostile.images import File, bad
from .hostile.json import of_json
from .hostile.names import TRAVERSAL, of_names
from .hostile.odd import file_name, harmless, odd
from .hostile.requests import Case, Seen, case, form, problem, send
from .hostile.tensors import of_tensors
from .hostile.unsure import unsure
from .hostile.ways import WAYS, probabilities
from .running import Running, serving

pytestmark = pytest.mark.slow

AT_LEAST = 300  # bad requests
THREADS = 4  # that send them
MEANWHILE = 20  # good requests, at least
AGREE = 1e-5  # of a probability: an answer has it in 6 digits
MIB = 1024**2
# What bad requests may cost beyond good ones. Measured: 200 MB. The largest part, 180 MB, is a JSON object of 900,000
# names, and there is one such at a time; the rest are bodies of 10 MiB. The PNG bomb alone would take 676 MB.
MORE_MEMORY = 300 * MIB
OK = frozenset({200})
PHOTO = drawn_photo("shells", 77)
JPEG = encode(PHOTO, "JPEG")
Row = NDArray[np.float32]  # (classes,) probabilities


@dataclass(frozen=True)
class Good:
    """A request that must be answered, and with what; each image of it alike."""

    case: Case
    expected: Row


@dataclass(frozen=True)
class Tables:
    bad: list[Case]
    good: list[Good]


def tables(name: str, offline: Classifier) -> Tables:
    """name: of the model. Raises AssertionError where an image that must be none is answered offline."""
    families = (of_json, of_tensors, of_names, of_http)
    requests = [case for family in families for case in family(name, JPEG)]
    images = Tables([], [])
    _sort(name, offline, list(bad()), images)
    assert not images.good, [good.case.name for good in images.good]
    _sort(name, offline, list(unsure()), images)
    whole = offline.predict_proba(PHOTO)[0]
    odd_ones = [Good(case, whole) for case in odd(name, PHOTO)]
    return Tables([*requests, *of_forms(JPEG), *images.bad], [*images.good, *odd_ones])


def _sort(name: str, offline: Classifier, files: Sequence[File], into: Tables) -> None:
    """Puts each file to the bad or to the good ones, as `Classifier.predict` says, in one protocol after the other."""
    answers = offline.classify([data for _, data in files])
    for (title, data), ask, answer in zip(files, cycle(WAYS), answers, strict=False):
        case = ask(name, title, data)
        if answer.error is None:
            into.good.append(Good(replace(case, expected=OK), answer.probabilities))
        else:
            into.bad.append(case)


class Onslaught:
    """Sends to one server, and remembers what was wrong with its answers."""

    def __init__(self, server: Running, labels: Sequence[str]) -> None:
        self._server = server
        self._labels = labels
        self.problems: list[str] = []  # appended to from many threads

    def send_bad(self, case: Case) -> None:
        self._sent(case)

    def send_good(self, good: Good) -> None:
        seen = self._sent(good.case)
        if seen is not None and seen.status == 200:
            rows = np.array(probabilities(seen.json(), self._labels))
            if np.abs(rows - good.expected).max() > AGREE:
                self.problems.append(f"{good.case.name}: expected {good.expected}, got {rows}")

    def _sent(self, case: Case) -> Seen | None:
        try:
            seen = send(self._server.port, case)
        except (OSError, HTTPException) as error:
            self.problems.append(f"{case.name}: {type(error).__name__}: {error}")
            return None
        if wrong := problem(case, seen):
            self.problems.append(wrong)
        return seen


class Steady:
    """Sends good requests, one after the other, for as long as the `with` lasts."""

    def __init__(self, onslaught: Onslaught, goods: Iterable[Good]) -> None:
        self._send = onslaught.send_good
        self._goods = cycle(goods)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.sent = 0

    def __enter__(self) -> "Steady":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.is_set():
            self._send(next(self._goods))
            self.sent += 1


def plain_requests(name: str, offline: Classifier) -> list[Good]:
    """As anyone sends them: a photo of each format in each protocol."""
    images = list(SAMPLES.items())
    answers = offline.classify([data for _, data in images])
    rows = [(title, data, answer.probabilities) for (title, data), answer in zip(images, answers, strict=True)]
    return [Good(replace(ask(name, *row[:2]), expected=OK), row[2]) for ask in WAYS for row in rows]


def at_once(
    *works: tuple[Callable[[Case], None] | Callable[[Good], None], Sequence[Case] | Sequence[Good], int],
) -> None:
    """Each: what to do, with what, and on how many threads."""
    pools = [(ThreadPoolExecutor(threads), work, items) for work, items, threads in works]
    futures = [pool.submit(work, item) for pool, work, items in pools for item in items]  # type: ignore[arg-type]
    for pool, _, _ in pools:
        pool.shutdown()
    for future in futures:
        future.result()


def memory_taken(server: Running, work: Callable[[], None]) -> int:
    """Bytes by which the server's peak grew; 0 where the system does not tell."""
    before = server.peak_memory()
    work()
    after = server.peak_memory()
    return after - before if before is not None and after is not None else 0


def test_bad_requests_are_refused_and_good_ones_answered_meanwhile(model: Trained, tmp_path: Path) -> None:
    name = model.classifier.facts.name
    offline = load(model.folder, limits=replace(SERVER_LIMITS, formats=FORMATS))
    given, waited_for, plain = tables(name, offline), list(slow(JPEG)), plain_requests(name, offline)
    names = [case.name for case in [*given.bad, *waited_for, *(good.case for good in given.good)]]
    assert len(names) == len(set(names))
    assert len(given.bad) >= AT_LEAST
    with serving(model.folder, "--formats", ",".join(FORMATS), folder=tmp_path) as server:
        onslaught = Onslaught(server, offline.classes_)
        hostile = (onslaught.send_bad, given.bad, THREADS - 1), (onslaught.send_good, given.good, 1)
        waiting = (onslaught.send_bad, waited_for, len(waited_for))
        at_once((onslaught.send_good, plain * 2, THREADS))
        with Steady(onslaught, plain) as steady:
            more = memory_taken(server, lambda: at_once(*hostile, waiting))
    assert not onslaught.problems, "\n".join(onslaught.problems)
    assert steady.sent >= MEANWHILE
    assert more < MORE_MEMORY
    assert list(tmp_path.iterdir()) == []
    assert [line for line in server.log if "Traceback" in line or "error of the server's own" in line] == []


KEPT = re.compile(r"(feedback\.sqlite(-wal|-shm)?|images/([0-9a-f]{2})/(\3[0-9a-f]{62})\.png)")


def test_what_is_kept_is_named_by_its_content_alone(small_model: Trained, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "down"
    folder.mkdir(parents=True)
    names = [*filter(harmless, TRAVERSAL), "../escaped.png", "../../../escaped.png", f"{tmp_path}/escaped.png"]
    images = [encode(photo(8, 8, seed), "PNG") for seed in range(len(names))]
    with serving(small_model.folder, "--keep", "kept", folder=folder) as server:
        for name, image in zip(names, images, strict=True):
            keep_and_correct(server.port, name, image)
    kept = folder / "kept"
    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    matches = [KEPT.fullmatch(path.relative_to(kept).as_posix()) for path in found if path.is_relative_to(kept)]
    assert None not in matches
    assert len(matches) == len(found), found
    sums = {hashlib.sha256(image).hexdigest() for image in images}
    assert {match[4] for match in matches if match and match[4]} == sums


def keep_and_correct(port: int, name: str, image: bytes) -> None:
    """An image of that name, a correction to that label, and one of an answer with that id, which there is not."""
    headers, body = form([(file_name(name), image)])
    seen = send(port, case(name, 200, headers=headers, body=body))
    assert seen.status == 200, seen
    told = {"id": seen.json()["predictions"][0]["id"], "label": name[:200] or "none"}
    for status, said in ((200, told), (404, {**told, "id": name})):
        body = json.dumps(said).encode()
        assert send(port, case(name, status, path="/feedback", body=body)).status == status


def test_formats_that_hide_their_size_are_refused_unless_allowed(server: Running) -> None:
    for data, kind in ((AVIF, "AVIF"), (HEIC, "HEIC")):
        reply = server.ask("POST", "/predict", data)
        assert reply.status == 400
        assert json.loads(reply.body)["error"].startswith(f"{kind} is not taken here")
