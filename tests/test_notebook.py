"""The notebook runs from top to bottom in a kernel of its own, and shows what its page says that it shows."""

import re
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from patience import PATIENCE
from test_docs import DOCS, ROOT, Block, blocks, check_shown, commands

pytestmark = pytest.mark.slow

PAGE = DOCS / "networks.md"
RUN = ("console", "python")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


SMALLER = {
    "image_size=(96, 96)": "image_size=(32, 32)",
    'method="finetune", test=0.25': 'method="finetune", test=0.25, image_size=(32, 32)',
    "--image-size 64 --epochs 6": "--image-size 24 --epochs 2",
    "probe --image-size 300": "probe --image-size 64",
}
"""At the sizes of the page its networks learn for minutes. At these they do so in seconds, by the same code."""


def notebook() -> NotebookNode:
    book: NotebookNode = nbformat.read(PAGE.with_suffix(".ipynb"), as_version=4)  # type: ignore[no-untyped-call]
    return book


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    """All cells with what they gave. Raises CellExecutionError at the first that fails."""
    book = notebook()
    for large, small in SMALLER.items():
        of_it = [cell for cell in book.cells if cell.cell_type == "code" and large in cell.source]
        assert of_it, f"no cell has {large}"
        for cell in of_it:
            cell.source = cell.source.replace(large, small)
    folder = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
        patch.setenv("COLUMNS", "80")
        NotebookClient(book, timeout=int(PATIENCE), resources={"metadata": {"path": str(folder)}}).execute()
    return book


def printed(cell: NotebookNode) -> str:
    """As a reader sees it: a progress bar that went leaves nothing."""
    text = "".join(output.text for output in cell.outputs if output.output_type == "stream")
    lines = [ESCAPE.sub("", line).rpartition("\r")[2] for line in text.replace("\r\n", "\n").split("\n")]
    return "\n".join(line for line in lines if line.strip())


def shown_below(page: list[Block]) -> list[tuple[Block, str]]:
    """Every block that is run, and what the page shows below it."""
    found = []
    for block, after in zip(page, [*page[1:], None], strict=True):
        if block.kind == "console":
            found.append((block, "\n".join(shown for _, shown in commands(block))))
        elif block.kind == "python":
            found.append((block, after.text if after and after.kind == "text" and after.follows else ""))
    return found


def test_it_shows_what_the_page_says(run: NotebookNode) -> None:
    cells = [cell for cell in run.cells if cell.cell_type == "code"]
    for cell, (block, shown) in zip(cells, shown_below(blocks(PAGE)), strict=True):
        check_shown(shown, printed(cell), f"{PAGE.relative_to(ROOT)}:{block.line}")


def test_it_shows_pictures(run: NotebookNode) -> None:
    outputs = [output for cell in run.cells for output in cell.get("outputs", ())]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2


def test_it_is_kept_without_what_it_printed() -> None:
    """So that no photo goes with it whose licence is not ours to give, and no version differs by chance."""
    assert not any(cell.get("outputs") for cell in notebook().cells)
