"""A search as text of 80 columns: its trials, what that means, and how to train with the best options."""

import textwrap
from collections.abc import Iterator

from whatsit.evaluation.report.words import NBSP, columns, nats, percent, printable, shorten
from whatsit.text import shell_quoted
from whatsit.training.compare.result import duration
from whatsit.training.tune.page import said, shown_loss
from whatsit.training.tune.run import Tuned
from whatsit.training.tune.summary import Summary

WIDTH = 80
LABEL = 11
TRIALS = 20  # listed; of more the best, the page has all
HEADS = {  # of the columns of options, short enough for six of them
    "learning_rate": "rate",
    "batch_size": "batch",
    "image_size": "image",
    "augment": "augment",
    "unfreeze": "unfreeze",
    "weight_decay": "decay",
}
GIVEN_UP = "given up"


def summary(tuned: Tuned) -> str:
    """All that there is to say. No colour codes; commands and places are never cut."""
    s = tuned.summary
    wrapped = [line for sentence in s.words for line in textwrap.wrap(printable(sentence), WIDTH)]
    headline = f"On test photos, taught again on train and valid: {printable(tuned.headline)}"
    places = [
        f"{'page':<{LABEL}}{printable(str(tuned.page))}",
        f"{'model':<{LABEL}}{printable(str(tuned.model))}",
        f"{'again':<{LABEL}}{printable(s.command)}",
        f"{'next':<{LABEL}}{printable(f'whatsit predict {shell_quoted(tuned.model)} PHOTO…')}",
    ]
    parts = [[*_table(s)], wrapped, textwrap.wrap(headline, WIDTH), places]
    return "\n\n".join("\n".join(part) for part in parts).replace(NBSP, " ")


def _table(s: Summary) -> Iterator[str]:
    heads = ["trial", "log loss", "right", *(HEADS.get(name, name) for name in s.ranges), "time"]
    shown = sorted(s.rows, key=lambda row: (row.pruned, row.loss or 0.0))[:TRIALS]
    rows = [_cells(s, s.rows.index(row)) for row in shown]
    widths = [max(columns(cell) for cell in column) for column in zip(heads, *rows, strict=True)]
    for cells in (heads, *rows):
        line = " ".join(" " * (width - columns(cell)) + cell for width, cell in zip(widths, cells, strict=True))
        yield shorten(line, WIDTH)
    if len(s.rows) > TRIALS:
        yield f"… and {len(s.rows) - TRIALS} more, on the page"


def _cells(s: Summary, place: int) -> list[str]:
    row = s.rows[place]
    accuracy, loss = row.figure("accuracy"), shown_loss(row)
    mark = "*" if row == s.best else ""
    return [
        f"{mark}{place + 1}",
        GIVEN_UP if row.pruned or loss is None else nats(loss),
        "" if accuracy is None else percent(accuracy).replace(NBSP, " "),
        *(said(name, row.values[name]) for name in s.ranges),
        duration(row.figure("seconds") or 0.0),
    ]
