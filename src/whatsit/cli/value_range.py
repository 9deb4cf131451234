"""The range of values of deep photos, as it is typed: `0:4095` for black and white."""

import click

from whatsit.cli.shared import ParamType
from whatsit.images.preprocessing import is_value_range


class ValueRange(ParamType[tuple[float, float]]):
    """Gives (black, white)."""

    name = "range"

    def convert(
        self, value: str | tuple[float, float], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        """Takes a pair as it is, such as a default."""
        if isinstance(value, tuple):
            return value
        low, _, high = value.partition(":")
        try:
            pair = float(low), float(high)
        except ValueError:
            pair = 0.0, 0.0
        if not is_value_range(pair):
            self.fail(f"{value!r} is no range of values. Expected LOW:HIGH, black first, as 0:4095", param, ctx)
        return pair


value_range_option = click.option(
    "--value-range",
    type=ValueRange(),
    metavar="LOW:HIGH",
    help="Black and white in deep photos (more than 8 bits), as 0:4095 (default: as measured).",
)
