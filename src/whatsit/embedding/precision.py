"""Which precision a backbone runs in, and why: as asked for, or by what the processor has, never by a stopwatch.

8 bits pay where the processor multiplies 8-bit numbers natively: 2.3 to 2.5 times as fast for the networks of the table
with AVX-512 VNNI (docs/log.md). Elsewhere they may cost. A stopwatch beside other work was wrong 4 times in 25, and
then the same photos and seed gave another model. So instruction sets decide: the same on one machine at any time.

ONNX Runtime multiplies 8-bit numbers natively by these instructions (its library MLAS picks the kernel by the same
test). The processor's system tells which there are. Where a system tells nothing, no instruction is known, which is no
claim that there is none.
"""

import platform
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from whatsit.config import Precision
from whatsit.embedding.backbones.registry import source_of

NATIVE = {
    "avx512_vnni": "avx512_vnni",  # Intel from Ice Lake and Cascade Lake on, AMD from Zen 4 on
    "avx_vnni": "avx_vnni",  # Intel from Alder Lake on, AMD from Zen 5 on
    "asimddp": "asimddp",  # ARM's dot product: Apple's M1, Graviton 2, Raspberry Pi 5 and later
    # the same by other systems' and NumPy's names
    "avx512vnni": "avx512_vnni",
    "avxvnni": "avx_vnni",
    "avx512_clx": "avx512_vnni",
    "avx512_icl": "avx512_vnni",
    "feat_dotprod": "asimddp",
}
"""A system's name, in small letters → Linux's."""


CPUINFO = Path("/proc/cpuinfo")
FLAG_LINES = ("flags", "features")  # of x86, of ARM
DOT_PRODUCT_ON_WINDOWS = 43  # PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE, from winnt.h


@cache
def eight_bit_instruction() -> str | None:
    """One of the instructions by which 8-bit products are native here; None where none is known."""
    found = {NATIVE[name] for name in map(str.lower, _told()) if name in NATIVE}
    return min(found, default=None)  # by name: the same one on every call


def _told() -> Iterable[str]:
    if sys.platform == "linux":
        return told_by_linux(CPUINFO)
    if sys.platform == "darwin":
        return told_by_macos()
    return [*told_by_windows(), *told_by_numpy()]


def told_by_linux(cpuinfo: Path) -> set[str]:
    """What every core has: a process may run on any."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    pairs = (line.partition(":") for line in lines)
    cores = [set(values.split()) for name, _, values in pairs if name.strip().lower() in FLAG_LINES]
    return set.intersection(*cores) if cores else set()


def told_by_macos() -> set[str]:
    """By sysctl: of Intel's processors as a list, of Apple's as a number each."""
    found = set(_sysctl("machdep.cpu.leaf7_features").split())
    if _sysctl("hw.optional.arm.FEAT_DotProd").strip() == "1":
        found.add("FEAT_DotProd")
    return found


def _sysctl(name: str) -> str:
    try:
        done = subprocess.run(["/usr/sbin/sysctl", "-n", name], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout if done.returncode == 0 else ""


def told_by_windows() -> set[str]:
    """Of ARM alone: for x86, Windows has no word for VNNI."""
    if sys.platform != "win32" or platform.machine().lower() not in ("arm64", "aarch64"):
        return set()
    import ctypes

    return {"asimddp"} if ctypes.windll.kernel32.IsProcessorFeaturePresent(DOT_PRODUCT_ON_WINDOWS) else set()


def told_by_numpy() -> set[str]:
    """Those that NumPy found when it was imported: of VNNI the kind of AVX-512."""
    import numpy as np

    configuration = np.show_config(mode="dicts")
    found = (configuration or {}).get("SIMD Extensions", {})
    return {*found.get("found", ()), *found.get("baseline", ())}


class Settled(NamedTuple):
    """The precision, and the reason in words, as `model.json` keeps it."""

    precision: Precision
    reason: str


def settle_precision(wanted: Precision | Literal["auto"], backbone: str, device: str) -> Settled:
    """What was asked for; by "auto" the one that is faster here. Raises BackboneError for an unknown backbone."""
    if not source_of(backbone).has_int8:
        return Settled("float32", f"{backbone} has no 8-bit form")
    if wanted != "auto":
        return Settled(wanted, f"asked for: --precision {wanted}")
    if device != "cpu":
        return Settled("float32", f"it runs on {device}, not on the CPU")
    if instruction := eight_bit_instruction():
        return Settled(
            "int8", f"this processor multiplies 8-bit numbers natively ({instruction}). Else: --precision float32"
        )
    return Settled("float32", "no instruction for 8-bit numbers is known of this processor. Else: --precision int8")
