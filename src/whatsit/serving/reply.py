"""Answers in JSON."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from whatsit.serving.refusal import Refused

MOST_LISTS = 1_000_000  # lists and objects: each takes 60 bytes of memory and more; 16 × 224 × 224 pixels have 806,417


def json_reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """NumPy arrays become lists, float32 in as few digits as tell it apart."""
    body = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(body, status, headers=headers, media_type="application/json")


def refusal_body(refused: Refused) -> bytes:
    """The same in all three protocols."""
    return orjson.dumps({"error": str(refused)})


def parse_json(body: bytes) -> dict[str, Any]:
    """An object. Raises Refused."""
    if body.count(b"[") + body.count(b"{") > MOST_LISTS:
        raise Refused("too_large", f"more than {MOST_LISTS:,} lists and objects in the body")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused("bad_input", f"the body is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise Refused("bad_input", f"the body is a JSON {type(value).__name__}, expected an object")
    return value
