"""`whatsit compare`: how candidates are typed, what is printed, and what is refused."""

import json
import sys
from pathlib import Path

import click
import pytest
from cli.shell import Shell
from hypothesis import given
from hypothesis import strategies as st

from whatsit.cli.commands.compare import parsed
from whatsit.config import TrainOptions
from whatsit.evaluation.report.words import columns
from whatsit.training.compare.run import CANDIDATES, compare
from whatsit.training.compare.terminal import summary

pytestmark = pytest.mark.slow

COMMON = TrainOptions(seed=7, balance=True)


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    return Shell(capsys, monkeypatch)


def test_a_candidate_is_typed_as_for_train() -> None:
    options = parsed("finetune --backbone 'efficientnet lite' --epochs 5 --image-size 30x100 --no-averaging", COMMON)
    assert (options.method, options.backbone) == ("finetune", "efficientnet lite")
    assert (options.network.epochs, options.image_size, options.network.averaging) == (5, (30, 100), False)
    assert (options.seed, options.balance) == (7, True)
    assert parsed("scratch --max-time 10m", COMMON).network.max_seconds == 600


@pytest.mark.parametrize("name", CANDIDATES)
def test_the_default_candidates_mean_what_they_say(name: str) -> None:
    assert parsed(name, TrainOptions()) == CANDIDATES[name]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Invalid value for '--method'"),
        ("guess", "'guess' is not one of"),
        ("--head svm", "Invalid value for '--method': '--head'"),
        ("probe --head tree", "'tree' is not one of"),
        ("probe photos", "'photos' is no option. Expected METHOD [OPTION]..."),
        ("probe a b", "'a b' is no option"),
        ("probe --epochs 5", "--epochs has no effect on a probe"),
        ("scratch --head svm", "--head has no effect with --method scratch"),
        ("probe --seed 3", "--seed holds for all candidates: give it outside the quotes"),
        ("probe --balance", "--balance holds for all candidates"),
        ("probe -o there", "-o holds for all candidates"),
        ("scratch --resume", "--resume has no place in a comparison"),
        ("probe --thumbnails", "--thumbnails has no place in a comparison"),
        ("probe --embeddings v.parquet", "--embeddings has no place in a comparison"),
        ("probe 'open", "No closing quotation"),
        ("probe --help", "No such option"),
    ],
)
def test_what_a_candidate_cannot_be(text: str, words: str) -> None:
    with pytest.raises(click.UsageError) as refused:
        parsed(text, COMMON)
    message = refused.value.format_message()
    assert message.startswith(f"-c {text!r}: ")
    assert words in message
    assert "\n" not in message


@given(st.text(max_size=40))
def test_any_text_is_options_or_a_usage_error(text: str) -> None:
    try:
        options = parsed(text, COMMON)
    except click.UsageError:
        return
    assert options.seed == COMMON.seed


def quick(probe: TrainOptions, *more: str) -> str:
    return " ".join(["probe --resize-mode squash --backbone", f"'{probe.backbone}'", *more])


def test_what_is_printed(shell: Shell, fruit: Path, probe: TrainOptions, tmp_path: Path) -> None:
    out = tmp_path / "my comparison"
    first, second = quick(probe), quick(probe, "--head knn")
    done = shell("compare", fruit, "-c", first, "-c", second, "-o", out, "--seed", "3")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert [line for line in lines if columns(line) > 80 and str(tmp_path) not in line] == []
    assert lines[0].split(maxsplit=1)[1].startswith("valid photos ")
    assert lines[0].endswith("right (95 %)  log loss training     size  ms/image")
    pairs = lines[lines.index("Within noise (photos that one alone has right, p of McNemar's test):") :]
    words = " ".join(pairs[: pairs.index("")]).split()
    assert words.count("knn") == 1  # long names differ at their ends
    assert lines[-3:] == [
        f"page       {out / 'comparison.html'}",
        f"model      {out / 'model'}",
        f"next       whatsit predict '{out / 'model'}' PHOTO…",
    ]
    classes, took = done.err.splitlines()
    assert classes == "48 photos of 2 classes: apples 24, pears 24"
    assert took.startswith("Took ")


def test_json_is_the_file(shell: Shell, fruit: Path, probe: TrainOptions, tmp_path: Path) -> None:
    done = shell("compare", fruit, "-c", quick(probe), "-o", tmp_path / "out", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.out.count("\n") == 1
    assert json.loads(done.out) == json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    facts = json.loads((tmp_path / "out" / "model" / "model.json").read_text(encoding="utf-8"))
    assert facts["training"]["resize_mode"] == "squash"


def test_wrong_usage_is_told_in_a_line(shell: Shell, fruit: Path) -> None:
    for arguments, words in (
        (["-c", "probe", "-c", "probe"], "-c 'probe' is given twice"),
        (["-c", "probe --seed 3"], "--seed holds for all candidates"),
        (["--test", "1"], "Invalid value for '--test'"),
    ):
        done = shell("compare", fruit, *arguments)
        assert done.code == 2
        assert done.out == ""
        assert done.err.splitlines()[-1].startswith("Error: ")
        assert words in done.err
        assert "compare [OPTIONS] DATA" in done.err


def test_without_networks_probes_alone_are_compared(
    shell: Shell, fruit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whatsit.training.network.build.find_spec", lambda name: None)
    done = shell("compare", fruit, "-o", tmp_path / "out", "--json")
    assert done.code == 0
    assert done.err == "Probes alone are compared; for networks: pip install 'whatsit[networks]'\n"
    names = [one["name"] for one in json.loads(done.out)["candidates"]]
    assert names == ["probe", "probe --image-size 300", "probe --head svm", "probe --head knn"]
    asked = shell("compare", fruit, "-c", "scratch", "-o", tmp_path / "other")
    assert (asked.code, asked.out) == (1, "")
    assert asked.err == "Error: torch is not installed. Install it: pip install 'whatsit[networks]'\n"


def test_probes_need_no_torch(
    fruit: Path, probe: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] in ("torch", "lightning", "timm")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("torch", "lightning", "timm"):
        monkeypatch.setitem(sys.modules, name, None)
    done = compare(fruit, {"probe": probe}, tmp_path / "out")
    assert summary(done)
