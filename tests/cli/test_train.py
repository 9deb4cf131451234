"""`whatsit train`, `evaluate` and `embed`: what they print, what they leave, and how they end."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from drawn import draw_folder
from patience import PATIENCE
from steps.made import make_folder, save

from whatsit.evaluation.report.words import columns

from .shell import Shell, check_mistake, process

pytestmark = pytest.mark.slow


def quick(own: str) -> list[str]:
    return ["--backbone", own, "--resize-mode", "squash"]


def check_summary(text: str, commands: int) -> list[str]:
    """At most 25 lines; all but the place of the report and the commands at most 80 columns wide."""
    lines = text.splitlines()
    assert len(lines) <= 25
    assert "\x1b" not in text
    assert [line for line in lines[: -commands - 1] if columns(line) > 80] == []
    return lines


def test_the_summary_ends_with_the_next_commands(shell: Shell, fruit: Path, own: str, tmp_path: Path) -> None:
    model = tmp_path / "my model"
    done = shell("train", fruit, "-o", model, *quick(own))
    lines = check_summary(done.out, commands=2)
    assert done.code == 0
    assert lines[0].startswith("Cross-validated on 24 photos")
    assert lines[-3].split(maxsplit=1) == ["report", str(model / "report.html")]
    assert lines[-2].split(maxsplit=1) == ["next", f"whatsit predict '{model}' PHOTO…"]
    assert lines[-1].strip() == f"whatsit evaluate '{model}' OTHER_PHOTOS"
    said = done.err.splitlines()
    assert said[0] == "24 photos of 2 classes: apples 12, pears 12"
    assert said[1].startswith("Took ")
    assert len(said) == 2


def test_a_full_summary_still_fits(shell: Shell, own: str, tmp_path: Path) -> None:
    """Bad files, conflicts, copies, unbalanced and oddly named classes: all have a line, or give way."""
    counts = {"Äpfel und viele andere rote Früchte": 40, "🍐" * 30: 6, "c" * 200: 6, "two\nlines": 6}
    photos = make_folder(tmp_path / "photos", counts)
    first = photos / "Äpfel und viele andere rote Früchte"
    shutil.copy(first / "000.jpg", photos / ("c" * 200))
    shutil.copy(first / "001.jpg", first / "copy.jpg")
    save(first / "again.jpg", 0, 2, quality=60)
    (first / "bad\x1b.jpg").write_bytes(b"")
    done = shell("train", photos, "-o", tmp_path / "model", *quick(own))
    lines = check_summary(done.out, commands=2)
    assert done.code == 0
    for label in ("left out", "unbalanced"):
        assert any(line.startswith(label) for line in lines), label


def test_the_classes_are_printed_before_it_begins(shell: Shell, own: str, tmp_path: Path) -> None:
    """Also where it then fails; with --json what is to be looked at alone."""
    counts = {f"kind {n:02}": 1 for n in range(30)}
    many = make_folder(tmp_path / "many", counts)
    done = shell("train", many, "-o", tmp_path / "model", *quick(own))
    *said, error = done.err.splitlines()
    assert (done.code, done.out, error[:7]) == (1, "", "Error: ")
    assert said[0].startswith("30 photos of 30 classes, largest: kind 00 1, ")
    assert max(map(columns, said)) <= 80
    make_folder(tmp_path / "cased", {"Cat": 6, "cat": 6})
    done = shell("train", tmp_path / "cased", "-o", tmp_path / "cased-model", *quick(own), "--json")
    assert done.code == 0
    assert done.err.startswith("Note: classes 'Cat' and 'cat' differ in spelling alone")
    assert done.err.count("\n") == 1
    report = (tmp_path / "cased-model" / "report.html").read_text(encoding="utf-8")
    assert "differ in spelling alone" in report


def test_folders_are_read_as_told(shell: Shell, own: str, tmp_path: Path) -> None:
    for fold in range(3):
        make_folder(tmp_path / "photos" / f"fold_{fold}", {"apples": 6, "pears": 6}, first_seed=10 * fold)
    at = [str(tmp_path / "photos"), "-o", str(tmp_path / "model"), *quick(own)]
    check_mistake(
        shell("train", *at), "'fold_0', 'fold_1' and 'fold_2' hold folders of the same names", "--top-folders"
    )
    done = shell("train", *at, "--split-folders", "train=fold_0,train=fold_1,test=fold_2")
    assert done.code == 0
    assert done.err.startswith("36 photos of 2 classes (train 24, test 12): apples 18, pears 18\n")
    report = (tmp_path / "model" / "report.html").read_text(encoding="utf-8")
    assert "your own test split" in report
    for wrong in ("fold_0", "sometimes=fold_0", "train=", "train=fold_0,test=fold_0"):
        assert shell("train", *at, "--split-folders", wrong).code == 2
    done = shell("evaluate", tmp_path / "model", tmp_path / "photos", "-o", tmp_path / "checked", "--json")
    assert done.code == 0
    assert done.err.startswith("Note: 'fold_0', 'fold_1' and 'fold_2' read as folders of classes")
    done = shell("embed", tmp_path / "photos", "-o", tmp_path / "v.parquet", *quick(own), "--top-folders", "parts")
    assert (done.code, done.err) == (0, "")


def test_json_is_one_line(shell: Shell, fruit: Path, own: str, tmp_path: Path) -> None:
    done = shell("train", fruit, "-o", tmp_path / "model", *quick(own), "--json")
    assert (done.code, done.err) == (0, "")
    assert done.out.count("\n") == 1
    figures = json.loads(done.out)
    assert figures["model"] == str(tmp_path / "model")
    assert figures["n"] == 24
    assert figures["classes"] == ["apples", "pears"]
    assert 0 <= figures["accuracy"]["low"] <= figures["accuracy"]["value"] <= figures["accuracy"]["high"] <= 1


def test_options_reach_the_model(shell: Shell, fruit: Path, own: str, tmp_path: Path) -> None:
    order = tmp_path / "dict.txt"
    order.write_text("pears\napples\n", encoding="utf-8")
    given = ["--head", "knn", "--seed", "7", "--target-precision", "0.9", "--balance", "--thumbnails"]
    done = shell("train", fruit, "-o", tmp_path / "model", *quick(own), *given, "--labels", order)
    facts = json.loads((tmp_path / "model" / "model.json").read_text(encoding="utf-8"))
    assert done.code == 0
    assert facts["labels"] == ["pears", "apples"]
    assert facts["head"]["name"] == "knn"
    assert (
        facts["training"] | {"seed": 7, "target_precision": 0.9, "balance": True, "thumbnails": True}
        == facts["training"]
    )
    assert (tmp_path / "model" / "thumbnails.json").exists()


def test_mistakes_are_one_line(shell: Shell, fruit: Path, fruit_model: Path, own: str, tmp_path: Path) -> None:
    (tmp_path / "no photos").mkdir()
    make_folder(tmp_path / "one", {"apples": 3})
    make_folder(tmp_path / "few", {"apples": 3, "pears": 1})
    make_folder(tmp_path / "strange", {"kiwis": 3, "figs": 3})
    (tmp_path / "columns.csv").write_text("picture name,colour,x\na.jpg,b,c\n", encoding="utf-8")
    (tmp_path / "file").write_text("", encoding="utf-8")
    at = ["-o", str(tmp_path / "model"), *quick(own)]
    check_mistake(shell("train", tmp_path / "nothing", *at), "nothing: no such folder or manifest")
    check_mistake(shell("train", tmp_path / "no photos", *at), "no images found")
    check_mistake(shell("train", tmp_path / "one", *at), "only one class")
    check_mistake(shell("train", tmp_path / "few", *at), "'pears' has 1 distinct photo", "at least 2")
    check_mistake(shell("train", tmp_path / "columns.csv", *at), "no column 'uri' and 'label'")
    check_mistake(shell("train", fruit, "-o", fruit_model, *quick(own)), "exists", "--force")
    check_mistake(shell("train", fruit, "-o", fruit, "--force", *quick(own)), "no model.json", "not replaced")
    check_mistake(shell("train", fruit, "-o", tmp_path / "file" / "model", *quick(own)), "cannot write")
    check_mistake(shell("train", fruit, "-o", tmp_path / "model", "--backbone", "resnet"), "no backbone 'resnet'")
    check_mistake(shell("train", "two\nlines"), "two\\nlines: no such folder")
    check_mistake(shell("train", "--embeddings", tmp_path / "none.parquet"), "none.parquet")
    check_mistake(shell("evaluate", tmp_path, fruit), "not a model folder")
    check_mistake(shell("evaluate", fruit_model, tmp_path / "strange"), "no class of the model")
    check_mistake(shell("embed", fruit, "-o", tmp_path / "file", *quick(own)), "file exists")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["train"],
        ["train", "photos", "--embeddings", "v.parquet"],
        ["train", "--embeddings", "v.parquet", "--test-data", "x"],
        ["train", "--embeddings", "v.parquet", "--resize-mode", "crop"],
        ["train", "photos", "--test", "1"],
        ["train", "photos", "--valid", "-0.1"],
        ["train", "photos", "--target-precision", "95"],
        ["train", "photos", "--head", "tree"],
        ["evaluate", "model"],
        ["embed", "photos"],
        ["tarin", "photos"],
        ["completion", "tcsh"],
    ],
    ids=" ".join,
)
def test_wrong_usage(arguments: list[str], shell: Shell) -> None:
    done = shell(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert "Error: " in done.err
    assert "Traceback" not in done.err


def test_evaluate(shell: Shell, fruit_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_folder(tmp_path / "later", {"apples": 4, "pears": 3}, first_seed=600)
    done = shell("evaluate", fruit_model, "later")
    lines = check_summary(done.out, commands=1)
    assert (done.code, done.err) == (0, "")
    assert lines[0].startswith("On 7 photos that it never saw")
    assert lines[-1].split(maxsplit=1) == ["next", f"whatsit predict '{fruit_model}' PHOTO…"]
    again = shell("evaluate", fruit_model, "later", "--force", "--json")
    figures = json.loads(again.out)
    assert again.out.count("\n") == 1
    assert figures["n"] == 7
    assert Path(figures["report"]).exists()
    assert figures["report"] == "fruit-on-later/report.html"
    taken = shell("evaluate", fruit_model, "later")
    assert (taken.code, taken.err.count("\n")) == (1, 1)
    assert "fruit-on-later exists. Name another with --output 'fruit model-on-later', or" in taken.err


def test_embed_then_train(shell: Shell, fruit: Path, own: str, tmp_path: Path) -> None:
    photos = shutil.copytree(fruit, tmp_path / "photos")
    (photos / "pears" / "bad.jpg").write_bytes(b"")
    done = shell("embed", photos, "-o", tmp_path / "v.parquet", *quick(own), "--cache", tmp_path / "cache")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{tmp_path / 'v.parquet'}: 25 rows, 1 of them unreadable; 24 embedded anew\n"
    trained = shell("train", "--embeddings", tmp_path / "v.parquet", "-o", tmp_path / "model", "--backbone", own)
    assert trained.code == 0
    assert trained.out.startswith("Cross-validated on 24 photos")


def rows(cache: Path) -> int:
    """How many vectors a cache holds; 0 while there is none."""
    total = 0
    for path in cache.glob("*-*.sqlite"):
        with closing(sqlite3.connect(path, timeout=30)) as database:
            if database.execute("SELECT name FROM sqlite_master WHERE name = 'vectors'").fetchone():
                total += database.execute("SELECT count(*) FROM vectors").fetchone()[0]
    return total


def heed_interrupts() -> None:
    """A shell starts its background jobs deaf to Ctrl-C, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupted_training_goes_on_where_it_was(tmp_path: Path) -> None:
    photos, cache, model = draw_folder(tmp_path / "photos", per_class=40), tmp_path / "cache", tmp_path / "model"
    arguments = [
        "train",
        str(photos),
        "-o",
        str(model),
        "--cache",
        str(cache),
        "--resize-mode",
        "squash",
        "--precision",
        "float32",
    ]
    command = [sys.executable, "-m", "whatsit", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heed_interrupts
    ) as running:
        while running.poll() is None and not rows(cache):
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == 130, err
    assert out == b""
    *_, last = err.decode().splitlines()
    assert last == "Interrupted. What was embedded is kept: run the same command again to go on."
    kept = rows(cache)
    assert 0 < kept <= 120
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "photos"]
    done = process(*arguments)
    assert done.code == 0, done.err
    assert done.out.startswith("Cross-validated on 120 photos")
    assert rows(cache) == 120
    assert (model / "model.json").exists()


def test_output_in_a_pipe_is_plain(fruit: Path, own: str, tmp_path: Path) -> None:
    done = process("train", fruit, "-o", "model", *quick(own), folder=tmp_path, env={"FORCE_COLOR": "1"})
    assert done.code == 0
    assert "\x1b" not in done.out + done.err
    assert "\r" not in done.out + done.err
    assert done.err.count("\n") == 2  # the classes, and how long it took
    assert os.listdir(tmp_path) == ["model"]  # noqa: PTH208 (names alone)


def test_json_holds_what_was_done(shell: Shell, fruit: Path, own: str, tmp_path: Path) -> None:
    photos = shutil.copytree(fruit, tmp_path / "photos")
    (photos / "apples" / "bad.jpg").write_bytes(b"")
    shutil.copy(photos / "apples" / "000.jpg", photos / "apples" / "copy.jpg")
    done = shell("train", photos, "-o", tmp_path / "model", "--backbone", own, "--resize-mode", "squash", "--json")
    figures = json.loads(done.out)
    facts = json.loads((tmp_path / "model" / "model.json").read_text(encoding="utf-8"))
    told = {"protocol": facts["data"]["protocol"], "counts": facts["data"]["counts"], "train_share": 1.0}
    assert figures["splits"] == told
    (out,) = figures["left_out"]
    assert out["path"].endswith("bad.jpg")
    assert out["reason"].startswith("empty file")
    assert figures["related"] == {"groups": 0, "independent": 24, "exact_duplicates": 1, "near_duplicate_groups": 0}
    assert figures["thresholds"]["probability"] == facts["unsure"]["threshold"]
    assert figures["thresholds"]["similarity"] == facts["unsure"]["similarity"]
    assert figures["thresholds"]["reached"] == facts["unsure"]["reached"]
    for suspect in figures["suspects"]:
        assert set(suspect) == {"path", "label", "likely", "probability_of_label"}
        assert suspect["label"] != suspect["likely"]


def test_photos_that_could_not_be_used_are_not_asked_for(shell: Shell, fruit: Path, own: str, tmp_path: Path) -> None:
    photos = shutil.copytree(fruit, tmp_path / "photos")
    for path in sorted((photos / "pears").iterdir())[1:]:
        path.write_bytes(b"")
    for method in ("probe", "scratch"):
        done = shell("train", photos, "-o", tmp_path / "model", "--backbone", own, "--method", method)
        if method == "scratch":
            done = shell("train", photos, "-o", tmp_path / "model", "--method", method)
        check_mistake(done, "'pears'", "Of 12 photos of 'pears', 11 could not be used (the first, ", "empty file")
        assert "Add photos" not in done.err


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["trian", "photos"], "train"),
        (["pedict", "photos"], "predict"),
        (["train", ".", "--head", "logstic"], "logistic"),
        (["train", ".", "--method", "fintune"], "finetune"),
        (["predict", ".", "-o", "answers.jsnl"], ".jsonl"),
        (["describe", "cnn-cats-dog"], "cnn-cats-dogs"),
        (["train", "PHOTOS", "--backbone", "efficientnet-lite"], "efficientnet-lite0"),
        (["train", "PHOTOS", "--method", "scratch", "--architecture", "cnn-cats-dog"], "cnn-cats-dogs"),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(
    shell: Shell, fruit: Path, tmp_path: Path, arguments: list[str], meant: str
) -> None:
    done = shell(*(str(fruit) if one == "PHOTOS" else one for one in arguments))
    assert done.code in (1, 2)
    assert f"Did you mean '{meant}'?" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("given", ["nan", "inf", "-nan"])
@pytest.mark.parametrize("option", ["--target-precision", "--test", "--max-missing", "--weight-decay"])
def test_what_is_no_number_is_wrong_usage(shell: Shell, tmp_path: Path, option: str, given: str) -> None:
    done = shell("train", tmp_path, f"{option}={given}")
    assert (done.code, done.out) == (2, "")
    assert "is not in the range 0<=x" in done.err.splitlines()[-1]
