"""The size of a network's input, as it is typed: `150`, or `30x100` for height × width."""

import re

import click

from whatsit.cli.shared import ParamType

LEAST, MOST = 8, 2048  # pixels a side: below, nothing can be told apart; above, no network here has the memory


class ImageSize(ParamType[tuple[int, int]]):
    """Gives (height, width) in pixels."""

    name = "size"

    def convert(
        self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Takes a pair as it is, such as a default."""
        if isinstance(value, tuple):
            return value
        typed = re.fullmatch(r"([0-9]{1,5})(?:[x×]([0-9]{1,5}))?", value.strip().lower())
        height, width = (int(typed[1]), int(typed[2] or typed[1])) if typed else (0, 0)
        if not (LEAST <= height <= MOST and LEAST <= width <= MOST):
            self.fail(
                f"{value!r} is no image size. Expected pixels from {LEAST} to {MOST}, as 150 or 30x100 "
                "(height × width)",
                param,
                ctx,
            )
        return height, width


IMAGE_SIZE = ImageSize()
