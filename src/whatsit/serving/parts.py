"""A multipart body → its files (RFC 7578), in memory alone: nothing that is uploaded touches a disk."""

from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from whatsit.serving.refusal import Refused

MULTIPART = "multipart/form-data"
MOST_PARTS = 64  # fields and files together; the images among them are counted elsewhere


@dataclass
class Part:
    """A field, or a file where it has a file's name."""

    name: str = ""
    filename: str | None = None
    data: bytes = b""


class _Collector:
    """What the parser calls: pieces of headers and of data, in order."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.whole = False
        self._header = self._value = b""
        self._pieces: list[bytes] = []

    def on_part_begin(self) -> None:
        if len(self.parts) >= MOST_PARTS:
            raise Refused("too_large", f"more than {MOST_PARTS} parts in one request")
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
    """The files of a form, in order. Raises Refused."""
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary or len(boundary) > 70:  # RFC 2046, 5.1.1
        raise Refused("bad_input", "multipart without a boundary of 1 to 70 characters")
    collector = _Collector()
    callbacks = {name: getattr(collector, name) for name in dir(collector) if name.startswith("on_")}
    try:
        parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise Refused("bad_input", f"damaged multipart body: {error}") from None
    if not collector.whole:
        raise Refused("bad_input", "damaged multipart body: it ends before its last boundary")
    return [part for part in collector.parts if part.filename is not None]
