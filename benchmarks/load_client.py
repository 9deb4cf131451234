"""A load generator that costs little: one process, one event loop, ready-made requests, answers parsed no further than
HTTP needs. Each connection sends its next request when it has its answer, so `concurrency` requests are always under
way. Prints one line of JSON.
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

import uvloop

BOUNDARY = "photo"


class Connection(asyncio.Protocol):
    """Sends the shared requests in turn, and notes how long each took."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        self.received = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        self.sent = time.perf_counter()
        self.transport.write(self.run.next_request())

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        self.received = b""
        self.run.answered(int(head[9:12]), time.perf_counter() - self.sent)
        if self.run.over:
            self.transport.close()
        else:
            self.ask()

    def connection_lost(self, error: Exception | None) -> None:
        self.run.closed()


def _length(head: bytes) -> int:
    lower = head.lower()
    at = lower.index(b"content-length:") + 15
    return int(lower[at : lower.find(b"\r\n", at) if lower.find(b"\r\n", at) > 0 else None])


class Run:
    """`seconds` of load, after a warm-up that is not counted."""

    def __init__(self, requests: list[bytes], concurrency: int, warm_up: float, seconds: float) -> None:
        self.requests = requests
        self.place = 0
        self.begin = time.perf_counter() + warm_up
        self.end = self.begin + seconds
        self.seconds: list[float] = []
        self.refused = 0
        self.open = concurrency
        self.done = asyncio.Event()
        self.last = self.begin

    def next_request(self) -> bytes:
        self.place += 1
        return self.requests[self.place % len(self.requests)]

    @property
    def over(self) -> bool:
        return time.perf_counter() >= self.end

    def answered(self, status: int, seconds: float) -> None:
        now = time.perf_counter()
        if self.begin <= now <= self.end:
            self.last = now
            if status == 200:
                self.seconds.append(seconds)
            else:
                self.refused += 1

    def closed(self) -> None:
        self.open -= 1
        if not self.open:
            self.done.set()

    def result(self) -> dict[str, float]:
        ordered = sorted(self.seconds)
        if not ordered:
            sys.exit("no request was answered")
        return {
            "rate": len(ordered) / (self.last - self.begin),
            "p50": ordered[len(ordered) // 2],
            "p99": ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
            "n": len(ordered),
            "refused": self.refused,
        }


def requests(photos: list[Path], port: int, path: str, form: bool) -> list[bytes]:
    """Whole HTTP requests, each the raw bytes of a photo, or a form that holds them."""
    made = []
    kind = f"multipart/form-data; boundary={BOUNDARY}" if form else "application/octet-stream"
    for photo in photos:
        data = _form(photo.read_bytes()) if form else photo.read_bytes()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(data)}\r\n\r\n"
        )
        made.append(head.encode() + data)
    return made


def _form(data: bytes) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="request"; filename="photo.jpg"\r\n\r\n'
    return head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


async def load(port: int, made: list[bytes], concurrency: int, warm_up: float, seconds: float) -> Run:
    run = Run(made, concurrency, warm_up, seconds)
    loop = asyncio.get_running_loop()
    for _ in range(concurrency):
        await loop.create_connection(lambda: Connection(run), "127.0.0.1", port)
    await run.done.wait()
    return run


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("port", type=int)
    options.add_argument("path")
    options.add_argument("list", type=Path, help="a file that names a photo a line")
    options.add_argument("concurrency", type=int)
    options.add_argument("warm_up", type=float)
    options.add_argument("seconds", type=float)
    options.add_argument("--form", action="store_true")
    given = options.parse_args()
    photos = [Path(line) for line in given.list.read_text(encoding="utf-8").splitlines()]
    made = requests(photos, given.port, given.path, given.form)
    run = uvloop.run(load(given.port, made, given.concurrency, given.warm_up, given.seconds))
    print(json.dumps(run.result()))


if __name__ == "__main__":
    main()
