"""Images in a request: base64, multipart forms, and raw bodies; and the query of whatsit's own requests.

Base64 may be plain (RFC 4648, 4) or URL-safe (5), padded or not, in lines (RFC 2045), or a data: URL (RFC 2397).
Multipart bodies (RFC 7578) are parsed in memory. No upload is written to disk.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import unquote

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from whatsit.serving.context import ServerContext
from whatsit.serving.http import HTTPError
from whatsit.serving.manager import Version
from whatsit.serving.request import Request

DATA_URL = re.compile(r"\s*data:([^,]{0,200}),", re.IGNORECASE)
BREAKS = re.compile(r"[ \t]*[\r\n]+[ \t]*")
URL_SAFE = str.maketrans("-_", "+/")
MOST_PADDING = 2


def decoded(text: str, where: str) -> bytes:
    """The bytes of a base64 text. Raises HTTPError.

    A blank within a line is an error: it may have been a plus sign, which forms turn into a blank.
    """
    if head := DATA_URL.match(text):
        if not head[1].lower().rstrip().endswith(";base64"):
            raise HTTPError("bad_input", f"{where}: a data: URL that is not in base64")
        text = unquote(text[head.end() :])
    plain = BREAKS.sub("", text.strip()).translate(URL_SAFE)
    padding = len(plain) - len(plain.rstrip("="))
    if not padding:
        plain += "=" * (-len(plain) % 4)
    try:
        if padding > MOST_PADDING:
            raise ValueError("too much padding")
        return base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError):
        raise HTTPError("bad_input", f"{where}: damaged base64") from None


MULTIPART = "multipart/form-data"
MOST_PARTS = 64  # fields and files together; the images among them are counted elsewhere


@dataclass
class Part:
    """A field, or a file where it has a file's name."""

    name: str = ""
    filename: str | None = None
    data: bytes = b""


class _FormCollector:
    """The parser's callbacks. They get pieces of headers and of data, in order."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.whole = False
        self._header = self._value = b""
        self._pieces: list[bytes] = []

    def on_part_begin(self) -> None:
        if len(self.parts) >= MOST_PARTS:
            raise HTTPError("too_large", f"more than {MOST_PARTS} parts in one request")
        self.parts.append(Part())
        self._pieces = []

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            part = self.parts[-1]
            part.name = options.get(b"name", b"").decode("utf-8", "replace")
            if b"filename" in options:
                part.filename = options[b"filename"].decode("utf-8", "replace")
        self._header = self._value = b""

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._pieces.append(data[start:end])

    def on_part_end(self) -> None:
        self.parts[-1].data = b"".join(self._pieces)
        self._pieces = []

    def on_end(self) -> None:
        self.whole = True


def files_of(body: bytes, content_type: str) -> list[Part]:
    """The files of a form, in order. Raises HTTPError."""
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary or len(boundary) > 70:  # RFC 2046, 5.1.1
        raise HTTPError("bad_input", "multipart without a boundary of 1 to 70 characters")
    collector = _FormCollector()
    callbacks = {name: getattr(collector, name) for name in dir(collector) if name.startswith("on_")}
    try:
        parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise HTTPError("bad_input", f"damaged multipart body: {error}") from None
    if not collector.whole:
        raise HTTPError("bad_input", "damaged multipart body: it ends before its last boundary")
    return [part for part in collector.parts if part.filename is not None]


JSON_ELSEWHERE = (
    "JSON is not taken here. Send the photo as it is (curl --data-binary @photo.jpg), or photos in base64 to "
    "/v1/models/NAME:predict"
)


def named_version(context: ServerContext, request: Request) -> Version:
    """The version that the query names: `?model=…&version=…` or `&alias=…`. Raises HTTPError.

    Without these, it is the default version of the only model.
    """
    query = request.query
    return context.find(request, query.get("model"), query.get("version"), query.get("alias"))


async def photos(context: ServerContext, request: Request) -> list[Part]:
    """The images of a request, at least one. Raises HTTPError."""
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() == MULTIPART:
        parts = await context.read(request, lambda body: files_of(body, kind))
        if not parts:
            raise HTTPError("bad_input", "no file in the form. Send one as curl does: -F image=@photo.jpg")
    else:
        parts = [Part(data=await context.body(request))]
        if parts[0].data[:1] in (b"{", b"["):  # no image begins so
            raise HTTPError("bad_input", JSON_ELSEWHERE)
    context.check_count(len(parts))
    return parts


def number(request: Request, name: str, default: int, low: int, high: int) -> int:
    """A whole number from the query. Raises HTTPError."""
    text = request.query.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,7}", text) or not low <= int(text) <= high:
        raise HTTPError("bad_input", f"{name}: expected a number from {low} to {high:,}")
    return int(text)
