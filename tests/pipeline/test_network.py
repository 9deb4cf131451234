"""Networks through the whole pipeline: trained, broken off and resumed, and what is said where it cannot go well."""

import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import onnxruntime as ort
import pytest
from once import one_core
from steps.made import make_folder

from whatsit.api import train
from whatsit.config import NetworkOptions, TrainOptions
from whatsit.errors import DatasetError, WhatsitError
from whatsit.model.format import FILES
from whatsit.progress import Advance, ProgressReporter
from whatsit.training.compare.run import compare
from whatsit.training.network import accelerators

pytestmark = pytest.mark.slow

SCRATCH = TrainOptions(
    method="scratch", image_size=(32, 32), network=NetworkOptions(layers=(8, 16), epochs=3, batch_size=8)
)
FINETUNE = TrainOptions(method="finetune", image_size=(32, 32), network=NetworkOptions(epochs=1))


@pytest.fixture(scope="module", autouse=True)
def on_one_core() -> Iterator[None]:
    with one_core():
        yield


def broken_off_at(word: str) -> ProgressReporter:
    """A reporter that breaks off where a note says this word, or where a step of this name begins."""

    @contextmanager
    def progress(step: str, total: int | None) -> Iterator[Advance]:
        def advance(n: int, note: str = "") -> None:
            if note.startswith(word):
                raise KeyboardInterrupt

        if step == word:
            raise KeyboardInterrupt
        yield advance

    return progress


@pytest.fixture(scope="module")
def whole(small: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("whole") / "model"
    return (train(small, folder, SCRATCH).folder / FILES.graph).read_bytes()


@pytest.mark.parametrize("word", ["epoch 2/3", "embedding test photos", "writing the report"])
def test_a_resumed_training_gives_the_very_bytes(small: Path, whole: bytes, tmp_path: Path, word: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(small, tmp_path / "model", SCRATCH, progress=broken_off_at(word))
    with pytest.raises(WhatsitError, match="broken off"):
        train(small, tmp_path / "model", SCRATCH)
    other = replace(SCRATCH, network=replace(SCRATCH.network, batch_size=16))
    with pytest.raises(WhatsitError, match=r"begun with other batch size \(8, now 16\)"):
        train(small, tmp_path / "model", other, resume=True)
    trained = train(small, tmp_path / "model", SCRATCH, resume=True)
    assert (trained.folder / FILES.graph).read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_script_sees_a_line_an_epoch(
    small: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And whoever watches otherwise, or sits in a notebook, does not."""
    train(small, tmp_path / "model", SCRATCH)
    lines = [record.message for record in caplog.records if record.message.startswith("Epoch ")]
    assert [line.partition(":")[0] for line in lines] == ["Epoch 1 of 3", "Epoch 2 of 3", "Epoch 3 of 3"]
    figures = r"Epoch \d of 3: loss \d\.\d{3}, accuracy [01]\.\d{3}, valid [01]\.\d{3}, \d+\.\d s"
    assert all(re.fullmatch(figures, line) for line in lines)
    caplog.clear()
    train(small, tmp_path / "watched", SCRATCH, progress=broken_off_at("never"))
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    train(small, tmp_path / "noted", SCRATCH)
    assert not [record for record in caplog.records if record.message.startswith("Epoch ")]


@pytest.mark.parametrize("word", ["decoding", "epoch 1/3"])
def test_before_the_first_checkpoint_nothing_is_left(small: Path, tmp_path: Path, word: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(small, tmp_path / "model", SCRATCH, progress=broken_off_at(word))
    assert list(tmp_path.iterdir()) == []


def test_few_photos_are_learned_from_for_more_epochs(small: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):  # where it counts to that number
        train(
            small, tmp_path / "model", replace(FINETUNE, network=NetworkOptions()), progress=broken_off_at("epoch 1/40")
        )


def test_ctrl_c_keeps_the_best_so_far(small: Path, tmp_path: Path) -> None:
    @contextmanager
    def progress(step: str, total: int | None) -> Iterator[Advance]:
        def advance(n: int, note: str = "") -> None:
            if note.startswith("epoch 2/3") and not pressed:
                pressed.append(n)
                os.kill(os.getpid(), signal.SIGINT)

        pressed: list[int] = []
        yield advance

    trained = train(small, tmp_path / "model", SCRATCH, progress=progress)
    assert trained.classifier.facts.head["epochs"] == 2


def test_nothing_unfrozen_is_the_probe_on_that_backbone(small: Path, tmp_path: Path) -> None:
    options = replace(FINETUNE, network=replace(FINETUNE.network, unfreeze="none"))
    trained = train(small, tmp_path / "model", options)
    assert trained.classifier.facts.head["best_epoch"] == 0
    without = replace(options, network=replace(options.network, probe_first=False))
    with pytest.raises(WhatsitError, match="--unfreeze none: nothing would learn"):
        train(small, tmp_path / "other", without)


def test_the_fewest_photos(tmp_path: Path) -> None:
    photos = make_folder(tmp_path / "photos", {"apples": 3, "pears": 3})
    assert train(photos, tmp_path / "model", SCRATCH).evaluation.n == 2
    (photos / "pears" / "000.jpg").unlink()
    with pytest.raises(DatasetError, match=r"class 'pears' has 2 distinct photos; at least 3 are needed"):
        train(photos, tmp_path / "other", SCRATCH)


def test_a_network_needs_photos_to_judge_on(small: Path, tmp_path: Path) -> None:
    for shares in ({"test": 0.0}, {"valid": 0.0}):
        with pytest.raises(DatasetError, match=r"--valid and --test above 0"):
            train(small, tmp_path / "model", replace(SCRATCH, **shares))  # type: ignore[arg-type]
    split = make_folder(tmp_path / "split" / "train", {"apples": 6, "pears": 6}).parent
    make_folder(split / "test", {"apples": 3, "pears": 3}, first_seed=20)
    with pytest.raises(DatasetError, match=r"has no valid photos to choose on. Give a share: --valid above 0"):
        train(split, tmp_path / "model", replace(SCRATCH, valid=0.0))


def test_the_fit_is_that_of_the_networks_own_input(small: Path, tmp_path: Path) -> None:
    """The photos are square: on a wide input a crop would lose most of them."""
    wide = replace(SCRATCH, image_size=(16, 48), network=replace(SCRATCH.network, epochs=1))
    assert train(small, tmp_path / "model", wide).classifier.facts.preprocessing.resize_mode == "squash"
    taller = replace(wide, image_size=(32, 24))
    assert train(small, tmp_path / "other", taller).classifier.facts.preprocessing.resize_mode == "crop"


def test_photos_are_seen_on_the_cpu_where_onnx_runtime_has_no_package_for_the_device(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch trains on GPUs that the plain ONNX Runtime cannot use. The processor stands for one here."""
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    monkeypatch.setitem(accelerators.ACCELERATORS, "openvino", "cpu")
    options = replace(SCRATCH, device="openvino", network=replace(SCRATCH.network, mixed_precision=False))
    trained = train(small, tmp_path / "model", options, cache=tmp_path / "cache")
    assert len(trained.report.history.epochs if trained.report.history else ()) == 3
    assert trained.classifier.device == "cpu"
    with pytest.raises(WhatsitError, match=r"^device 'openvino' needs the package onnxruntime-openvino"):
        train(small, tmp_path / "probe", TrainOptions(device="openvino"), cache=tmp_path / "empty")


@pytest.mark.parametrize(
    ("found", "devices", "says"),
    [
        (0, 1, r"^--device cuda: PyTorch finds 0 GPUs here. Leave it out to train on the CPU"),
        (1, 2, r"^--device cuda --devices 2: PyTorch finds 1 GPU here. Give --devices 1"),
    ],
)
def test_a_gpu_that_is_not_there_is_missed_before_any_work(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: int, devices: int, says: str
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: found)
    options = replace(SCRATCH, device="cuda", network=replace(SCRATCH.network, devices=devices))
    for call in (train, lambda data, output, options, **more: compare(data, {"it": options}, output, **more)):
        with pytest.raises(WhatsitError, match=says):
            call(small, tmp_path / "model", options, cache=tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []


def test_a_users_own_callbacks_are_called_and_may_stop(small: Path, tmp_path: Path) -> None:
    from lightning.pytorch import Callback, LightningModule, Trainer

    class Enough(Callback):
        ended: int = 0

        def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            self.ended += 1
            trainer.should_stop = self.ended == 2

    own = Enough()
    trained = train(small, tmp_path / "model", SCRATCH, callbacks=[own])
    assert own.ended == 2
    assert trained.report.history is not None
    assert len(trained.report.history.epochs) == 2


def more(options: TrainOptions, epochs: int | None) -> TrainOptions:
    return replace(options, network=replace(options.network, epochs=epochs))


@pytest.mark.parametrize("options", [more(SCRATCH, 2), more(FINETUNE, 2)], ids=["scratch", "finetune"])
def test_a_finished_training_that_kept_its_checkpoint_goes_on(
    small: Path, tmp_path: Path, options: TrainOptions, caplog: pytest.LogCaptureFixture
) -> None:
    folder, work = tmp_path / "model", tmp_path / "model.training"
    train(small, folder, options, keep_checkpoint=True)
    assert any(
        re.search(r"keeps the checkpoint \([0-9.]+ MB\).*--resume --epochs 4 goes on", m) for m in caplog.messages
    )
    assert not (work / "outcome.pt").exists()
    for epochs in (2, None):
        with pytest.raises(WhatsitError, match=r"all 2 epochs are learned\. Give more, as --epochs 4$"):
            train(small, folder, more(options, epochs), resume=True)
    with pytest.raises(KeyboardInterrupt):
        train(small, folder, more(options, 4), resume=True, progress=broken_off_at("epoch 4/4"))
    assert train(small, folder, more(options, 4), resume=True).classifier.facts.head["epochs"] == 4
    assert not work.exists()
    with pytest.raises(WhatsitError, match=r"no checkpoint of it was kept.*--force; with --keep-checkpoint it can"):
        train(small, folder, more(options, 6), resume=True)


def test_going_on_replaces_no_other_model(small: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    train(small, folder, more(SCRATCH, 1), keep_checkpoint=True)
    train(small, folder, TrainOptions(), overwrite=True)
    with pytest.raises(WhatsitError, match="model exists"):
        train(small, folder, more(SCRATCH, 2), resume=True)
    with pytest.raises(WhatsitError, match="begun with other "):
        train(small, folder, replace(more(SCRATCH, 2), seed=5), resume=True, overwrite=True)
    shutil.rmtree(folder)
    with pytest.raises(WhatsitError, match="keeps the checkpoint of a finished training"):
        train(small, folder, more(SCRATCH, 2))
    assert train(small, folder, more(SCRATCH, 2), resume=True).classifier.facts.head["epochs"] == 2


def test_what_was_broken_off_goes_on_to_more_epochs(small: Path, tmp_path: Path) -> None:
    """Of fine-tuning, where few photos make the default another number."""
    folder, options = tmp_path / "model", more(FINETUNE, 3)
    with pytest.raises(KeyboardInterrupt):
        train(small, folder, options, progress=broken_off_at("epoch 2/3"))
    with pytest.raises(WhatsitError, match=r"goes to 3 epochs, and [0-9]+ would be the default\. Give --epochs 3, or"):
        train(small, folder, more(options, None), resume=True)
    assert train(small, folder, more(options, 4), resume=True).classifier.facts.head["epochs"] == 4
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
