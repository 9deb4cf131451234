"""Networks through the whole pipeline: trained, broken off and resumed, and what is said where it cannot go well."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import onnxruntime as ort
import pytest
from steps.made import make_folder

from whatsit.comparison.run import compare
from whatsit.errors import DatasetError, WhatsitError
from whatsit.model.folder import FILES
from whatsit.networks import accelerators, fit
from whatsit.networks.options import NetworkOptions
from whatsit.options import TrainOptions
from whatsit.pipeline import train
from whatsit.steps.see import Advance, Watch

SCRATCH = TrainOptions(
    method="scratch", image_size=(32, 32), network=NetworkOptions(layers=(8, 16), epochs=3, batch_size=8)
)
FINETUNE = TrainOptions(method="finetune", image_size=(32, 32), network=NetworkOptions(epochs=1))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "cores", lambda: 1)
        yield


def broken_off_at(word: str) -> Watch:
    """A watch that breaks off where progress says this word, or where a step of this name begins."""

    @contextmanager
    def watch(step: str, total: int | None) -> Iterator[Advance]:
        def advance(n: int, note: str = "") -> None:
            if note.startswith(word):
                raise KeyboardInterrupt

        if step == word:
            raise KeyboardInterrupt
        yield advance

    return watch


@pytest.fixture(scope="module")
def whole(small: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("whole") / "model"
    return (train(small, folder, SCRATCH).folder / FILES.graph).read_bytes()


@pytest.mark.parametrize("word", ["epoch 2/3", "judging", "writing the report"])
def test_a_resumed_training_gives_the_very_bytes(small: Path, whole: bytes, tmp_path: Path, word: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(small, tmp_path / "model", SCRATCH, watch=broken_off_at(word))
    with pytest.raises(WhatsitError, match="broken off"):
        train(small, tmp_path / "model", SCRATCH)
    other = replace(SCRATCH, network=replace(SCRATCH.network, batch_size=16))
    with pytest.raises(WhatsitError, match=r"begun with other batch size \(8, now 16\)"):
        train(small, tmp_path / "model", other, resume=True)
    trained = train(small, tmp_path / "model", SCRATCH, resume=True)
    assert (trained.folder / FILES.graph).read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("word", ["decoding", "epoch 1/3"])
def test_before_the_first_checkpoint_nothing_is_left(small: Path, tmp_path: Path, word: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(small, tmp_path / "model", SCRATCH, watch=broken_off_at(word))
    assert list(tmp_path.iterdir()) == []


def test_few_photos_are_learned_from_for_more_epochs(small: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):  # where it counts to that number
        train(small, tmp_path / "model", replace(FINETUNE, network=NetworkOptions()), watch=broken_off_at("epoch 1/40"))


def test_ctrl_c_keeps_the_best_so_far(small: Path, tmp_path: Path) -> None:
    @contextmanager
    def watch(step: str, total: int | None) -> Iterator[Advance]:
        def advance(n: int, note: str = "") -> None:
            if note.startswith("epoch 2/3") and not pressed:
                pressed.append(n)
                os.kill(os.getpid(), signal.SIGINT)

        pressed: list[int] = []
        yield advance

    trained = train(small, tmp_path / "model", SCRATCH, watch=watch)
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
    assert train(small, tmp_path / "model", wide).classifier.facts.preprocessing.fit == "squash"
    taller = replace(wide, image_size=(32, 24))
    assert train(small, tmp_path / "other", taller).classifier.facts.preprocessing.fit == "crop"


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
        train(small, tmp_path / "probe", TrainOptions(device="openvino"), cache=tmp_path / "cache")


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
