"""The folder of a training under way: kept where there is something to go on from, and never thrown away unasked."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from whatsit.config import NetworkOptions, TrainOptions
from whatsit.errors import WhatsitError
from whatsit.training.network.resume import training_identity, unfinished
from whatsit.training.splits import make_splits

from .made import experiment_of, make_photos

BEGUN = {"photos": "abc", "seed": 0, "learning_rate": 0.1}


@contextmanager
def begun(
    folder: Path, values: dict[str, object] = BEGUN, *, resume: bool = False, overwrite: bool = False
) -> Iterator[Path]:
    with unfinished(folder, values, resume=resume, overwrite=overwrite) as work:
        yield work


def break_off(folder: Path, *, checkpoint: bool = True) -> None:
    with suppress(KeyboardInterrupt), begun(folder) as work:
        if checkpoint:
            (work / "last.ckpt").write_bytes(b"weights")
        (work / "logs").mkdir()
        raise KeyboardInterrupt


def test_it_goes_when_all_is_done(tmp_path: Path) -> None:
    with begun(tmp_path / "model") as work:
        assert work == tmp_path / "model.training"
        (work / "last.ckpt").write_bytes(b"weights")
        (work / "folder").mkdir()
    assert list(tmp_path.iterdir()) == []


def test_what_left_no_checkpoint_is_no_question(tmp_path: Path) -> None:
    break_off(tmp_path / "model", checkpoint=False)
    assert list(tmp_path.iterdir()) == []
    with begun(tmp_path / "model", resume=True):
        pass


def test_a_killed_one_without_a_checkpoint_is_no_question(tmp_path: Path) -> None:
    work = tmp_path / "model.training"
    work.mkdir()
    (work / "begun.json").write_text("{}", encoding="utf-8")
    with begun(tmp_path / "model"):
        pass


def test_what_was_broken_off_is_resumed_or_given_up(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    break_off(folder)
    with pytest.raises(WhatsitError, match=r"broken off\. Go on with --resume, or begin anew: --force"), begun(folder):
        pass
    with begun(folder, resume=True) as work:
        assert (work / "last.ckpt").read_bytes() == b"weights"
    break_off(folder)
    with begun(folder, overwrite=True) as work:
        assert sorted(file.name for file in work.iterdir()) == [".lock", "begun.json"]


def test_other_options_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    break_off(folder)
    with (
        pytest.raises(WhatsitError, match=r"begun with other learning rate \(0\.1, now 0\.2\)\. .* --force"),
        begun(folder, {**BEGUN, "learning_rate": 0.2}, resume=True),
    ):
        pass
    with begun(folder, resume=True):
        pass


@pytest.mark.parametrize("text", ["", "{", "[]", None])
def test_a_damaged_record_is_one_line(tmp_path: Path, text: str | None) -> None:
    folder = tmp_path / "model"
    break_off(folder)
    file = tmp_path / "model.training" / "begun.json"
    file.unlink()
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with (
        pytest.raises(WhatsitError, match=r"begun\.json: is damaged, .* Begin anew: --force"),
        begun(folder, resume=True),
    ):
        pass
    with begun(folder, overwrite=True):
        pass


HOLDS = """
import sys
from pathlib import Path
from whatsit.training.network.resume import unfinished
with unfinished(Path(sys.argv[1]), {}, resume=False, overwrite=False):
    print("holds", flush=True)
    sys.stdin.read()
"""


def test_one_process_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"holds\n"
        with pytest.raises(WhatsitError, match="another process is training there"), begun(folder, overwrite=True):
            pass
        other.kill()
    with begun(folder):
        pass


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WhatsitError, match=r"^cannot write .*model\.training"), begun(tmp_path / "file" / "model"):
        pass


def test_what_a_training_hangs_on() -> None:
    photos = make_photos([20, 20])
    options = TrainOptions(method="scratch")
    splits = make_splits(photos, options)
    experiment, more = experiment_of(photos, splits), make_photos([20, 21])
    before = training_identity(experiment, options)

    def changed(**network: object) -> bool:
        other = replace(options, network=replace(NetworkOptions(), **network))  # type: ignore[arg-type]
        return training_identity(experiment, other) != before

    assert not changed(max_seconds=3.0)
    assert not changed(stop_at_accuracy=0.9)
    for other in (replace(options, thumbnails=True), replace(options, target_precision=0.5)):
        assert training_identity(experiment, other) == before
    assert changed(learning_rate=0.5)
    assert changed(layers=(8, 8))
    assert training_identity(experiment_of(more, make_splits(more, options)), options) != before
    named = replace(photos, dataset=replace(photos.dataset, classes=photos.dataset.classes[::-1]))
    assert training_identity(experiment_of(named, splits), options) != before
    assert training_identity(experiment, replace(options, seed=1)) != before
    assert training_identity(experiment, replace(options, image_size=(30, 40))) != before
