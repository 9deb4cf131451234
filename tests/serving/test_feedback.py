"""What is kept: bounded, the oldest out first, corrections last; and never in the way of an answer."""

import asyncio
import csv
import json
import logging
import ntpath
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from whatsit.errors import WhatsitError
from whatsit.serving.database import DATABASE, IMAGES, AnsweredImage, image_name
from whatsit.serving.feedback import FeedbackStore, training_command, write_corrections
from whatsit.serving.metrics import Metrics
from whatsit.training.run import Trained

from .running import Running, serving

pytestmark = pytest.mark.slow

SIZE = 1000  # bytes of each image here


def answered(number: int, data: bytes | None = None) -> AnsweredImage:
    answer: dict[str, Any] = {"id": str(number), "label": "cat", "probability": 0.9, "unsure": False}
    image = data if data is not None else b"\xff\xd8\xff" + number.to_bytes(4, "big") * ((SIZE - 3) // 4 + 1)
    return AnsweredImage(str(number), f"2026-01-01T00:00:{number:02}", "pets", 1, "", image[:SIZE], answer)


def kept(folder: Path) -> list[str]:
    with sqlite3.connect(folder / DATABASE) as database:
        return [row[0] for row in database.execute("SELECT id FROM asked ORDER BY at")]


def images(folder: Path) -> set[str]:
    return {str(path.relative_to(folder / "images")) for path in (folder / "images").rglob("*.*")}


def test_the_oldest_go_first_and_corrections_last(tmp_path: Path) -> None:
    feedback_store = FeedbackStore(tmp_path, 3 * SIZE, Metrics())
    feedback_store.keep(answered(0))
    asyncio.run(feedback_store.correct("0", "dog"))
    for number in range(1, 8):
        feedback_store.keep(answered(number))
    feedback_store.close()
    assert kept(tmp_path) == ["0", "6", "7"]
    assert images(tmp_path) == {image_name(answered(number).data) for number in (0, 6, 7)}


def test_the_bound_holds_across_restarts(tmp_path: Path) -> None:
    for number in range(5):
        feedback_store = FeedbackStore(tmp_path, 2 * SIZE, Metrics())
        feedback_store.keep(answered(number))
        feedback_store.close()
    assert kept(tmp_path) == ["3", "4"]
    assert len(images(tmp_path)) == 2


def test_the_command_that_trains_on_corrections_works_when_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kept, photos, manifest = tmp_path / "kept", Path("my photos"), Path("corrections.csv")

    def command(*trained_on: str) -> str:
        feedback_store = FeedbackStore(kept, 10 * SIZE, Metrics())
        feedback_store.keep(replace(answered(1), trained_on=trained_on))
        asyncio.run(feedback_store.correct("1", "dog"))
        feedback_store.close()
        return training_command(kept, manifest)

    assert command() == "whatsit train PHOTOS corrections.csv"
    assert command("my photos") == "whatsit train PHOTOS corrections.csv"  # they are not here
    photos.mkdir()
    assert command("my photos") == "whatsit train 'my photos' corrections.csv"
    assert command("my photos", "corrections.csv") == "whatsit train 'my photos' corrections.csv"
    Path("my photos-model").mkdir()
    again = "whatsit train 'my photos' corrections.csv --top-folders groups --output 'my photos-model-2'"
    assert command("my photos", "--top-folders", "groups") == again
    assert command("--embeddings", "vectors.parquet") == "whatsit train PHOTOS corrections.csv"
    assert command("my photos; echo", "x") == "whatsit train PHOTOS corrections.csv"


def test_one_image_asked_about_twice_is_kept_once(tmp_path: Path) -> None:
    feedback_store = FeedbackStore(tmp_path, 10 * SIZE, Metrics())
    for number in range(3):
        feedback_store.keep(answered(number, data=b"GIF89a the same"))
    feedback_store.close()
    assert kept(tmp_path) == ["0", "1", "2"]
    (name,) = images(tmp_path)
    assert name.endswith(".gif")


def test_correcting_what_is_not_kept(tmp_path: Path) -> None:
    feedback_store = FeedbackStore(tmp_path, 10 * SIZE, Metrics())
    with pytest.raises(KeyError):
        asyncio.run(feedback_store.correct("nobody's", "dog"))
    feedback_store.close()


def test_corrections_on_another_drive_are_named_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Windows has it: from C: no way leads to D:."""
    feedback_store = FeedbackStore(tmp_path, 9 * SIZE, Metrics())
    feedback_store.keep(answered(0))
    asyncio.run(feedback_store.correct("0", "dog"))
    feedback_store.close()
    monkeypatch.setattr(os.path, "relpath", lambda path, start: ntpath.relpath(r"D:\kept\a.gif", r"C:\Users\me"))
    assert write_corrections(tmp_path, tmp_path / "corrections.csv") == 1
    with (tmp_path / "corrections.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert Path(row["uri"]).is_absolute()
    assert Path(row["uri"]).is_file()


def test_nothing_to_write(tmp_path: Path) -> None:
    with pytest.raises(WhatsitError, match="--keep"):
        write_corrections(tmp_path, tmp_path / "corrections.csv")
    FeedbackStore(tmp_path, SIZE, Metrics()).close()
    with pytest.raises(WhatsitError, match="nothing was corrected"):
        write_corrections(tmp_path, tmp_path / "corrections.csv")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_text("no database " * 100, encoding="utf-8")
    with pytest.raises(WhatsitError, match="cannot be opened"):
        FeedbackStore(tmp_path, SIZE, Metrics())


@pytest.fixture
def feedback_store(tmp_path: Path) -> Iterator[FeedbackStore]:
    """With room for three images, in `tmp_path/kept`."""
    feedback_store = FeedbackStore(tmp_path / "kept", 3 * SIZE, Metrics())
    yield feedback_store
    feedback_store.close()


def correct(feedback_store: FeedbackStore, number: int, label: str = "dog") -> None:
    """What waits before it is written when this returns."""
    asyncio.run(feedback_store.correct(str(number), label))


def test_an_older_answer_about_the_same_image_does_not_drag_a_correction_along(tmp_path: Path) -> None:
    feedback_store = FeedbackStore(tmp_path, 3 * SIZE, Metrics())
    same = answered(0).data
    for number in (0, 1):  # one image, asked about twice; the second answer is corrected
        feedback_store.keep(answered(number, same))
    correct(feedback_store, 1)
    for number in range(2, 9):
        feedback_store.keep(answered(number))
    feedback_store.close()
    assert kept(tmp_path) == ["1", "7", "8"]
    assert images(tmp_path) == {image_name(same), *(image_name(answered(number).data) for number in (7, 8))}
    assert write_corrections(tmp_path, tmp_path / "corrections.csv") == 1


def test_room_full_of_corrections_takes_no_answer_and_says_so(
    feedback_store: FeedbackStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        feedback_store.keep(answered(number))
        correct(feedback_store, number)
    feedback_store.keep(answered(3))
    with pytest.raises(KeyError):
        correct(feedback_store, 3)
    assert kept(tmp_path / "kept") == ["0", "1", "2"]
    assert "corrections fill all the room. Give more: --keep-mb" in caplog.text


def delete_database(folder: Path) -> None:
    (folder / DATABASE).unlink()


def delete_it_with_what_is_beside_it(folder: Path) -> None:
    for path in folder.glob(f"{DATABASE}*"):
        path.unlink()


def replace_database(folder: Path) -> None:
    delete_it_with_what_is_beside_it(folder)
    other = FeedbackStore(folder.parent / "other", SIZE, Metrics())
    other.close()
    shutil.move(folder.parent / "other" / DATABASE, folder / DATABASE)


def replace_by_nothing(folder: Path) -> None:
    (folder.parent / "empty").touch()
    (folder.parent / "empty").replace(folder / DATABASE)


def remove_images(folder: Path) -> None:
    shutil.rmtree(folder / IMAGES)


def remove_all(folder: Path) -> None:
    shutil.rmtree(folder)


def move_away(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


TROUBLES = [
    delete_database,
    delete_it_with_what_is_beside_it,
    replace_database,
    replace_by_nothing,
    remove_images,
    remove_all,
    move_away,
]
POSIX = pytest.mark.skipif(os.name != "posix", reason="an open file cannot be deleted here")


@POSIX
@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_correction_of_what_is_gone_is_refused_and_the_next_one_kept(
    trouble: Callable[[Path], None], feedback_store: FeedbackStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "kept"
    feedback_store.keep(answered(0))
    correct(feedback_store, 0)
    trouble(folder)
    with pytest.raises(WhatsitError, match=r"a correction was not kept: .* while the server ran"):
        correct(feedback_store, 0, "cat")
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert any("It is made anew" in line for line in said), said
    with pytest.raises(WhatsitError if trouble is remove_images else KeyError):  # its row is there, its image is not
        correct(feedback_store, 0, "cat")
    feedback_store.keep(answered(1))
    correct(feedback_store, 1, "bird")
    assert write_corrections(folder, tmp_path / "corrections.csv") == (2 if trouble is remove_images else 1)
    with (tmp_path / "corrections.csv").open(encoding="utf-8") as file:
        assert {"bird"} <= {row["label"] for row in csv.DictReader(file)}


@POSIX
@pytest.mark.parametrize("trouble", TROUBLES)
def test_answers_are_kept_on_and_the_size_holds(
    trouble: Callable[[Path], None], feedback_store: FeedbackStore, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    for number in range(2):
        feedback_store.keep(answered(number))
    correct(feedback_store, 1)
    trouble(folder)
    for number in range(10, 16):
        feedback_store.keep(answered(number))
    correct(feedback_store, 15)
    assert {"14", "15"} <= set(kept(folder))
    assert len(images(folder)) <= 3
    assert {image_name(answered(number).data) for number in (14, 15)} <= images(folder)


def test_a_file_that_is_no_database_any_more(feedback_store: FeedbackStore, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    feedback_store.keep(answered(0))
    correct(feedback_store, 0)
    (tmp_path / "spoilt").write_bytes(b"no database " * 1000)
    delete_it_with_what_is_beside_it(folder)
    (tmp_path / "spoilt").replace(folder / DATABASE)
    for _ in range(2):
        with pytest.raises(WhatsitError, match=r"a correction was not kept: .* cannot be opened"):
            correct(feedback_store, 0)
    (folder / DATABASE).unlink()
    with pytest.raises(WhatsitError, match="not kept"):
        correct(feedback_store, 0)
    feedback_store.keep(answered(1))
    correct(feedback_store, 1)
    assert kept(folder) == ["1"]


def test_images_that_no_answer_names_count_and_go_first(tmp_path: Path) -> None:
    """As a deleted database leaves them, or a kill between an image and its row, or within an image."""
    for number in range(3):
        data = answered(number).data
        path = tmp_path / IMAGES / image_name(data)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (number, number))
    (path.parent / f".{path.name}.x1y2").write_bytes(bytes(SIZE))
    feedback_store = FeedbackStore(tmp_path, 4 * SIZE, Metrics())
    feedback_store.keep(answered(10))
    correct(feedback_store, 10)
    names = [image_name(answered(number).data) for number in (0, 1, 2, 10)]
    assert images(tmp_path) == {*names[1:], f"{names[2][:3]}.{names[2][3:]}.x1y2"}
    feedback_store.keep(answered(2))  # it is named again, so it stays
    for number in (11, 12):
        feedback_store.keep(answered(number))
    feedback_store.close()
    assert images(tmp_path) == {image_name(answered(number).data) for number in (2, 10, 11, 12)}


async def correct_often(feedback_store: FeedbackStore) -> None:
    """More often than the database's own pages have room left for."""
    for _ in range(1000):
        await feedback_store.correct("0", "a long label" * 16_000)


def test_a_full_disk_takes_no_correction_and_leaves_no_half(
    feedback_store: FeedbackStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By SQLite's own bound on its pages, beyond which it says what it says of a full disk."""
    folder = tmp_path / "kept"
    feedback_store.keep(answered(0))
    correct(feedback_store, 0)
    feedback_store._database._database.execute("PRAGMA max_page_count = 1")  # as many as there are already
    with pytest.raises(WhatsitError, match=r"a correction was not kept: .*full"):
        asyncio.run(correct_often(feedback_store))
    answer = answered(1)
    feedback_store.keep(replace(answer, answer={**answer.answer, "words": "a long answer" * 16_000}))
    with pytest.raises(WhatsitError, match=r"full"):
        asyncio.run(correct_often(feedback_store))
    assert "an answer was not kept: database or disk is full" in caplog.text
    assert images(folder) == {image_name(answered(0).data)}
    feedback_store._database._database.execute("PRAGMA max_page_count = 1000000")
    feedback_store.keep(answered(2))
    correct(feedback_store, 2)
    assert kept(folder) == ["0", "2"]
    assert images(folder) == {image_name(answered(number).data) for number in (0, 2)}


def ask(server: Running, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
    reply = server.ask("POST", path, body)
    return reply.status, json.loads(reply.body)


@POSIX
def test_over_http_a_lost_correction_is_503(model: Trained, asked: list[bytes], tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    with serving(model.folder, "--quiet", "--keep", str(folder)) as server:

        def prediction(photo: bytes) -> bytes:
            """What corrects its answer."""
            status, said = ask(server, "/predict", photo)
            assert status == 200
            return json.dumps({"id": said["predictions"][0]["id"], "label": "shells"}).encode()

        first = prediction(asked[0])
        assert ask(server, "/feedback", first)[0] == 200
        delete_it_with_what_is_beside_it(folder)
        status, said = ask(server, "/feedback", first)
        assert (status, said) == (503, {"error": "the correction was not kept. The server's log says why"})
        assert ask(server, "/feedback", prediction(asked[1]))[0] == 200
        assert ask(server, "/feedback", first)[0] == 404
    assert any(f"{DATABASE} was deleted while the server ran" in line for line in server.log)
    assert write_corrections(folder, tmp_path / "corrections.csv") == 1
