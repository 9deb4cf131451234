"""The files in deploy/ fit the server that they start: its options, its paths, its limits; and give it no rights."""

import json
import os
import re
import shlex
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import click
import pytest
import yaml  # type: ignore[import-untyped]
from serving.running import Running

import whatsit
from whatsit.cli import whatsit as shell
from whatsit.config import MIB, ServeOptions
from whatsit.serving.request import STALL

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
DEFAULTS = ServeOptions()
PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
UNITS = {"k": 1024, "m": MIB, "s": 1, "": 1}


def text(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def instructions() -> list[tuple[str, str]]:
    """Of the Dockerfile, in order; continued lines as one."""
    whole = re.sub(r"\\\n\s*", "", text("Dockerfile"))
    lines = [line for line in whole.splitlines() if line.strip() and not line.startswith("#")]
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines)]


def last(name: str) -> str:
    return [rest for instruction, rest in instructions() if instruction == name][-1]


def objects(name: str) -> list[Any]:
    return list(yaml.safe_load_all(text(name)))


def deployment() -> Any:
    return next(one for one in objects("kubernetes.yaml") if one["kind"] == "Deployment")


def containers() -> dict[str, Any]:
    (kubernetes,) = deployment()["spec"]["template"]["spec"]["containers"]
    (kserve,) = objects("kserve.yaml")[0]["spec"]["predictor"]["containers"]
    return {"kubernetes.yaml": kubernetes, "kserve.yaml": kserve}


def unit() -> ConfigParser:
    parser = ConfigParser(strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(text("whatsit.service"))
    return parser


def commands() -> dict[str, list[str]]:
    """The arguments of whatsit, by file."""
    started = shlex.split(unit()["Service"]["ExecStart"])[1:]
    given = {name: container["args"] for name, container in containers().items()}
    return {"Dockerfile": json.loads(last("CMD")), "whatsit.service": started, **given}


@pytest.mark.parametrize("name", commands())
def test_the_command_is_one_that_there_is(name: str) -> None:
    arguments = commands()[name]
    assert arguments[0] == "serve"
    parent = click.Context(shell, **shell.context_settings)
    with _serve().make_context("serve", arguments[1:], parent=parent) as context:  # parses, and runs nothing
        assert context.params["place"].startswith("/")


@pytest.mark.parametrize("name", sorted(path.name for path in DEPLOY.iterdir()))
def test_options_that_are_named_exist(name: str) -> None:
    """In comments, too: every `--option` behind `whatsit serve`."""
    known = {option for param in _serve().params for option in param.opts}
    said = " ".join(re.findall(r"whatsit serve[^\n`]*", text(name)))
    assert set(re.findall(r"--[a-z-]+", said)) <= known


def _serve() -> click.Command:
    command = shell.get_command(click.Context(shell), "serve")
    assert command
    return command


def test_paths_that_are_asked_for_exist() -> None:
    document = (Path(whatsit.__file__).parent / "serving" / "openapi.json").read_text(encoding="utf-8")
    in_scripts = [re.findall(r"127\.0\.0\.1:8000(/\w+)", script) for script in scripts().values()]
    assert in_scripts == [["/livez"], ["/readyz"]]
    probes = [one.get(key, {}) for one in containers().values() for key in ("livenessProbe", "readinessProbe")]
    over_http = [probe["httpGet"]["path"] for probe in probes if "httpGet" in probe]
    assert over_http == ["/livez", "/v2/health/live", "/v2/health/ready"]
    assert json.loads(document)["paths"].keys() >= {*in_scripts[0], *in_scripts[1], *over_http, "/metrics"}
    assert "location = /metrics {" in text("nginx.conf")


def test_the_image() -> None:
    names = [name for name, _ in instructions()]
    assert last("USER").isdigit()
    assert int(last("USER")) > 0
    assert last("STOPSIGNAL") == "SIGTERM"
    assert json.loads(last("ENTRYPOINT")) == ["whatsit"]
    assert names.count("FROM") == 2  # what builds stays behind
    assert last("FROM").endswith("-slim-bookworm")


def test_the_image_is_made_from_what_is_there() -> None:
    copied = [rest.split()[:-1] for name, rest in instructions() if name == "COPY" and "--from" not in rest]
    sources = {source for some in copied for source in some}
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {f"!{source}" for source in sources} == {line for line in ignored if line.startswith("!")}
    assert all((ROOT / source).exists() for source in sources)


@pytest.mark.parametrize("name", containers())
def test_the_containers_have_no_rights(name: str) -> None:
    container = containers()[name]
    context = container["securityContext"]
    if name == "kubernetes.yaml":
        context = {**deployment()["spec"]["template"]["spec"]["securityContext"], **context}
    assert context["runAsNonRoot"]
    assert str(context["runAsUser"]) == last("USER")
    assert context["readOnlyRootFilesystem"]
    assert not context["allowPrivilegeEscalation"]
    assert context["capabilities"]["drop"] == ["ALL"]
    assert container["image"] == f"whatsit:{whatsit.__version__}"
    assert {port["containerPort"] for port in container["ports"]} == {DEFAULTS.port}


def test_kubernetes_drains() -> None:
    spec = deployment()["spec"]
    pod = spec["template"]["spec"]
    assert spec["replicas"] >= 2
    delay = _option(containers()["kubernetes.yaml"]["args"], "--shutdown-delay")
    assert pod["terminationGracePeriodSeconds"] > delay + DEFAULTS.shutdown_timeout
    labels = spec["template"]["metadata"]["labels"]
    selectors = [one["spec"]["selector"] for one in objects("kubernetes.yaml") if one["kind"] != "Deployment"]
    assert labels == spec["selector"]["matchLabels"]
    assert all(selector.get("matchLabels", selector) == labels for selector in selectors)


def _option(arguments: list[str], name: str) -> float:
    (value,) = [one.partition("=")[2] for one in arguments if one.startswith(f"{name}=")]
    return float(value)


def test_kserve_speaks_version_2() -> None:
    container = containers()["kserve.yaml"]
    assert container["name"] == "kserve-container"
    assert {"name": "PROTOCOL", "value": "v2"} in container["env"]
    assert container["args"][1] == "/mnt/models"  # where STORAGE_URI is mounted


def test_the_unit() -> None:
    service = unit()["Service"]
    expected = {
        "Type": "exec",
        "DynamicUser": "yes",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "",
        "KillSignal": "SIGTERM",
    }
    assert {key: service[key] for key in expected} == expected
    assert int(service["TimeoutStopSec"]) > DEFAULTS.shutdown_timeout


def _setting(name: str) -> int:
    """Of nginx, in bytes or seconds."""
    found = re.search(rf"\b{name} (\d+)([kms]?);", text("nginx.conf"))
    assert found, name
    return int(found[1]) * UNITS[found[2]]


def test_nginx_leaves_the_answers_to_the_server() -> None:
    assert _setting("client_max_body_size") > DEFAULTS.max_body
    assert _setting("keepalive_timeout") < DEFAULTS.keep_alive
    assert _setting("proxy_read_timeout") > DEFAULTS.deadline
    assert text("nginx.conf").count("proxy_set_header Host $http_host;") == text("nginx.conf").count("proxy_pass ")
    for body in re.findall(r"return \d+ '(.*)';", text("nginx.conf")):
        assert json.loads(body).keys() == {"error"}


@pytest.mark.slow
def test_metrics_that_are_worth_an_alert_exist(server: Running) -> None:
    told = server.ask("GET", "/metrics").body.decode()
    named = set(re.findall(r"whatsit_[a-z_]+", PAGE))
    assert len(named) > 5
    assert {name for name in named if name not in told} == set()


def test_limits_are_as_they_are_told() -> None:
    names = ("max_waiting", "deadline", "max_connections", "shutdown_timeout", "body_timeout")
    numbers = {name: f"{getattr(DEFAULTS, name):g}" for name in names}
    rows = [line for line in PAGE.splitlines() if line.startswith("|")]
    for row in (
        f"{DEFAULTS.max_body // MIB} MiB, {DEFAULTS.max_instances} photos",
        f"{DEFAULTS.limits.max_pixels / 1e6:g} megapixels (`--max-pixels`)",
        f"{(DEFAULTS.limits.max_stored_pixels or 0) / 1e6:g} for a JPEG that can be decoded at a smaller size |",
        f"{DEFAULTS.max_buffered // MIB} MiB",
        f"photos in the queue | {numbers['max_waiting']} ",
        f"{numbers['deadline']} s (`--deadline`)",
        f"{numbers['body_timeout']} s, and {STALL:g} s between two parts",
        f"connections | {numbers['max_connections']} ",
        f"{numbers['shutdown_timeout']} s | closed",
        f"{DEFAULTS.keep_bytes // MIB:,} MB (`--keep-mb`)",
    ):
        assert any(row in line for line in rows), row


def scripts() -> dict[str, str]:
    """The Python that asks whether all is well."""
    health = json.loads(last("HEALTHCHECK").partition("CMD ")[2])
    probe = containers()["kubernetes.yaml"]["readinessProbe"]["exec"]["command"]
    assert health[:2] == probe[:2] == ["python", "-c"]
    return {"HEALTHCHECK": health[2], "readinessProbe": probe[2]}


@pytest.mark.slow
@pytest.mark.parametrize("name", scripts())
def test_scripts_that_ask_whether_all_is_well(server: Running, name: str) -> None:
    def code(port: int) -> int:
        script = scripts()[name].replace(":8000/", f":{port}/")
        surroundings = {**os.environ, "WHATSIT_API_KEY": "secret", "http_proxy": "http://127.0.0.1:9"}
        return subprocess.run([sys.executable, "-c", script], env=surroundings, capture_output=True).returncode

    assert code(server.port) == 0
    assert code(1) != 0  # where nobody listens
