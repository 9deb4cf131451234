"""The precision follows from the processor's instructions: the same at any time, whatever else the machine does."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from whatsit.embedding import precision
from whatsit.embedding.precision import (
    NATIVE,
    Settled,
    eight_bit_instruction,
    settle_precision,
    told_by_linux,
    told_by_macos,
    told_by_numpy,
    told_by_windows,
)
from whatsit.machine import cores

from .samples import finish, start_python

pytestmark = pytest.mark.slow

LITE0 = "efficientnet-lite0"
ASK = f"from whatsit.embedding.precision import settle_precision as s; print(*s('auto', '{LITE0}', 'cpu'), sep='|')"
ZEN4 = "flags\t\t: fpu sse4_2 avx2 avx512f avx512bw avx512_vnni avx512_bitalg\n"
HASWELL = "flags\t\t: fpu sse4_2 fma avx2\n"
M_CLASS = "Features\t: fp asimd aes fphp asimdhp cpuid asimdrdm asimddp\n"
CORTEX_A53 = "Features\t: fp asimd evtstrm crc32 cpuid\n"


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that compute all the time."""
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for one in spinning:
            one.kill()
            one.wait()


def test_it_is_the_same_beside_other_work() -> None:
    idle = settle_precision("auto", LITE0, "cpu")
    with busy(2 * cores()):
        asked = [start_python(ASK) for _ in range(6)]
        assert {finish(process).strip() for process in asked} == {"|".join(idle)}


@pytest.mark.parametrize(
    ("told", "instruction"),
    [
        (f"processor\t: 0\nmodel name\t: AMD EPYC\n{ZEN4}\nprocessor\t: 1\n{ZEN4}", "avx512_vnni"),
        ("flags : avx2 avx_vnni\n", "avx_vnni"),
        (HASWELL, None),
        ("flags : avx2 avx512f avx512bw avx512vl\n", None),
        (f"processor : 0\n{M_CLASS}", "asimddp"),
        (f"processor : 0\n{CORTEX_A53}processor : 4\n{M_CLASS}", None),  # it may run on either
        ("flags : not_avx512_vnni avx512_vnni2\n", None),
        ("", None),
        ("\xff\x00", None),
    ],
)
def test_linux_tells_in_cpuinfo(tmp_path: Path, told: str, instruction: str | None) -> None:
    (tmp_path / "cpuinfo").write_bytes(told.encode("latin-1"))
    found = {NATIVE[name] for name in told_by_linux(tmp_path / "cpuinfo") if name in NATIVE}
    assert found == ({instruction} if instruction else set())
    assert told_by_linux(tmp_path / "missing") == set()


def test_what_other_systems_are_asked_does_no_harm_here() -> None:
    for told in (told_by_macos, told_by_windows, told_by_numpy):
        assert isinstance(told(), set)
    assert eight_bit_instruction() in {None, *NATIVE.values()}


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="Linux tells both")
def test_numpy_finds_no_more_than_the_system_tells() -> None:
    numpy = {NATIVE[name.lower()] for name in told_by_numpy() if name.lower() in NATIVE}
    assert numpy <= {NATIVE[name] for name in told_by_linux(Path("/proc/cpuinfo")) if name in NATIVE}


@pytest.mark.parametrize(("instruction", "chosen"), [("avx512_vnni", "int8"), ("asimddp", "int8"), (None, "float32")])
def test_the_instruction_decides_and_is_named(
    monkeypatch: pytest.MonkeyPatch, instruction: str | None, chosen: str
) -> None:
    monkeypatch.setattr(precision, "eight_bit_instruction", lambda: instruction)
    settled = settle_precision("auto", LITE0, "cpu")
    assert settled.precision == chosen
    assert (instruction or "no instruction for 8-bit numbers is known") in settled.reason
    assert settled.reason.endswith(f"--precision {'float32' if chosen == 'int8' else 'int8'}")


def test_what_was_asked_for_and_what_has_no_choice() -> None:
    assert settle_precision("int8", LITE0, "cpu") == Settled("int8", "asked for: --precision int8")
    assert settle_precision("float32", LITE0, "cpu").precision == "float32"
    assert settle_precision("auto", LITE0, "cuda") == Settled("float32", "it runs on cuda, not on the CPU")
    for name in ("my.onnx", "timm:resnet18"):
        assert settle_precision("int8", name, "cpu") == Settled("float32", f"{name} has no 8-bit form")


TRAIN = """
import sys
from whatsit.api import train
train(sys.argv[1], sys.argv[2], cache=sys.argv[3])
"""


def test_the_same_photos_and_seed_give_the_same_model_beside_other_work(photos: Path, tmp_path: Path) -> None:
    """Whatever an older version remembered of a stopwatch."""
    models = []
    for name in ("idle", "busy"):
        cache = tmp_path / f"cache-{name}"
        cache.mkdir()
        (cache / "precision.json").write_text('{"efficientnet-lite0": "float32"}')
        with busy(0 if name == "idle" else 2 * cores()):
            finish(start_python(TRAIN, str(photos), str(tmp_path / name), str(cache)))
        models.append(tmp_path / name)
    one, other = ((model / "model.onnx").read_bytes() for model in models)
    assert one == other
    facts = json.loads((models[0] / "model.json").read_text(encoding="utf-8"))["backbone"]
    assert Settled(facts["precision"], facts["precision_reason"]) == settle_precision("auto", LITE0, "cpu")
