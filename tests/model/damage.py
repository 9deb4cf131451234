"""Ways to damage a model folder, and what loading it must then say."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import whatsit
from whatsit.errors import ModelFolderError
from whatsit.model.format import FILES, seal

Copy = Callable[[], Path]


def refused(folder: Path) -> str:
    """The message, which is one line."""
    with pytest.raises(ModelFolderError) as caught:
        whatsit.load(folder).predict(np.zeros((4, 4, 3), np.uint8))
    message = str(caught.value)
    assert "\n" not in message
    assert message.isprintable()
    assert len(message) < 500
    return message


def rewrite(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Changes model.json as someone would who knows how it is sealed."""
    path = folder / FILES.facts
    values = json.loads(path.read_bytes())
    change(values)
    _reseal(path, values)


def put(folder: Path, name: str, data: bytes) -> None:
    """A file beside the graph, under a checksum that fits."""
    (folder / name).write_bytes(data)
    rewrite(folder, lambda values: values["checksums"].update({name: hashlib.sha256(data).hexdigest()}))


def _reseal(path: Path, values: Any) -> None:
    if isinstance(values, dict) and isinstance(values.get("checksums"), dict):
        values["checksums"][FILES.facts] = "0" * 64
        path.write_bytes(seal(json.dumps(values).encode()))
    else:
        path.write_text(json.dumps(values))


def replaced(keys: tuple[str, ...], value: Any) -> Callable[[dict[str, Any]], None]:
    """A change of the value that the keys lead to."""

    def change(values: dict[str, Any]) -> None:
        for key in keys[:-1]:
            values = values[key]
        values[keys[-1]] = value

    return change
