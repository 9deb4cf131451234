"""A server's memory over many swaps: a lone model folder, changed again and again, and asked between.

Each swap opens the model anew (checked, loaded, warmed up, its golden answers compared), swaps it in and lets go of the
one before. So memory should stay where it was after the first few; what grows is what holds old versions.
"""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import finish, parser, print_table, say, whatsit_command
from pictures import jpeg

HOST = "127.0.0.1"
PER_CLASS = 25
ASKED = 8  # photos between two swaps


def train_one(folder: Path) -> Path:
    """A model of drawn pictures, of the default backbone."""
    for k in range(3):
        (folder / "photos" / f"class {k}").mkdir(parents=True)
        for i in range(PER_CLASS):
            (folder / "photos" / f"class {k}" / f"{i}.jpg").write_bytes(jpeg(1000 * k + i, 160, 160, tint=k))
    subprocess.run([*whatsit_command(), "train", "photos", "-o", "model"], cwd=folder, check=True, capture_output=True)
    return folder / "model"


def ask(port: int, path: str, body: bytes = b"") -> bytes:
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    try:
        connection.request("POST", path, body)
        answer = connection.getresponse()
        data = answer.read()
        if answer.status != 200:
            sys.exit(f"{path}: {answer.status} {data[:300]!r}")
        return data
    finally:
        connection.close()


def resident(process: int) -> float:
    """MB of memory that a process holds now."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else float("nan")


def port_of(process: "subprocess.Popen[str]") -> int:
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"Serving on http://\S+:(\d+)", line):
            return int(found[1])
    sys.exit("the server did not start")


def measure(model: Path, admin: int, swaps: int, every: int, heat_maps: bool) -> list[tuple[int, float]]:
    """(swaps so far, MB)."""
    command = [*whatsit_command(), "serve", str(model), "--port", "0", "--admin-port", str(admin), "--quiet"]
    photo = jpeg(7, 320, 240)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        port = port_of(process)
        found = []
        for swap in range(swaps + 1):
            if swap:
                os.utime(model / "model.json")
                state = json.loads(ask(admin, "/reload"))
                assert [one["versions"] for one in state.values()] == [[swap + 1]], state
            for _ in range(ASKED):
                ask(port, "/predict", photo)
            if heat_maps:
                ask(port, "/explain", photo)
            if swap % every == 0:
                found.append((swap, resident(process.pid)))
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        process.stderr.read()
    return found


def main() -> None:
    started = time.perf_counter()
    options = parser(__doc__)
    options.add_argument("--swaps", type=int, default=200)
    options.add_argument("--every", type=int, default=40, help="measure after so many")
    options.add_argument("--model", type=Path, help="a model folder, which is touched (default: one of drawn pictures)")
    options.add_argument("--admin-port", type=int, default=8765)
    options.add_argument("--explain", action="store_true", help="ask for a heat map between swaps, too")
    args = options.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        model = args.model or train_one(Path(scratch))
        say(f"{args.swaps} swaps")
        rows = measure(model, args.admin_port, args.swaps, args.every, args.explain)
    first = rows[0][1]
    print_table(["swaps", "MB", "times the first"], [[str(n), f"{mb:.0f}", f"{mb / first:.2f}"] for n, mb in rows])
    finish(started)


if __name__ == "__main__":
    main()
