"""docs/reference/http.md out of openapi.json and admin.json: by protocol, every example as curl asks it."""

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import whatsit

OPENAPI = Path(whatsit.__file__).parent / "serving" / "openapi.json"
SERVER, ADMIN_SERVER = "http://127.0.0.1:8000", "http://127.0.0.1:8001"
WIDTH = 110  # columns of JSON
LONGEST = 60  # characters of a text without blanks, such as base64
NOTE = "<!-- Written by docs/generate.py from openapi.json: change that, then `make docs`. -->"

INTRODUCTION = """\
`whatsit serve` hands out the same for programs, at `/openapi.json`, where every example stands in full: here base64 is
cut short. Where the server has a key, each of them needs `-H 'Authorization: Bearer KEY'`. How to run it, and how to
ask it from Python: [serving](../serving.md)."""


def http() -> str:
    """The reference of the server: by protocol, then errors and fields, then the port for its operator."""
    document, admin = (json.loads((OPENAPI.parent / name).read_text("utf-8")) for name in (OPENAPI.name, "admin.json"))
    parts = [NOTE, "# HTTP", document["info"]["description"].partition("\n\n")[0], INTRODUCTION]
    for tag in document["tags"]:
        parts += [f"## {tag['name']}", tag["description"]]
        for group in _groups(document, tag["name"]):
            parts += _operation(document, group, SERVER)
    parts += ["## Errors", _errors(document), "## Fields"]
    described = {
        name: schema["properties"]
        for name, schema in document["components"]["schemas"].items()
        if any("description" in one for one in schema.get("properties", {}).values())
    }
    for name, properties in described.items():
        rows = [(f"`{key}`", _type(one, described), one.get("description", "")) for key, one in properties.items()]
        parts += [f"### {name}", _table(("field", "", ""), rows)]
    parts += ["## The port for its operator", admin["info"]["description"]]
    for group in _groups(admin, None):
        parts += _operation(admin, group, ADMIN_SERVER)
    return "\n\n".join([*parts, ""])


Group = list[tuple[str, str, dict[str, Any], list[Any]]]  # path, method, operation, parameters of the path


def _groups(document: dict[str, Any], tag: str | None) -> list[Group]:
    """Operations that differ in the path alone stand together: with a version, with an alias, with neither."""
    groups: dict[str, Group] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters" and (tag is None or tag in operation["tags"]):
                answer = operation["responses"]["200"]["$ref"]
                key = answer if tag else path
                groups.setdefault(key, []).append((path, method.upper(), operation, item.get("parameters", [])))
    return list(groups.values())


def _operation(document: dict[str, Any], group: Group, server: str) -> list[str]:
    path, method, operation, _ = group[0]
    parts = [f"### {method} {path}", f"{operation['summary']}. {operation.get('description', '')}".strip()]
    if others := [f"`{other}`" for other, *_ in group[1:]]:
        parts.append(f"Also {' and '.join(others)}.")
    refs = {json.dumps(ref): ref for *_, one, shared in group for ref in [*shared, *one.get("parameters", [])]}
    parameters = [_resolved(document, ref) for ref in refs.values()]
    if parameters:
        rows = [(f"`{one['name']}`", one["in"], one["description"] + _bounds(one["schema"])) for one in parameters]
        parts.append(_table(("parameter", "in", ""), rows))
    shown = _examples(document, path, method, operation, parameters, server)
    parts += [part for example in shown for part in example]
    errors = [status for status in operation["responses"] if status != "200"]
    return [*parts, f"[Errors](#errors): {', '.join(errors)}."]


def _examples(
    document: dict[str, Any], path: str, method: str, operation: Any, parameters: list[Any], server: str
) -> Iterator[list[str]]:
    """What is said of each, how curl asks it, and what comes back."""
    asked = {
        name: (kind, example)
        for kind, media in _resolved(document, operation.get("requestBody", {})).get("content", {}).items()
        for name, example in media["examples"].items()
    }
    answers = {
        name: (status, example)
        for status, response in operation["responses"].items()
        for media in _resolved(document, response)["content"].values()
        for name, example in media["examples"].items()
    }
    for name in asked or [name for name, (status, _) in answers.items() if status == "200"]:
        kind, example = asked.get(name, ("", {}))
        status, answer = answers[name]
        title = ". ".join(filter(None, [example.get("summary"), example.get("description")]))
        curl = " ".join(
            [*_curl(method, kind, example), *_headers(name, parameters), _url(server, path, name, parameters)]
        )
        if not asked and "summary" in answer:  # too long to show, and nothing to send
            continue
        yield [
            *([f"{title}{':' if status == '200' else f' ({status}):'}"] if title else []),
            f"```sh\n{curl}\n```",
            *([f"```json\n{_json(answer['value'])}\n```"] if isinstance(answer.get("value"), dict) else []),
            *([f"```text\n{answer['value'].strip()}\n```"] if isinstance(answer.get("value"), str) else []),
            *([f"{answer['summary']}."] if "summary" in answer else []),
            *([f"{answer['description']}."] if "description" in answer else []),
        ]


def _curl(method: str, kind: str, example: dict[str, Any]) -> list[str]:
    if "externalValue" in example:
        return ["curl", "--data-binary", f"@{_file(example['externalValue'])}"]
    if kind == "multipart/form-data":
        return ["curl", *(f"-F {name}=@{_file(uri)}" for name, uris in example["value"].items() for uri in uris)]
    if "value" in example:
        return ["curl", "--data", f"'{_json(example['value'])}'"]
    return ["curl"] if method == "GET" else ["curl", "-X", method]


def _headers(name: str, parameters: list[Any]) -> list[str]:
    return [f"-H '{one['name']}: {value}'" for one, value in _given(name, parameters, "header")]


def _url(server: str, path: str, name: str, parameters: list[Any]) -> str:
    for one in parameters:
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", quote(str(one["example"])))
    query = urlencode({one["name"]: value for one, value in _given(name, parameters, "query")})
    return f"'{server}{path}?{query}'" if query else f"{server}{path}"


def _given(name: str, parameters: list[Any], place: str) -> Iterator[tuple[Any, Any]]:
    for one in parameters:
        if one["in"] == place and name in one.get("examples", {}):
            yield one, one["examples"][name]["value"]


def _file(uri: str) -> str:
    """data:KIND;name=NAME;base64,… → NAME."""
    return uri.partition(";name=")[2].partition(";")[0]


def _errors(document: dict[str, Any]) -> str:
    responses = {}
    for item in document["paths"].values():
        for operation in (one for key, one in item.items() if key != "parameters"):
            for status, ref in operation["responses"].items():
                if status != "200":
                    responses[status, ref["$ref"]] = _resolved(document, ref)
    responses["405", ""] = document["components"]["responses"]["WrongMethod"]
    rows = []
    for (status, _), response in sorted(responses.items()):
        examples = response["content"]["application/json"]["examples"].values()
        texts = [f"`{one['value']['error']}`" for one in examples]
        rows.append((status, response["description"], "; ".join(texts)))
    return _table(("status", "when", "for example"), rows) + "\n\nWith 429 and 503 comes `Retry-After`, in seconds."


def _type(schema: dict[str, Any], described: Collection[str]) -> str:
    """With a link where it has a section of its own."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})" if name in described else name
    if "anyOf" in schema:
        return " or ".join(_type(one, described) for one in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        return ", ".join(f"`{json.dumps(one)}`" for one in schema.get("enum", [schema.get("const")]))
    if schema["type"] == "array" and "items" in schema:
        return f"list of {_type(schema['items'], described)}"
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    inner = ", ".join(f"`{name}`" for name in schema.get("properties", {}))
    return " or ".join(kinds) + (f" of {inner}" if inner else "") + _bounds(schema)


def _bounds(schema: dict[str, Any]) -> str:
    low, high, default = (schema.get(key) for key in ("minimum", "maximum", "default"))
    if default is not None:
        return f"; {low} to {high:,}, without it {default}"
    return f", {low} to {high}" if high is not None else ""


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _resolved(document: dict[str, Any], value: Any) -> Any:
    while "$ref" in value:
        file, _, pointer = value["$ref"].partition("#/")
        value = json.loads((OPENAPI.parent / file).read_text("utf-8")) if file else document
        for step in pointer.split("/"):
            value = value[step]
    return value


def _json(value: Any, indent: int = 0) -> str:
    """As few lines as are readable; base64 and its like cut short."""
    if isinstance(value, str) and len(value) > LONGEST and " " not in value:
        value = f"{value[:24]}…"
    if isinstance(value, float):
        value = round(value, 4)
    if not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    pad, ends = " " * (indent + 2), "{}" if isinstance(value, dict) else "[]"
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {_json(inner, indent + 2)}" for key, inner in value.items()]
    else:
        items = [_json(inner, indent + 2) for inner in value]
    flat = f"{ends[0]}{', '.join(items)}{ends[1]}"
    if "\n" not in flat and len(flat) + indent <= WIDTH:
        return flat
    return f"{ends[0]}\n{pad}" + f",\n{pad}".join(items) + f"\n{' ' * indent}{ends[1]}"
