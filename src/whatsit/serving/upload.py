"""What whatsit's own requests have in common: the version that the query names, and photos, raw or in a form."""

import re

from whatsit.serving.call import Call
from whatsit.serving.desk import Desk
from whatsit.serving.parts import MULTIPART, Part, files_of
from whatsit.serving.refusal import Refused
from whatsit.serving.version import Version

JSON_ELSEWHERE = (
    "JSON is not taken here. Send the photo as it is (curl --data-binary @photo.jpg), or photos in base64 to "
    "/v1/models/NAME:predict"
)


def named_version(desk: Desk, call: Call) -> Version:
    """By `?model=…&version=…` or `&alias=…`; without them the default of the only model. Raises Refused."""
    query = call.query
    return desk.find(call, query.get("model"), query.get("version"), query.get("alias"))


async def photos(desk: Desk, call: Call) -> list[Part]:
    """At least one. Raises Refused."""
    kind = call.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() == MULTIPART:
        parts = await desk.read(call, lambda body: files_of(body, kind))
        if not parts:
            raise Refused("bad_input", "no file in the form. Send one as curl does: -F image=@photo.jpg")
    else:
        parts = [Part(data=await desk.body(call))]
        if parts[0].data[:1] in (b"{", b"["):  # no image begins so
            raise Refused("bad_input", JSON_ELSEWHERE)
    desk.check_count(len(parts))
    return parts


def number(call: Call, name: str, default: int, low: int, high: int) -> int:
    """Of the query. Raises Refused."""
    text = call.query.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,7}", text) or not low <= int(text) <= high:
        raise Refused("bad_input", f"{name}: expected a number from {low} to {high:,}")
    return int(text)
