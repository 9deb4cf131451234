"""Apple's GPU ("mps"), as far as a machine without one can tell: what is asked of it, and what is kept from it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from whatsit.cli import whatsit
from whatsit.embedding.engines.registry import find_engine
from whatsit.embedding.session import graph_device
from whatsit.errors import BackboneError, WhatsitError
from whatsit.training.network import accelerators
from whatsit.training.network import modules as layout
from whatsit.training.network.accelerators import check_accelerator
from whatsit.training.network.batches import Batch
from whatsit.training.network.learner import Learner
from whatsit.training.network.trainer import precision

from .learning import STEERING, first_network, same_weights, task_of, trained

pytestmark = pytest.mark.slow


class NoFloat64(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuses what Apple's GPU would: an operation that takes or gives float64."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for one in tree_leaves((args, kwargs, out)):
            if isinstance(one, torch.Tensor) and one.dtype == torch.float64:
                raise TypeError(f"{func}: float64")
        return out


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor stands for the GPU."""
    monkeypatch.setitem(accelerators.ACCELERATORS, "mps", "cpu")
    monkeypatch.setattr(accelerators, "_check_apple", lambda devices: None)
    monkeypatch.setattr(torch.mps, "get_rng_state", lambda: torch.zeros(1))
    monkeypatch.setattr(torch.mps, "set_rng_state", lambda state: None)


def refusing(step: Callable[..., Any]) -> Callable[..., Any]:
    def refused(*given: Any) -> Any:
        with NoFloat64():  # type: ignore[no-untyped-call]
            return step(*given)

    return refused


def test_a_step_makes_no_float64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pretended: None) -> None:
    for name in ("training_step", "validation_step"):
        monkeypatch.setattr(Learner, name, refusing(getattr(Learner, name)))
    with pytest.raises(TypeError, match="float64"):
        trained(tmp_path, task_of(tmp_path), STEERING)
    monkeypatch.setitem(layout.WIDEST, "cpu", torch.float32)
    _, history = trained(tmp_path, task_of(tmp_path), replace(STEERING, device="mps"))
    assert len(history.epochs) == STEERING.epochs
    assert all(0 < epoch.train_loss < 3 and 0 <= epoch.valid_accuracy <= 1 for epoch in history.epochs)


def test_it_learns_what_the_processor_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pretended: None) -> None:
    """In float32, with the channels first."""
    plain = replace(STEERING, mixed_precision=False)
    (tmp_path / "mps").mkdir()
    ours, ours_so = trained(tmp_path / "mps", task_of(tmp_path), replace(plain, device="mps"))
    _, theirs_so = trained(tmp_path, task_of(tmp_path), plain)
    assert not same_weights(first_network(), ours)
    for one, other in zip(ours_so.epochs, theirs_so.epochs, strict=True):
        assert one.valid_loss == pytest.approx(other.valid_loss, rel=0.05)
    assert next(ours.maps.parameters()).is_contiguous()


def test_photos_are_changed_on_the_processor(tmp_path: Path) -> None:
    """And come to the GPU as what the network learns from."""
    learner = Learner(first_network(), task_of(tmp_path))
    batch = Batch(torch.zeros(2, 3, 24, 24, dtype=torch.uint8), torch.tensor([0, 1]), 1)
    for device, same in (("mps", True), ("meta", False)):
        moved = learner.transfer_batch_to_device(batch, torch.device(device), 0)
        assert (moved.pixels.device.type == "cpu") is same
    learner.to("meta")  # which stands for a device that is not the processor
    seen: list[torch.Tensor] = []
    learner.network.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    learner.training_step(batch, 0)
    assert seen[0].device.type == "meta"
    assert seen[0].shape == (2, 3, 24, 24)


def test_it_computes_in_float32() -> None:
    assert precision(replace(STEERING, device="mps")) == "32-true"


def test_where_it_is_not_there_that_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(WhatsitError, match=r"^--device mps: PyTorch finds no GPU of Apple's here\. Leave it out"):
        check_accelerator("mps", 1)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    check_accelerator("mps", 1)
    with pytest.raises(WhatsitError, match=r"^--device mps --devices 2: a Mac has one GPU"):
        check_accelerator("mps", 2)


def test_onnx_runtime_does_not_run_there() -> None:
    """A network that is trained there is looked at on the processor."""
    assert graph_device("mps") == "cpu"
    with pytest.raises(BackboneError, match=r"^device 'mps' trains networks .* on a Mac there is also coreml$"):
        find_engine("mps")
    shown = CliRunner().invoke(whatsit, ["train", "--help"]).output
    assert "mps" in shown
    assert "mps" not in CliRunner().invoke(whatsit, ["predict", "--help"]).output
