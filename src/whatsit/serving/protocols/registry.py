"""The protocols that clients may speak: whatsit's own JSON, TensorFlow Serving, KServe v2, and those of other packages.

A protocol turns requests into images and answers into responses. All else is the server's: limits, keys, the queue and
the models. One of whatsit's own is a module here and a row of the table; another package adds one by an entry point in
the group `whatsit.protocols`.
"""

import json
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any, Protocol

from starlette.routing import Route

from whatsit.errors import WhatsitError
from whatsit.registry import Registry
from whatsit.serving.context import ServerContext

SECTIONS = ("schemas", "responses", "parameters", "requestBodies", "headers", "examples", "securitySchemes")


class ServingProtocol(Protocol):
    """What a protocol must be: a class, of which the server makes one object when it starts.

    A handler finds the version that answers (`context.find`), reads the body (`context.read`), classifies
    (`context.classify`, or `classify_all_or_none`) and returns a `Response`. It raises `HTTPError` for what it cannot
    answer; the server makes the response of it, as of all errors.
    """

    openapi: Mapping[str, Any]
    """The protocol's part of /openapi.json: `tags`, `paths` and `components`; empty for those that openapi.json has."""

    def __init__(self, context: ServerContext) -> None:
        """Only stores."""

    def routes(self) -> list[Route]:
        """Made by `get` and `post` of `whatsit.serving.request`. A path that another protocol has is answered there."""
        ...


PROTOCOLS = Registry[type[ServingProtocol]](
    "whatsit.protocols",
    "protocol",
    {
        "whatsit": "whatsit.serving.protocols.own:WhatsitProtocol",
        "tensorflow": "whatsit.serving.protocols.tensorflow:TensorFlowServing",
        "kserve": "whatsit.serving.protocols.kserve:OpenInference",
    },
    expected="a class with routes and openapi (whatsit.serving.protocols.registry.ServingProtocol)",
    accepts=lambda value: isinstance(value, type) and hasattr(value, "routes") and hasattr(value, "openapi"),
)


def openapi_document(parts: Iterable[Mapping[str, Any]]) -> bytes:
    """The file openapi.json, with the parts of protocols that it does not have.

    Raises WhatsitError where a part has a path, or a component's name, that there is already.
    """
    text = resources.files("whatsit.serving").joinpath("openapi.json").read_bytes()
    added = [part for part in parts if part]
    if not added:
        return text
    document = json.loads(text)
    for part in added:
        document["tags"] += part.get("tags", [])
        _add(document["paths"], part.get("paths", {}))
        for section in SECTIONS:
            _add(document["components"].setdefault(section, {}), part.get("components", {}).get(section, {}))
    document["components"] = {section: values for section, values in document["components"].items() if values}
    return json.dumps(document, indent=2, ensure_ascii=False).encode()


def _add(whole: dict[str, Any], part: Mapping[str, Any]) -> None:
    for name, value in part.items():
        if name in whole:
            raise WhatsitError(f"a protocol adds {name} to openapi.json, which has it. Give it another name")
        whole[name] = value
