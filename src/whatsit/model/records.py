"""Files of a model folder that hold a list of records with small pictures in them: golden.json, thumbnails.json.

JSON with the pictures in base64, so that one file holds all and any language reads it. A folder may come from a
stranger: bytes are counted before they are read, and a picture's kind and size are known before anyone decodes it.
What a record says, its own module knows.
"""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from whatsit.errors import ImageError, ModelFolderError
from whatsit.images.decode import read_size
from whatsit.images.formats import HEAD, sniff
from whatsit.model.format import AGAIN, ModelFacts, read_beside

T = TypeVar("T")


def records_bytes(records: Iterable[Mapping[str, Any]]) -> bytes:
    """A line each; pictures as `in_base64` gives them."""
    lines = ",\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    return f"[\n{lines}\n]\n".encode()


def read_records(
    folder: Path, facts: ModelFacts, name: str, parse: Callable[[dict[str, Any]], T], *, most: int, bytes_each: int
) -> list[T] | None:
    """Each record as `parse` takes it; None where the folder was made without the file.

    parse: raises a WhatsitError or ValueError where a record is wrong. Raises ModelFolderError for that, and where the
    file is missing or damaged, has more than `most` records or more bytes than so many need.
    """
    data = read_beside(folder, facts, name, most * bytes_each)
    if data is None:
        return None
    try:
        records = json.loads(data.decode("utf-8"))
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            raise ModelFolderError("expected a list of objects")
        if len(records) > most:
            raise ModelFolderError(f"{len(records):,} records, expected {most:,} at most")
        return [parse(record) for record in records]
    except (ModelFolderError, ImageError, ValueError, RecursionError) as error:
        raise ModelFolderError(f"{folder / name}: damaged ({error}). {AGAIN}") from None


def in_base64(picture: bytes) -> str:
    return base64.b64encode(picture).decode("ascii")


def from_base64(text: str, kind: str, side: int) -> bytes:
    """A picture of that kind, neither side longer than `side` pixels. Raises a WhatsitError or ValueError."""
    picture = base64.b64decode(text, validate=True)
    if sniff(picture[:HEAD]) != kind or max(read_size(picture)) > side:
        raise ModelFolderError(f"a picture is no {kind.upper()} of at most {side} pixels")
    return picture
