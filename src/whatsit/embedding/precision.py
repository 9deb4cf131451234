"""Which precision a backbone runs in, and why: as asked for, or by what the processor has, never by a stopwatch.

8 bits pay where the processor multiplies them natively: 2.3 to 2.5 times as fast for the networks of the table with
AVX-512 VNNI (docs/log.md). Elsewhere they may cost. A stopwatch beside other work was wrong 4 times in 25, and then the
same photos and seed gave another model. So it is decided by instruction sets: the same on one machine at any time.
"""

from typing import Literal, NamedTuple

from whatsit.embedding.instructions import eight_bit_instruction
from whatsit.embedding.pretrained.names import is_custom, is_timm
from whatsit.options import Precision


class Settled(NamedTuple):
    """The precision, and the reason in words, as `model.json` keeps it."""

    precision: Precision
    reason: str


def settle_precision(wanted: Precision | Literal["auto"], backbone: str, device: str) -> Settled:
    """What was asked for; by "auto" the one that is faster here. Networks of timm and one's own have no 8-bit form."""
    if is_custom(backbone) or is_timm(backbone):
        return Settled("float32", f"{backbone} has no 8-bit form")
    if wanted != "auto":
        return Settled(wanted, f"asked for: --bits {wanted}")
    if device != "cpu":
        return Settled("float32", f"it runs on {device}, not on the CPU")
    if instruction := eight_bit_instruction():
        return Settled(
            "int8", f"this processor multiplies 8-bit numbers natively ({instruction}). Else: --bits float32"
        )
    return Settled("float32", "no instruction for 8-bit numbers is known of this processor. Else: --bits int8")
