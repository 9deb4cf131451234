"""The examples of an OpenAPI document as requests that can be sent, each with the answer that stands beside it.

By the convention that the document itself explains: a request and its answer have one name; the parameters' examples
of that name are its query and headers; a photo is a data: URI, of which the bytes are sent.
"""

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

BOUNDARY = "example"


@dataclass(frozen=True)
class Shown:
    """What the document shows of an answer."""

    status: int
    kind: str  # media type
    schema: Mapping[str, Any]
    example: Mapping[str, Any]
    headers: frozenset[str]  # in lower case


@dataclass(frozen=True)
class Request:
    """What the document shows of a request's body."""

    kind: str
    schema: Mapping[str, Any]
    example: Mapping[str, Any]


@dataclass(frozen=True)
class Example:
    operation: str
    name: str
    method: str
    target: str  # path and query
    headers: Mapping[str, str]
    body: bytes | None
    shown: Shown


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    id: str
    method: str
    path: str
    parameters: tuple[Mapping[str, Any], ...]
    requests: Mapping[str, Request]  # by the example's name
    answers: Mapping[str, Shown]  # likewise
    statuses: frozenset[int]
    needs_key: bool

    def examples(self) -> Iterator[Example]:
        for name in self.requests or self.answers:
            if self.requests or self.answers[name].status == 200:
                yield self._example(name)

    def _example(self, name: str) -> Example:
        path = self.path
        query: dict[str, str] = {}
        headers: dict[str, str] = {}
        for one in self.parameters:
            value = one["example"] if one["in"] == "path" else one.get("examples", {}).get(name, {}).get("value")
            if one["in"] == "path":
                path = path.replace(f"{{{one['name']}}}", str(value))
            elif value is not None:
                (query if one["in"] == "query" else headers)[one["name"]] = str(value)
        body = None
        if name in self.requests:
            headers["Content-Type"], body = _body(self.requests[name])
        target = f"{path}?{urlencode(query)}" if query else path
        return Example(self.id, name, self.method, target, headers, body, self.answers[name])


@dataclass
class Document:
    """An OpenAPI document, and those beside it that it refers to."""

    path: Path
    _read: dict[Path, Any] = field(default_factory=dict)

    @property
    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = self._content(self.path)
        return content

    def operations(self) -> Iterator[Operation]:
        for path, item in self.content["paths"].items():
            for method in item.keys() - {"parameters"}:
                yield self._operation(path, method, item[method], item.get("parameters", []))

    def answers(self) -> Iterator[tuple[str, Shown]]:
        """Every example of an operation's answers, by name."""
        items = self.content["paths"].values()
        operations = [one for item in items for method, one in item.items() if method != "parameters"]
        for status, ref in [pair for one in operations for pair in one["responses"].items()]:
            yield from self.shown(status, ref)

    def shown(self, status: str, response: Any) -> Iterator[tuple[str, Shown]]:
        """The examples of one response."""
        whole = self.resolved(response)
        for kind, media in whole["content"].items():
            headers = frozenset(header.lower() for header in whole["headers"])
            for name, example in media["examples"].items():
                yield name, Shown(int(status), kind, media["schema"], example, headers)

    def resolved(self, value: Any) -> Any:
        while "$ref" in value:
            file, _, pointer = value["$ref"].partition("#/")
            value = self._content(self.path.parent / file if file else self.path)
            for step in pointer.split("/"):
                value = value[step]
        return value

    def check(self, value: Any, schema: Mapping[str, Any]) -> None:
        """The value fits, and has nothing that the schema does not tell. Raises jsonschema's ValidationError."""
        components = deepcopy(self._content(self.path.parent / "openapi.json")["components"])
        root = {**deepcopy(dict(schema)), "components": components}
        text = json.dumps(root).replace('"openapi.json#/', '"#/')
        closed = json.loads(text)
        _close(closed)
        Draft202012Validator(closed).validate(value)

    def _content(self, path: Path) -> Any:
        if path not in self._read:
            self._read[path] = json.loads(path.read_text(encoding="utf-8"))
        return self._read[path]

    def _operation(self, path: str, method: str, operation: Any, shared: list[Any]) -> Operation:
        body = self.resolved(operation.get("requestBody", {}))
        requests = {
            name: Request(kind, media["schema"], example)
            for kind, media in body.get("content", {}).items()
            for name, example in media.get("examples", {}).items()
        }
        return Operation(
            operation["operationId"],
            method.upper(),
            path,
            tuple(self.resolved(one) for one in [*shared, *operation.get("parameters", [])]),
            requests,
            dict(shown for pair in operation["responses"].items() for shown in self.shown(*pair)),
            frozenset(int(status) for status in operation["responses"]),
            operation.get("security") != [],
        )


def _close(schema: Any) -> None:
    """No property beside those that are named."""
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict) and "type" in schema:
            schema.setdefault("additionalProperties", False)
        for inner in schema.values():
            _close(inner)
    elif isinstance(schema, list):
        for inner in schema:
            _close(inner)


def _body(request: Request) -> tuple[str, bytes]:
    """Media type and bytes."""
    if "externalValue" in request.example:
        _, kind, data = from_uri(request.example["externalValue"])
        return kind, data
    if request.kind == "multipart/form-data":
        return f"{request.kind}; boundary={BOUNDARY}", _form(request.example["value"])
    return request.kind, json.dumps(request.example["value"]).encode()


def _form(value: Mapping[str, list[str]]) -> bytes:
    parts = [(field, *from_uri(uri)) for field, uris in value.items() for uri in uris]
    heads = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\nContent-Type: {kind}'
        for field, name, kind, _ in parts
    ]
    bodies = [b"%s\r\n\r\n%s\r\n" % (head.encode(), part[3]) for head, part in zip(heads, parts, strict=True)]
    return b"".join(bodies) + f"--{BOUNDARY}--\r\n".encode()


def from_uri(uri: str) -> tuple[str, str, bytes]:
    """data:KIND;name=NAME;base64,… → name, kind and bytes."""
    head, _, data = uri.removeprefix("data:").partition(";base64,")
    kind, _, name = head.partition(";name=")
    return name, kind, b64decode(data)
