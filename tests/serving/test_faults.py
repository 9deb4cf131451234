"""What can go wrong while a server is under load. By request id: sent = answered + refused, none lost; and every
answer is the offline prediction of the version that it names.
"""

import json
import os
import shutil
import signal
import socket
import time
from pathlib import Path

import pytest
from patience import PATIENCE

from whatsit.model.versions.store import Repository
from whatsit.training.run import Trained

from .conftest import NAME, copy_version
from .faulty import faulty_model
from .load import ANSWERED, LOST, REFUSED, Clients, Offline, check, photos_in
from .running import HOST, Running, free_port, serving

pytestmark = pytest.mark.slow

SWAPS = 20


@pytest.fixture
def repository(small_model: Trained, other_small_model: Trained, tmp_path: Path) -> Repository:
    """`drawn`: version 1, the default, and version 2. Small ones, so that what is under load is the server."""
    repository = Repository(tmp_path / "models")
    repository.add(small_model.folder, NAME)
    repository.add(other_small_model.folder, NAME)
    return repository


@pytest.fixture(scope="module")
def asked(small: Path) -> list[bytes]:
    """Photos to ask about."""
    return photos_in(small)


@pytest.fixture(scope="module")
def offline(small_model: Trained, other_small_model: Trained, asked: list[bytes]) -> dict[int, Offline]:
    return {1: Offline.of(small_model.folder, asked), 2: Offline.of(other_small_model.folder, asked)}


def test_the_two_versions_differ(offline: dict[int, Offline]) -> None:
    assert abs(offline[1].probabilities - offline[2].probabilities).max() > 0.01


def served_version(server: Running) -> int:
    return int(server.ask("GET", f"/v1/models/{NAME}/metadata").headers["x-model-version"])


def await_state(server: Running, version: int, state: str) -> None:
    """Until /v1/models says so of a version."""
    until = time.monotonic() + PATIENCE
    while True:
        reply = json.loads(server.ask("GET", f"/v1/models/{NAME}").body)
        states = {int(one["version"]): one["state"] for one in reply["model_version_status"]}
        if states.get(version) == state:
            return
        assert time.monotonic() < until, states
        time.sleep(0.05)


@pytest.mark.parametrize("delay", ["0", "0.3"])
def test_sigterm_under_load(
    repository: Repository, asked: list[bytes], offline: dict[int, Offline], delay: str
) -> None:
    with serving(repository.root, "--quiet", "--shutdown-delay", delay) as server:
        with Clients(server.port, asked, 16).asking() as clients:
            clients.await_count(ANSWERED, 50)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(PATIENCE) == 0
        count = check(clients.sent, offline)
        assert count[ANSWERED] >= 50
        assert count[REFUSED] > 0


def test_kill_and_restart(
    repository: Repository, asked: list[bytes], offline: dict[int, Offline], tmp_path: Path
) -> None:
    port, keep = str(free_port()), str(tmp_path / "kept")
    with serving(repository.root, "--quiet", "--port", port, "--keep", keep) as server:
        with Clients(server.port, asked, 8).asking() as clients:
            clients.await_count(ANSWERED, 30)
            server.process.kill()
        assert clients.count()[LOST] <= 8  # what was under way: no server can answer after its death
        assert server.process.wait(PATIENCE) == -signal.SIGKILL
        server.killed = True
    with serving(repository.root, "--quiet", "--port", port, "--keep", keep) as server:
        with Clients(server.port, asked, 8).asking() as clients:
            clients.await_count(ANSWERED, 30)
        check(clients.sent, offline)


def test_swaps_and_rollbacks_under_load(
    repository: Repository, asked: list[bytes], offline: dict[int, Offline]
) -> None:
    admin = free_port()
    with serving(repository.root, "--quiet", "--admin-port", str(admin)) as server:
        admin_server = Running(server.process, admin)
        with Clients(server.port, asked, 8).asking() as clients:
            for swap in range(SWAPS):
                wanted = 2 - swap % 2
                if swap < 2:
                    body = json.dumps({"version": wanted}).encode()
                    assert admin_server.ask("POST", f"/models/{NAME}/default", body).status == 200
                else:
                    assert admin_server.ask("POST", f"/models/{NAME}/rollback").status == 200
                assert served_version(server) == wanted, "what is asked after a swap is answered by the new version"
                clients.await_count(ANSWERED, 4)
        count = check(clients.sent, offline)
        assert count[REFUSED] == 0
        assert {one.version for one in clients.sent} == {1, 2}


def test_a_change_of_default_by_hand_is_picked_up(repository: Repository) -> None:
    with serving(repository.root, "--quiet") as server:
        assert served_version(server) == 1
        repository.set_default(NAME, 2)
        until = time.monotonic() + PATIENCE
        while served_version(server) != 2:
            assert time.monotonic() < until
            time.sleep(0.05)


def test_broken_versions_leave_the_old_one_serving(
    repository: Repository, asked: list[bytes], offline: dict[int, Offline]
) -> None:
    with (
        serving(repository.root, "--quiet") as server,
        Clients(server.port, asked, 4).asking() as clients,
    ):
        flipped = copy_version(repository, 2, 3)
        graph = bytearray((flipped / "model.onnx").read_bytes())
        graph[len(graph) // 2] ^= 1
        (flipped / "model.onnx").write_bytes(graph)
        _point_default_at(repository, 3)
        await_state(server, 3, "END")
        assert served_version(server) == 1
        server.await_log("3/model.onnx: damaged (its checksum")

        half = repository.folder(NAME, 3).parent / "4"
        half.mkdir()
        shutil.copy(repository.folder(NAME, 2) / "model.json", half)
        _point_default_at(repository, 4)
        await_state(server, 4, "END")
        assert served_version(server) == 1
        assert server.ask("POST", f"/v1/models/{NAME}/versions/4:predict", b"{}").status == 503

        for name in ("labels.txt", "model.onnx", "golden.json"):
            shutil.copy(repository.folder(NAME, 2) / name, half)
        await_state(server, 4, "AVAILABLE")
        clients.await_count(ANSWERED, 10)
    check(clients.sent, {**offline, 4: offline[2]})


def _point_default_at(repository: Repository, version: int) -> None:
    """As a careless hand would, with no check."""
    path = repository.root / NAME / "aliases.json"
    aliases = json.loads(path.read_text(encoding="utf-8"))
    fresh = path.with_name("fresh.json")
    fresh.write_text(json.dumps({**aliases, "default": version}), encoding="utf-8")
    fresh.replace(path)


def test_slow_and_vanishing_clients(repository: Repository, asked: list[bytes], offline: dict[int, Offline]) -> None:
    head = f"POST /predict HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(asked[0])}\r\n\r\n".encode()
    with (
        serving(repository.root, "--quiet") as server,
        Clients(server.port, asked, 4).asking() as clients,
        socket.create_connection((HOST, server.port), timeout=PATIENCE) as slow,
    ):
        slow.sendall(head + asked[0][:10])
        for place in range(40):  # they leave in the middle of the head, of the body, and of the wait for the answer
            with socket.create_connection((HOST, server.port), timeout=PATIENCE) as leaving:
                whole = head + asked[0]
                leaving.sendall(whole[: (20, len(head) + 50, len(whole))[place % 3]])
        assert b" 408 " in slow.recv(1000).partition(b"\r\n")[0]
        clients.await_count(ANSWERED, 20)
        figures = server.ask("GET", "/metrics").body.decode()
        assert 'whatsit_refused_total{reason="slow_body"} 1.0' in figures
    assert check(clients.sent, offline)[REFUSED] == 0


def test_an_exception_in_inference(small_model: Trained, asked: list[bytes], tmp_path: Path) -> None:
    folder, bad = faulty_model(small_model.folder, tmp_path / "faulty")
    with (
        serving(folder, "--quiet") as server,
        Clients(server.port, asked, 4).asking() as clients,
    ):
        for _ in range(20):
            reply = server.ask("POST", "/predict", bad)
            assert reply.status == 503
            assert json.loads(reply.body) == {"error": "this version could not answer. The server's log says why"}
        clients.await_count(ANSWERED, 20)
    assert check(clients.sent, {1: Offline.of(folder, asked)})[REFUSED] == 0
    assert any("could not answer" in line for line in server.log)


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files by the shell's ulimit")
def test_a_full_disk_costs_what_is_kept_and_no_answer(
    repository: Repository, asked: list[bytes], offline: dict[int, Offline], tmp_path: Path
) -> None:
    within = ("sh", "-c", 'ulimit -f 200; exec "$@"', "sh")  # blocks of 512 or 1,024 bytes
    with (
        serving(repository.root, "--quiet", "--keep", str(tmp_path / "kept"), within=within) as server,
        Clients(server.port, asked, 4).asking() as clients,
    ):
        clients.await_count(ANSWERED, 150)
        figures = server.ask("GET", "/metrics").body.decode()
        assert 'whatsit_kept_total{outcome="failed"}' in figures
    assert check(clients.sent, offline)[REFUSED] == 0
    assert any("an answer was not kept" in line for line in server.log)


def test_overload_is_refused_and_said(repository: Repository, asked: list[bytes], offline: dict[int, Offline]) -> None:
    with (
        serving(repository.root, "--quiet", "--max-waiting", "4") as server,
        Clients(server.port, asked, 32).asking() as clients,
    ):
        clients.await_count(ANSWERED, 100)
        clients.await_count(REFUSED, 1)
    count = check(clients.sent, offline)
    assert count[ANSWERED] >= 100
    refused = [one for one in clients.sent if one.outcome == REFUSED]
    assert {one.status for one in refused} == {429}
    assert all(one.retry_after == "1" for one in refused)


def test_late_work_is_dropped(model: Trained, asked: list[bytes]) -> None:
    """By a network that takes long enough for 48 photos to be late."""
    with (
        serving(model.folder, "--quiet", "--deadline", "0.1") as server,
        Clients(server.port, asked, 48).asking() as clients,
    ):
        clients.await_count(REFUSED, 50)
    check(clients.sent, {1: Offline.of(model.folder, asked)})
    assert {one.status for one in clients.sent if one.outcome == REFUSED} == {503}
