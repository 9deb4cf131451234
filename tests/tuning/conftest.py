"""Photos to search on, and a search that was run once."""

from dataclasses import replace
from pathlib import Path

import pytest
from drawn import draw_folder

from tuning.made import TRIALS, fixed, tiny
from whatsit.training.tune.run import Tuned, tune


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """36 drawn photos."""
    folder: Path = tmp_path_factory.mktemp("tuning")
    return draw_folder(folder / "photos", 12)


@pytest.fixture(scope="session")
def tuned(small: Path) -> Tuned:
    return tune(small, small.parent / "tuned", replace(tiny(TRIALS), train=fixed()))
