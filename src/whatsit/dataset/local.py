"""Check that the local files of a manifest exist, before hours are spent on the others."""

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from whatsit.dataset.manifest import Row
from whatsit.errors import DatasetError
from whatsit.text import number, printable, some


def check_files(rows: Sequence[Row], manifest: str) -> list[Row]:
    """The rows, with each local path spelled as it is on the disk. URIs with ``://`` are left alone.

    A name may be in another Unicode normal form than the disk's (macOS writes ä as two characters).

    Raises:
        DatasetError: Files are missing; the first few are named.
    """
    found = [_on_disk(row.record.uri) for row in rows]
    missing = [row for row, uri in zip(rows, found, strict=True) if uri is None]
    if missing:
        header = "If line 1 is a header, name its columns uri and label. " if missing[0].line == 1 else ""
        raise DatasetError(
            f"{printable(manifest)}, line {missing[0].line}: {number(len(missing), 'file')} "
            f"of {len(rows)} missing: {some([row.record.uri for row in missing])}. "
            f"Expected paths relative to the manifest's folder, absolute, or URIs. {header}"
            "Mend the paths or remove the rows."
        )
    pairs = zip(rows, found, strict=True)
    return [row if uri == row.record.uri else _moved(row, uri) for row, uri in pairs if uri]


def _moved(row: Row, uri: str) -> Row:
    return Row(row.line, replace(row.record, uri=uri))


def _on_disk(uri: str) -> str | None:
    if "://" in uri or _is_file(uri):
        return uri
    others = (unicodedata.normalize(form, uri) for form in ("NFC", "NFD"))
    return next((other for other in others if _is_file(other)), None)


def _is_file(path: str) -> bool:
    return "\0" not in path and os.path.isfile(path)  # noqa: PTH113 (100,000 times)
