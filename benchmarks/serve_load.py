"""The server under load, against the bare cost of decode + inference on as many threads, and beside LitServe.

Bare: in a process of its own, a thread a core, each decodes a photo and runs the network on it, over and over, with
the same `Classifier`: no HTTP, no queue. The ratio is the server's images/s to the mean of the bare runs right before
and right after it; the load generator runs on the same cores, so what it takes counts against the server. LitServe
(its own environment, `--litserve`) has the same classifier in a worker process a core.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from common import DATA, HERE, finish, parser, photos_below, print_table, say, whatsit_command

import whatsit
from whatsit.machine import cores

CLIENT, PEER = HERE / "load_client.py", HERE / "peers" / "litserve_server.py"
HOST = "127.0.0.1"
WARM_UP = 1.0  # seconds
MIB = 1024**2


@dataclass(frozen=True)
class Measured:
    """One run under load."""

    rate: float  # images/s
    p50: float  # seconds
    p99: float
    memory: float  # MiB at most, all processes of the server together
    ratio: float = 0.0  # to the bare rate


@dataclass(frozen=True)
class Kind:
    """A server to measure."""

    name: str
    command: tuple[str, ...]  # the port is appended
    path: str
    form: bool  # photos in a multipart form, or raw


def bare(model: str, listed: str, seconds: str) -> None:
    """In a process of its own: prints images/s and MiB."""
    classifier = whatsit.load(model)
    classifier.open()
    photos = [Path(line).read_bytes() for line in Path(listed).read_text(encoding="utf-8").splitlines()]
    begin = time.perf_counter() + WARM_UP
    end = begin + float(seconds)
    counts = [0] * cores()

    def work(place: int) -> None:
        at = place
        while (now := time.perf_counter()) < end:
            classifier.answer_pixels(classifier.pixels(photos[at % len(photos)])[None])
            at += len(counts)
            counts[place] += begin <= now

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(counts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"rate": sum(counts) / float(seconds), "memory": peak_memory(os.getpid())}))


def peak_memory(process: int) -> float:
    """MiB at most so far, of a process and all its children."""
    total = 0.0
    for one in (process, *_children(process)):
        text = Path(f"/proc/{one}/status").read_text(encoding="utf-8")
        total += next((int(line.split()[1]) for line in text.splitlines() if line.startswith("VmHWM")), 0) / 1024
    return total


def _children(process: int) -> Iterator[int]:
    for task in Path(f"/proc/{process}/task").iterdir():
        with suppress(OSError):  # a thread that has ended meanwhile
            for child in (task / "children").read_text(encoding="ascii").split():
                yield int(child)
                yield from _children(int(child))


@contextmanager
def running(kind: Kind, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Until it answers /livez or /health, and then to its end."""
    process = subprocess.Popen(
        [*kind.command, str(port)], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        _await(process, port, "/readyz" if kind.path == "/predict" and not kind.name.startswith("Lit") else "/health")
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        with suppress(ProcessLookupError):  # LitServe's workers outlive it
            os.killpg(process.pid, signal.SIGKILL)


def _await(process: subprocess.Popen[bytes], port: int, path: str) -> None:
    import http.client

    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        try:
            connection = http.client.HTTPConnection(HOST, port, timeout=5)
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    sys.exit("a server did not start")


def free_port() -> int:
    with socket.create_server((HOST, 0)) as one:
        port: int = one.getsockname()[1]
        return port


def measure(kind: Kind, listed: Path, concurrency: int, seconds: float) -> Measured:
    port = free_port()
    with running(kind, port) as process:
        command = [sys.executable, CLIENT, port, kind.path, listed, concurrency, WARM_UP, seconds]
        form = ["--form"] if kind.form else []
        done = subprocess.run([*map(str, command), *form], capture_output=True, text=True, timeout=seconds + 120)
        if done.returncode:
            sys.exit(f"{kind.name}: {done.stderr}")
        got = json.loads(done.stdout)
        if got["refused"]:
            sys.exit(f"{kind.name}: refused {got['refused']} requests")
        return Measured(got["rate"], got["p50"], got["p99"], peak_memory(process.pid))


def run_bare(model: Path, listed: Path, seconds: float) -> tuple[float, float]:
    command = [sys.executable, str(Path(__file__)), "--bare", str(model), str(listed), str(seconds)]
    got = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return got["rate"], got["memory"]


def rounds(
    kinds: Sequence[Kind], model: Path, listed: Path, levels: Sequence[int], seconds: float, count: int
) -> tuple[dict[tuple[str, int], list[Measured]], list[tuple[float, float]]]:
    """A bare run before and after each measurement; servers and levels take turns."""
    found: dict[tuple[str, int], list[Measured]] = {}
    bares = [run_bare(model, listed, seconds)]
    for number in range(count):
        for level in levels:
            for kind in kinds:
                one = measure(kind, listed, level, seconds)
                bares.append(run_bare(model, listed, seconds))
                around = (bares[-1][0] + bares[-2][0]) / 2
                one = Measured(one.rate, one.p50, one.p99, one.memory, one.rate / around)
                found.setdefault((kind.name, level), []).append(one)
                say(f"round {number + 1}, {kind.name}, {level}: {one.rate:.0f} images/s, ratio {one.ratio:.3f}")
    return found, bares


def main() -> None:
    if sys.argv[1:2] == ["--bare"]:
        bare(*sys.argv[2:5])
        return
    started = time.perf_counter()
    options = parser(__doc__)
    options.add_argument("photos", type=Path, nargs="?", default=DATA / "cats_dogs", help="folder of photos")
    options.add_argument("--model", type=Path, help="model folder (None: trained on 200 of the photos)")
    options.add_argument("--most", type=int, default=200, help="photos to ask about")
    options.add_argument("--levels", type=int, nargs="+", default=[1, 8, 32], help="requests at once")
    options.add_argument("--seconds", type=float, default=6.0, help="of each run")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--litserve", type=Path, help="the Python of an environment with litserve and whatsit")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        listed = Path(scratch) / "photos.txt"
        listed.write_text("\n".join(photos_below(given.photos, given.most)), encoding="utf-8")
        model = given.model or _trained(given.photos, Path(scratch))
        ours = (*whatsit_command(), "serve", str(model), "--quiet", "--port")
        single = (*ours[:-1], "--max-batch", "1", "--port")
        kinds = [
            Kind("whatsit", ours, "/predict", form=False),
            Kind("whatsit --max-batch 1", single, "/predict", form=False),
            Kind("whatsit, form", ours, "/predict", form=True),
        ]
        if given.litserve:
            kinds.append(Kind("LitServe, form", (str(given.litserve), str(PEER), str(model)), "/predict", form=True))
        found, bares = rounds(kinds, model, listed, given.levels, given.seconds, given.rounds)
    print(f"{given.most} photos of {given.photos.name}, {cores()} cores; medians of {given.rounds} rounds\n")
    rows = [_row(name, str(level), ones) for (name, level), ones in sorted(found.items(), key=lambda item: item[0][1])]
    rate, memory = (median(values) for values in zip(*bares, strict=True))
    rows.insert(0, ["bare threads", "", f"{rate:.0f}", "", "", f"{memory:.0f}", "1"])
    print_table(["server", "at once", "images/s", "p50 ms", "p99 ms", "peak MiB", "ratio to bare"], rows)
    finish(started)


def _trained(photos: Path, scratch: Path) -> Path:
    say("training a model to serve")
    return whatsit.train(photos, scratch / "model").folder


def _row(name: str, level: str, ones: Sequence[Measured]) -> list[str]:
    ratios = sorted(one.ratio for one in ones)
    return [
        name,
        level,
        f"{median(one.rate for one in ones):.0f}",
        f"{1000 * median(one.p50 for one in ones):.1f}",
        f"{1000 * median(one.p99 for one in ones):.1f}",
        f"{median(one.memory for one in ones):.0f}",
        f"{median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})",
    ]


if __name__ == "__main__":
    main()
