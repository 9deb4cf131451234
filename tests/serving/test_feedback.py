"""What is kept: bounded, the oldest out first, corrections last; and never in the way of an answer."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from whatsit.errors import WhatsitError
from whatsit.serving.feedback import DATABASE, Asked, Keepsakes, image_name, write_corrections
from whatsit.serving.metrics import Metrics

SIZE = 1000  # bytes of each image here


def asked(number: int, data: bytes | None = None) -> Asked:
    answer: dict[str, Any] = {"id": str(number), "label": "cat", "probability": 0.9, "unsure": False}
    image = data if data is not None else b"\xff\xd8\xff" + number.to_bytes(4, "big") * ((SIZE - 3) // 4 + 1)
    return Asked(str(number), f"2026-01-01T00:00:{number:02}", "pets", 1, "", image[:SIZE], answer)


def kept(folder: Path) -> list[str]:
    with sqlite3.connect(folder / DATABASE) as database:
        return [row[0] for row in database.execute("SELECT id FROM asked ORDER BY at")]


def images(folder: Path) -> set[str]:
    return {str(path.relative_to(folder / "images")) for path in (folder / "images").rglob("*.*")}


def test_the_oldest_go_first_and_corrections_last(tmp_path: Path) -> None:
    keepsakes = Keepsakes(tmp_path, 3 * SIZE, Metrics())
    keepsakes.keep(asked(0))
    asyncio.run(keepsakes.correct("0", "dog"))
    for number in range(1, 8):
        keepsakes.keep(asked(number))
    keepsakes.close()
    assert kept(tmp_path) == ["0", "6", "7"]
    assert images(tmp_path) == {image_name(asked(number).data) for number in (0, 6, 7)}


def test_the_bound_holds_across_restarts(tmp_path: Path) -> None:
    for number in range(5):
        keepsakes = Keepsakes(tmp_path, 2 * SIZE, Metrics())
        keepsakes.keep(asked(number))
        keepsakes.close()
    assert kept(tmp_path) == ["3", "4"]
    assert len(images(tmp_path)) == 2


def test_one_image_asked_about_twice_is_kept_once(tmp_path: Path) -> None:
    keepsakes = Keepsakes(tmp_path, 10 * SIZE, Metrics())
    for number in range(3):
        keepsakes.keep(asked(number, data=b"GIF89a the same"))
    keepsakes.close()
    assert kept(tmp_path) == ["0", "1", "2"]
    (name,) = images(tmp_path)
    assert name.endswith(".gif")


def test_correcting_what_is_not_kept(tmp_path: Path) -> None:
    keepsakes = Keepsakes(tmp_path, 10 * SIZE, Metrics())
    with pytest.raises(KeyError):
        asyncio.run(keepsakes.correct("nobody's", "dog"))
    keepsakes.close()


def test_nothing_to_write(tmp_path: Path) -> None:
    with pytest.raises(WhatsitError, match="--keep"):
        write_corrections(tmp_path, tmp_path / "corrections.csv")
    Keepsakes(tmp_path, SIZE, Metrics()).close()
    with pytest.raises(WhatsitError, match="nothing was corrected"):
        write_corrections(tmp_path, tmp_path / "corrections.csv")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_text("no database " * 100, encoding="utf-8")
    with pytest.raises(WhatsitError, match="cannot be opened"):
        Keepsakes(tmp_path, SIZE, Metrics())
