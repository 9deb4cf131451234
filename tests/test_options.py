"""An option is described once: added to `config.py`, it is wherever options are."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from whatsit import TrainOptions, WhatsitError
from whatsit.cli import COMMANDS, whatsit
from whatsit.config import NetworkOptions, PreviewOptions, ReadOptions, ServeOptions, TuneOptions
from whatsit.images.limits import Limits
from whatsit.option import METHODS, default_in_words, options_of

ROOT = Path(__file__).parents[1]
ADDED = """
    drop_path: float | None = setting(
        None,
        Real(0, 1),
        "Share of residual branches that training leaves out.",
        by_method={"scratch": 0.0, "finetune": 0.1},
        search={"finetune": Among((0, 1))},
        **NETWORK,
    )
"""
BEFORE = "    def __post_init__"  # of NetworkOptions, the first class

LOOK = """
import json, sys
sys.path.insert(0, sys.argv[1])
import click
from click.testing import CliRunner
from whatsit import TrainOptions, WhatsitError
from whatsit.cli import whatsit
from whatsit.cli.commands.compare import parsed
from whatsit.cli.commands.train import command as train
from whatsit.cli.options import take_training
from whatsit.config import NetworkOptions, weight_changing
from whatsit.training.tensorboard.events import COLUMNS
from whatsit.training.tune.space import searchable
from whatsit.training.tune.summary import train_command
import generate

def error(call, *kinds):
    try:
        call()
    except kinds as error:
        return str(error)

helps = {name: CliRunner().invoke(whatsit, [name, "--help"]).output for name in ("train", "tune")}
words = ["photos", "--method", "finetune", "--drop-path", "0.2"]
with train.make_context("train", list(words)) as context:
    typed = take_training(dict(context.params))
print(json.dumps({
    "help of": [name for name, text in helps.items() if "--drop-path" in text and "finetune 0.1" in text],
    "typed": typed.network.drop_path,
    "candidate": parsed("finetune --drop-path 0.2", TrainOptions()).network.drop_path,
    "probe": error(lambda: parsed("probe --drop-path 0.2", TrainOptions()), click.UsageError),
    "checked": error(lambda: NetworkOptions(drop_path=2), WhatsitError),
    "resumed with": weight_changing(typed)["drop_path"],
    "column": COLUMNS["drop_path"].__name__,
    "searched": [method for method in ("scratch", "finetune") if "drop_path" in searchable(method)],
    "command": train_command("photos", typed),
    "reference": ["--drop-path" in generate.cli(), "drop_path" in generate.python()],
}))
"""


def test_an_option_is_added_by_one_edit(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    config = tmp_path / "src" / "whatsit" / "config.py"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace(BEFORE, f"{ADDED}\n{BEFORE}", 1), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src")}
    command = [sys.executable, "-c", LOOK, str(ROOT / "docs")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "help of": ["train", "tune"],
        "typed": 0.2,
        "candidate": 0.2,
        "probe": "-c 'probe --drop-path 0.2': --drop-path has no effect on a probe. Add --method scratch or finetune",
        "checked": "drop_path=2: expected a number from 0 to 1.",
        "resumed with": 0.2,
        "column": "float",
        "searched": ["finetune"],
        "command": "whatsit train photos --method finetune --drop-path 0.2",
        "reference": [True, True],
    }


ALL = (TrainOptions, NetworkOptions, ReadOptions, TuneOptions, PreviewOptions, ServeOptions, Limits)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_description_is_whole(kind: type) -> None:
    for name, option in options_of(kind).items():
        default = getattr(kind(), name)
        assert option.help.endswith((".", ".999.", "none.")), name
        assert option.help[0].isupper() or ":" in option.help, name
        assert default_in_words(option, default), name
        assert default is None or option.kind.takes(default), name
        assert set(option.by_method) | set(option.search) <= set(option.methods) <= set(METHODS), name
        assert not (option.by_method and default is not None), name


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"head": "mlpp"}, "head='mlpp': expected one of logistic, mlp, svm, knn. Did you mean 'mlp'?"),
        ({"valid": 1.0}, "valid=1.0: expected a number from 0 to 1, without 1."),
        ({"target_precision": float("nan")}, "target_precision=nan: expected a number from 0 to 1."),
        ({"seed": -1}, "seed=-1: expected a whole number from 0 to 4294967295."),
        ({"image_size": 224}, "image_size=224: expected (height, width) in pixels, each from 8 to 2048."),
        ({"value_range": (5, 1)}, "value_range=(5, 1): expected (black, white), black below white."),
        ({"balance": None}, "balance=None: expected True or False."),
    ],
)
def test_a_value_from_python_is_checked(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(WhatsitError) as refused:
        TrainOptions(**wrong)  # type: ignore[arg-type]
    assert str(refused.value) == message


def test_a_search_has_no_option_of_a_probe_alone() -> None:
    described = {**options_of(TrainOptions), **options_of(NetworkOptions)}
    assert [name for name, one in described.items() if "tune" in one.commands and one.methods == ("probe",)] == []


TYPED = {
    ("--learning-rate", "abc"): "'abc' is no learning rate. Expected a number above 0, as 0.001, or find",
    ("--value-range", "a:b"): "'a:b' is no range of values. Expected LOW:HIGH, black first, as 0:4095",
    ("--max-time", "0"): "'0' is no time. Expected seconds, minutes or hours, as 90s, 10m or 1.5h",
    ("--layers", "none"): "'none' is no list of widths. Expected numbers with commas, as 32,64,64",
    ("--split-folders", "a=b"): "'a=b' names no split and its folder. Expected train=FOLDER,valid=FOLDER,test=FOLDER",
    ("--valid", "nan"): "nan is not in the range 0<=x<1.",
}


@pytest.mark.parametrize("typed", TYPED, ids=" ".join)
def test_a_value_that_is_typed_wrongly_is_told_in_a_line(typed: tuple[str, str]) -> None:
    done = CliRunner().invoke(whatsit, ["train", "photos", "--method", "scratch", *typed])
    assert done.exit_code == 2
    assert done.output.splitlines()[-1].endswith(TYPED[typed])


@pytest.mark.parametrize("name", ["train", "compare", "tune", "predict", "evaluate", "embed", "preview", "serve"])
def test_help_names_every_default(name: str) -> None:
    command = COMMANDS.get(name)
    context = click.Context(command)
    for param in command.params:
        record = param.get_help_record(context) if isinstance(param, click.Option) else None
        on_off = isinstance(param, click.Option) and param.is_flag and not param.secondary_opts
        assert record is None or on_off or param.required or "[default: " in record[1], param.name
