"""openapi.json and admin.json tell the truth: the routes are all there, and every example runs as it stands."""

import asyncio
import json
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from starlette.routing import Route, Router
from starlette.types import Message

import whatsit
from whatsit.api import train
from whatsit.config import ServeOptions, TrainOptions
from whatsit.model.versions.store import Repository
from whatsit.serving.app import Service
from whatsit.serving.http import RETRY_AFTER, STATUS
from whatsit.serving.middleware import Middleware
from whatsit.serving.request import STALL
from whatsit.serving.sources import DesiredModel
from whatsit.training.run import Trained

from .documented import Document, Example, Operation, Shown
from .running import Response, Running, serving

pytestmark = pytest.mark.slow

HERE = Path(whatsit.__file__).parent / "serving"
MAIN, ADMIN = Document(HERE / "openapi.json"), Document(HERE / "admin.json")
OPERATIONS = {operation.id: operation for operation in MAIN.operations()}
EXAMPLES = {f"{one.operation}-{one.name}": one for operation in OPERATIONS.values() for one in operation.examples()}
ADMIN_EXAMPLES = [one for operation in ADMIN.operations() for one in operation.examples()]
WRONG_METHOD = {"$ref": "#/components/responses/WrongMethod"}  # which no operation that is listed can give
ANSWERS = {**dict(ADMIN.answers()), **dict(MAIN.answers()), **dict(MAIN.shown("405", WRONG_METHOD))}

PAGE_SCRIPT = re.compile(r"^/\w+\.js$")  # the page's own business, so they are one in the document
ALWAYS = {403, 421, 503}
FOR_A_BODY = {408, 413, 415, 429}
MADE_BY_SERVER = r"\b[0-9a-f]{32}\b"  # the id of a prediction
BINARY = "inference-header-content-length"
VERSION = {"x-model-name", "x-model-version"}
MAY_DIFFER = {"words", "checksum", "metrics"}  # keys of what depends on the machine, or is cut short


@pytest.fixture(scope="module")
def exact(photos: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """In float32, which answers the same on every processor: 8-bit sums saturate on some."""
    return train(
        photos, tmp_path_factory.mktemp("exact") / "photos-model", TrainOptions(precision="float32"), cache=cache
    )


@pytest.fixture(scope="module")
def server(exact: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(exact.folder, "--quiet", "--keep", str(tmp_path_factory.mktemp("kept"))) as running:
        yield running


def _ask(server: Running, example: Example) -> Response:
    """A correction is of what was just asked, by the id that the server gave it."""
    body = example.body
    if example.operation == "correct" and body:
        given = _ask(server, EXAMPLES["predict-one_photo"]).body
        (identity,) = re.findall(MADE_BY_SERVER, given.decode())
        body = re.sub(MADE_BY_SERVER, identity, body.decode()).encode()
    return server.ask(example.method, example.target, body, example.headers)


@pytest.mark.parametrize("document", [MAIN, ADMIN], ids=["main", "admin"])
def test_it_is_openapi(document: Document) -> None:
    validate(document.content, base_uri=document.path.as_uri(), cls=OpenAPIV31SpecValidator)


class NoModels:
    def desired(self) -> Mapping[str, DesiredModel]:
        return {}


def routes(middleware: Middleware) -> set[tuple[str, str]]:
    """Method and path; HEAD goes with GET."""
    router = middleware._app
    assert isinstance(router, Router)
    found = set()
    for route in router.routes:
        assert isinstance(route, Route)
        found |= {(method, PAGE_SCRIPT.sub("/{script}.js", route.path)) for method in (route.methods or set())}
    return {(method, path) for method, path in found if method != "HEAD"}


def test_every_route_is_there_and_no_other() -> None:
    service = Service(NoModels(), ServeOptions())
    service.close()
    assert {(one.method, one.path) for one in OPERATIONS.values()} == routes(service.app)
    assert {(one.method, one.path) for one in ADMIN.operations()} == routes(service.admin)
    public = {PAGE_SCRIPT.sub("/{script}.js", path) for path in service.app._public_paths}
    assert {one.path for one in OPERATIONS.values() if not one.needs_key} == public


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_the_statuses_that_can_always_come(operation: Operation) -> None:
    assert operation.statuses >= ALWAYS | (FOR_A_BODY if operation.method == "POST" else set())
    assert (401 in operation.statuses) == operation.needs_key


@pytest.mark.parametrize("operation", [*MAIN.operations(), *ADMIN.operations()], ids=lambda one: one.id)
def test_every_operation_has_an_example(operation: Operation) -> None:
    assert list(operation.examples())


def test_every_status_is_there() -> None:
    told = {status for operation in OPERATIONS.values() for status in operation.statuses}
    assert told | {405} == {200, *STATUS.values()}


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_examples_run(server: Running, example: Example) -> None:
    _check(MAIN, example.shown, _ask(server, example))


def _check(document: Document, shown: Shown, reply: Response) -> None:
    assert reply.status == shown.status, reply.body
    assert reply.headers["content-type"].partition(";")[0] == shown.kind
    may_lack = (VERSION if shown.status != 200 else set()) | ({BINARY} if shown.kind == "application/json" else set())
    assert shown.headers - reply.headers.keys() <= may_lack
    assert reply.body
    if shown.kind == "application/json":
        given = json.loads(reply.body)
        document.check(given, shown.schema)
        if "value" in shown.example:
            document.check(shown.example["value"], shown.schema)
            assert alike(given) == alike(shown.example["value"])
    elif shown.kind == "text/plain":
        lines = alike(reply.body.decode()).splitlines()
        assert [line for line in alike(shown.example["value"]).splitlines() if line not in lines] == []
    elif shown.kind == "application/octet-stream":
        _check_binary(document, reply)


def _check_binary(document: Document, reply: Response) -> None:
    length = int(reply.headers["inference-header-content-length"])
    front = json.loads(reply.body[:length])
    document.check(front, {"$ref": "#/components/schemas/V2Response"})
    sizes = [one["parameters"]["binary_data_size"] for one in front["outputs"]]
    assert len(reply.body) == length + sum(sizes)


def alike(value: Any, key: str = "") -> Any:
    """With every number as 0: those depend on the machine."""
    if key in MAY_DIFFER:
        return None
    if isinstance(value, dict):
        return {name: alike(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [alike(inner) for inner in value]
    if isinstance(value, str):
        return re.sub(r"\d[\d.]*(e[+-]\d+)?", "0", re.sub(MADE_BY_SERVER, "0", value))
    return 0 if isinstance(value, int | float) and not isinstance(value, bool) else value


def test_numbers_alone_may_differ() -> None:
    assert alike({"a": [1, "b 2.5"], "words": "x"}) == alike({"a": [3.5, "b 7"], "words": "y"})
    assert alike({"a": True}) != alike({"a": False})


@dataclass(frozen=True)
class Cause:
    """How a refusal comes about that no example of a request shows: a POST to a server without models."""

    options: ServeOptions = field(default_factory=ServeOptions)
    path: str = "/feedback"
    headers: Mapping[str, str] | None = None
    body: bytes = b'{"id": "a", "label": "b"}'
    ends: bool = True  # or the rest of the body is still to come
    of_admin: bool = False


CAUSES = {
    "no_key": Cause(ServeOptions(api_key="secret")),
    "foreign_origin": Cause(headers={"origin": "http://example.org"}),
    "unknown_host": Cause(headers={"host": "example.org"}),
    "compressed": Cause(headers={"content-encoding": "gzip"}),
    "large_body": Cause(headers={"content-length": "10485761"}),
    "slow_body": Cause(ServeOptions(body_timeout=0.01), ends=False),
    "busy": Cause(ServeOptions(max_buffered=10)),
    "keeps_nothing": Cause(),
    "not_ready": Cause(path="/predict"),
    "wrong_method": Cause(path="/models"),
    "lone": Cause(path="/models/photos/rollback", of_admin=True),
}


async def _refused(cause: Cause) -> Response:
    service = Service(NoModels(), cause.options)
    headers = {"host": "localhost", **(cause.headers or {})}
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": cause.path, "query_string": b"", "headers": pairs}
    coming = [{"type": "http.request", "body": cause.body, "more_body": not cause.ends}]
    out: list[Message] = []

    async def receive() -> Message:
        return coming.pop() if coming else await asyncio.Future()

    async def send(message: Message) -> None:
        out.append(message)

    await (service.admin if cause.of_admin else service.app)(scope, receive, send)
    service.close()
    names = {name.decode().lower(): value.decode() for name, value in out[0]["headers"]}
    return Response(out[0]["status"], names, b"".join(message["body"] for message in out[1:]))


@pytest.mark.parametrize("name", CAUSES)
def test_refusals_are_as_they_are_shown(name: str) -> None:
    _check(MAIN, ANSWERS[name], asyncio.run(_refused(CAUSES[name])))


def test_an_unknown_model_is_refused_as_it_is_shown(server: Running) -> None:
    _check(MAIN, ANSWERS["no_such_model"], server.ask("GET", "/v1/models/flowers"))


def test_no_example_is_left_out() -> None:
    run = {one.name for one in [*EXAMPLES.values(), *ADMIN_EXAMPLES]} | CAUSES.keys() | {"no_such_model"}
    assert run == ANSWERS.keys()


def test_retry_after_is_told_where_it_comes() -> None:
    told = {shown.status for shown in ANSWERS.values() if "retry-after" in shown.headers}
    assert told == {STATUS[reason] for reason in RETRY_AFTER}


def test_limits_are_as_they_are_told() -> None:
    options, told = ServeOptions(), MAIN.path.read_text(encoding="utf-8")
    assert set(re.findall(r'"maxItems": (\d\d+)', told)) == {str(options.max_instances)}
    size, seconds = f"{options.max_body // 1024**2} MiB", f"{options.body_timeout:g} seconds, or paused for {STALL:g}"
    for text in (size, f"{options.max_instances} photos", seconds, f"deadline of {options.deadline:g} seconds"):
        assert text in told


def test_requests_fit_their_schema() -> None:
    for operation in [*MAIN.operations(), *ADMIN.operations()]:
        for name, request in operation.requests.items():
            if operation.answers[name].status == 200 and request.kind == "application/json":
                MAIN.check(request.example["value"], request.schema)


def test_the_server_hands_it_out(server: Running) -> None:
    assert json.loads(server.ask("GET", "/openapi.json").body) == MAIN.content


@pytest.fixture(scope="module")
def admin(model: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """On which version 2 is about to become the default."""
    repository = Repository(tmp_path_factory.mktemp("admin") / "models")
    for _ in range(2):
        repository.add(model.folder, "photos")
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    with serving(repository.root, "--quiet", "--admin-port", str(port)) as running:
        yield Running(running.process, port)


def test_admin_examples_run(admin: Running) -> None:
    """In their order: there is nothing to roll back to before the default has changed."""
    for example in ADMIN_EXAMPLES:
        _check(ADMIN, example.shown, _ask(admin, example))
