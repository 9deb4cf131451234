"""Who gets in, and what every answer carries; and how the server starts and stops."""

import json
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import PATIENCE

from whatsit.config import ServeOptions
from whatsit.errors import WhatsitError
from whatsit.serving.middleware import check_exposure, is_loopback
from whatsit.training.run import Trained

from .running import HOST, Running, serving

pytestmark = pytest.mark.slow

KEY = "s3cret"


@pytest.fixture(scope="module")
def locked(model: Trained) -> Iterator[Running]:
    """With a key; by environment, as a command line is for all to read."""
    with serving(model.folder, "--quiet", env={"WHATSIT_API_KEY": KEY}, ready_key=KEY) as server:
        yield server


@pytest.fixture(scope="module")
def server(model: Trained) -> Iterator[Running]:
    with serving(model.folder, "--json-logs", "--allow-host", "pets.example.org") as one:
        yield one


@pytest.mark.parametrize("given", [None, "Bearer wrong", "Bearer ", f"Basic {KEY}", KEY, f"Bearer {KEY}x", "Bearer ü"])
def test_without_the_key_nothing_is_told(locked: Running, given: str | None) -> None:
    for path in ("/models", "/metrics", "/readyz", "/v1/models/photos", "/v2/health/live", "/nowhere"):
        reply = locked.ask("GET", path, headers={"Authorization": given} if given else {})
        assert reply.status == 401
        assert reply.headers["www-authenticate"] == "Bearer"


def test_with_the_key_and_what_needs_none(locked: Running) -> None:
    assert locked.ask("GET", "/models", headers={"Authorization": f"Bearer {KEY}"}).status == 200
    for path in ("/livez", "/", "/page.js", "/page.css", "/openapi.json"):
        assert locked.ask("GET", path).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "", "127.0.0.2", "[::2]", "localhost.evil.example"]
)
def test_unknown_hosts_are_refused(server: Running, host: str) -> None:
    assert server.ask("GET", "/models", headers={"Host": host}).status == 421


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:8000", "pets.example.org", "PETS.example.org:443"])
def test_own_names_are_known(server: Running, host: str) -> None:
    assert server.ask("GET", "/models", headers={"Host": host}).status == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "", "file://"])
def test_plugins_origins_are_refused(server: Running, origin: str) -> None:
    assert server.ask("POST", "/predict", b"x", {"Origin": origin}).status == 403


def test_its_own_page_may_ask(server: Running) -> None:
    reply = server.ask("GET", "/models", headers={"Origin": server.url})
    assert reply.status == 200
    assert "access-control-allow-origin" not in reply.headers


def test_every_answer_is_labelled(server: Running, asked: list[bytes]) -> None:
    reply = server.ask("POST", "/predict", asked[0], {"X-Request-Id": "mine.1"})
    assert reply.headers["x-request-id"] == "mine.1"
    assert (reply.headers["x-model-name"], reply.headers["x-model-version"]) == ("photos", "1")
    assert "script-src 'self'" in reply.headers["content-security-policy"]
    assert reply.headers["x-content-type-options"] == "nosniff"
    for hostile in ("a b", "x" * 65, "<script>"):
        assert server.ask("GET", "/models", headers={"X-Request-Id": hostile}).headers["x-request-id"] != hostile


def test_logs_are_json(server: Running, asked: list[bytes]) -> None:
    server.ask("POST", "/predict", asked[0], {"X-Request-Id": "logged"})
    server.ask("GET", "/nothing-here", headers={"X-Request-Id": "unknown"})
    server.await_log("unknown")
    lines = [json.loads(line) for line in server.log if line.startswith("{")]
    by_id = {line["id"]: line for line in lines if "id" in line}
    assert by_id["logged"]["status"] == 200
    assert by_id["logged"]["model"] == "photos"
    assert by_id["unknown"] | {"ms": 0, "at": ""} == {
        "at": "",
        "level": "info",
        "id": "unknown",
        "method": "GET",
        "path": "/nothing-here",
        "status": 404,
        "model": "",
        "version": "",
        "ms": 0,
        "reason": "unknown",
    }


def test_metrics_name_only_what_there_is(server: Running, asked: list[bytes]) -> None:
    server.ask("POST", "/predict", asked[0])
    server.ask("GET", "/v1/models/no-such-model")
    text = server.ask("GET", "/metrics").body.decode()
    assert "no-such-model" not in text
    assert 'whatsit_requests_total{code="200",model="photos",version="1"}' in text
    assert 'whatsit_model_info{aliases="default",checksum="' in text
    for name in ("request_duration", "queue", "decode", "inference"):
        assert f"whatsit_{name}_seconds_bucket" in text
    assert "whatsit_queue_depth 0.0" in text


@pytest.mark.parametrize(("host", "loopback"), [("127.0.0.1", True), ("::1", True), ("localhost", True),
                                                ("0.0.0.0", False), ("::", False), ("example.org", False)])  # fmt: skip
def test_others_get_in_with_a_key_or_when_told_so(host: str, loopback: bool) -> None:
    assert is_loopback(host) == loopback
    check_exposure(ServeOptions(host=host, api_key=KEY))
    check_exposure(ServeOptions(host=host, insecure=True))
    if loopback:
        check_exposure(ServeOptions(host=host))
    else:
        with pytest.raises(WhatsitError, match=r"--api-key.*--insecure"):
            check_exposure(ServeOptions(host=host))


@pytest.mark.parametrize("key", ["", "ü", "two\nlines"])
def test_keys_that_no_header_carries(key: str) -> None:
    with pytest.raises(WhatsitError, match="key"):
        check_exposure(ServeOptions(api_key=key))


def serve_in_vain(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "whatsit", "serve", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)


def test_mistakes_are_told_in_a_line(model: Trained, tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = str(taken.getsockname()[1])
        mistakes = {
            "--port N": (model.folder, "--port", port),
            "no such folder": (tmp_path / "nowhere",),
            "--insecure": (model.folder, "--host", "0.0.0.0"),
            "cannot write": (model.folder, "--keep", model.folder / "model.json" / "kept"),
        }
        for words, arguments in mistakes.items():
            done = serve_in_vain(*arguments)
            assert done.returncode == 1, done
            assert words in done.stderr
            assert done.stderr.count("\n") == 1, done.stderr
    done = serve_in_vain(model.folder, "--formats", "jpeg,exe")
    assert done.returncode == 2
    assert "There is no 'exe'. Expected some of avif, bmp, " in done.stderr.splitlines()[-1]


def test_a_spoilt_model_is_told_at_once(model: Trained, tmp_path: Path) -> None:
    spoilt = tmp_path / "spoilt"
    shutil.copytree(model.folder, spoilt)
    (spoilt / "model.onnx").write_bytes(b"spoilt")
    done = serve_in_vain(spoilt)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"Error: {spoilt}")
    assert "checksum" in done.stderr


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM]])
def test_one_signal_ends_it_well(model: Trained, signals: list[signal.Signals]) -> None:
    with serving(model.folder, "--quiet") as server:
        for number in signals:
            server.process.send_signal(number)
        assert server.process.wait(PATIENCE) == 0


def test_a_second_signal_forces(model: Trained) -> None:
    with (
        serving(model.folder, "--shutdown-delay", "60") as server,
        socket.create_connection((HOST, server.port)) as held,
    ):
        held.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n")
        server.process.send_signal(signal.SIGTERM)
        while server.ask("GET", "/readyz").status != 503:
            pass
        assert server.ask("GET", "/livez").headers["connection"] == "close"
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 1
        server.killed = True


def test_corrections_become_a_manifest_to_train_on(model: Trained, asked: list[bytes], tmp_path: Path) -> None:
    kept = tmp_path / "kept photos"
    with serving(model.folder, "--quiet", "--keep", str(kept)) as server:
        ids = [json.loads(server.ask("POST", "/predict", data).body)["predictions"][0]["id"] for data in asked[:4]]
        for identity, label in zip(ids, ["shells", "a fox, perhaps", "stones", "first said"], strict=True):
            body = json.dumps({"id": identity, "label": label}).encode()
            assert server.ask("POST", "/feedback", body).status == 200
        again = json.dumps({"id": ids[3], "label": "then said"}).encode()
        assert server.ask("POST", "/feedback", again).status == 200
        unknown = json.dumps({"id": "nobody's", "label": "shells"}).encode()
        assert server.ask("POST", "/feedback", unknown).status == 404
    with sqlite3.connect(kept / "feedback.sqlite") as database:
        assert database.execute("SELECT COUNT(*) FROM asked").fetchone() == (4,)
    manifest = tmp_path / "corrections.csv"
    command = [sys.executable, "-m", "whatsit", "feedback", str(kept), "-o", str(manifest)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    photos = json.loads((model.folder / "model.json").read_text())["data"]["typed"][0]
    command_to_type = f"To train on them, too: whatsit train {photos} {manifest}"
    assert done.stdout == f"{manifest}: 4 corrected photos\n{command_to_type}\n"
    from whatsit.data.read import read_dataset

    dataset = read_dataset(manifest)
    assert sorted(record.label for record in dataset.records) == ["a fox, perhaps", "shells", "stones", "then said"]
    found = {Path(record.uri).read_bytes(): record.label for record in dataset.records}
    assert found[asked[1]] == "a fox, perhaps"


def test_nobody_overwrites_the_answer_of_another(model: Trained, asked: list[bytes], tmp_path: Path) -> None:
    with serving(model.folder, "--quiet", "--keep", str(tmp_path / "kept")) as server:
        same = {"X-Request-Id": "same"}
        ids = [json.loads(server.ask("POST", "/predict", data, same).body)["predictions"][0]["id"] for data in asked]
        assert len(set(ids)) == len(asked)
        assert all("same" not in identity for identity in ids)


def test_a_wrong_method_tells_the_right_ones(server: Running) -> None:
    reply = server.ask("GET", "/predict")
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


def test_without_keep_nothing_is_kept_and_nothing_to_correct(server: Running) -> None:
    assert server.ask("POST", "/feedback", b'{"id": "x", "label": "y"}').status == 409
