"""`whatsit predict`: an answer or a named error for every photo asked for, in that order."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from patience import PATIENCE
from PIL import Image

from whatsit.model.load import load

from .shell import Shell, check_mistake, process


def test_one_photo(shell: Shell, fruit: Path, fruit_model: Path) -> None:
    photo = fruit / "apples" / "000.jpg"
    done = shell("predict", fruit_model, photo)
    answer = load(fruit_model).predict(str(photo))
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{photo}  {answer.probability:6.1%}  {answer.label}")
    assert done.out.count("\n") == 1


def test_a_folder_with_a_bad_image(shell: Shell, new: Path, fruit_model: Path) -> None:
    done = shell("predict", fruit_model, new)
    lines = done.out.splitlines()
    assert done.code == 1
    assert done.err.endswith(" 1 unreadable\n")
    assert [line.split("new/")[1].split()[0] for line in lines] == ["bad.jpg:", "a/300.jpg", "z/300.jpg"]
    assert "bad.jpg: error: empty file" in lines[0]


def test_json_has_a_line_a_photo_in_the_order_asked(shell: Shell, new: Path, fruit_model: Path) -> None:
    asked = [str(new / name) for name in ("z/300.jpg", "missing.jpg", "bad.jpg", "a/300.jpg", "z/300.jpg")]
    done = shell("predict", fruit_model, *asked, "--json")
    answers = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 1
    assert done.err.endswith(" 2 unreadable\n")
    assert [answer["path"] for answer in answers] == asked
    for good in (answers[0], answers[3], answers[4]):
        assert list(good) == ["path", "label", "probability", "unsure", "reason", "top"]
        assert isinstance(good["unsure"], bool)
        assert [list(one) for one in good["top"]] == [["label", "probability"]] * 2
        assert good["top"][0] == {"label": good["label"], "probability": good["probability"]}
    assert [list(bad) for bad in answers[1:3]] == [["path", "error", "unsure", "reason"]] * 2
    assert answers[1]["error"] == "no such file"
    assert answers[0] == answers[4]


def test_csv_parses(shell: Shell, new: Path, fruit_model: Path) -> None:
    comma = new / 'a, "b".jpg'
    shutil.copy(new / "a" / "300.jpg", comma)
    done = shell("predict", fruit_model, comma, new / "bad.jpg", "--csv")
    good, bad = csv.DictReader(io.StringIO(done.out))
    assert done.code == 1
    assert list(good) == ["path", "predicted", "probability", "unsure", "reason", "error"]
    assert good["path"] == str(comma)
    assert good["predicted"] in ("apples", "pears")
    assert 0.5 <= float(good["probability"]) <= 1
    assert good["unsure"] in ("True", "False")
    assert good["error"] == ""
    assert bad["path"] == str(new / "bad.jpg")
    assert bad["error"].startswith("empty file")
    assert (bad["predicted"], bad["probability"], bad["unsure"]) == ("", "", "False")


def test_top(shell: Shell, fruit: Path, fruit_model: Path) -> None:
    photo = fruit / "apples" / "000.jpg"
    shown = shell("predict", fruit_model, photo, "--top", "2").out.splitlines()
    assert len(shown) == 2
    assert {line.split()[-1] for line in shown} | {"unsure"} >= {"apples", "pears"}
    assert len(json.loads(shell("predict", fruit_model, photo, "--top", "1", "--json").out)["top"]) == 1
    (row,) = csv.DictReader(io.StringIO(shell("predict", fruit_model, photo, "--top", "2", "--csv").out))
    assert {row["predicted"], row["predicted_2"]} == {"apples", "pears"}
    assert float(row["probability"]) + float(row["probability_2"]) == pytest.approx(1, abs=1e-5)


def test_globs(shell: Shell, new: Path, fruit_model: Path) -> None:
    done = shell("predict", fruit_model, f"{new}/*/300.*", "--json")
    assert [json.loads(line)["path"] for line in done.out.splitlines()] == [
        str(new / "a" / "300.jpg"),
        str(new / "z" / "300.jpg"),
    ]
    nothing = shell("predict", fruit_model, f"{new}/*.tif")
    assert nothing.code == 1
    assert nothing.out == f"{new}/*.tif: error: no such file\n"


def test_a_name_with_brackets_is_no_pattern(shell: Shell, new: Path, fruit_model: Path) -> None:
    shutil.copy(new / "a" / "300.jpg", new / "photo [1].jpg")
    done = shell("predict", fruit_model, new / "photo [1].jpg", "--json")
    assert json.loads(done.out)["path"] == str(new / "photo [1].jpg")


def test_a_folder_without_photos(shell: Shell, new: Path, fruit_model: Path) -> None:
    (new / "empty").mkdir()
    check_mistake(shell("predict", fruit_model, new / "a" / "300.jpg", new / "empty"), "empty: no images found")


def test_a_list_on_stdin(new: Path, fruit_model: Path) -> None:
    """Windows' line ends, blank lines, and a name that is not UTF-8; from another folder, by relative paths."""
    shutil.copy(new / "a" / "300.jpg", new / os.fsdecode(b"\xff.jpg"))
    given = b"a/300.jpg\r\n\n\xff.jpg\nno.jpg"
    done = process("predict", os.path.relpath(fruit_model, new), "-", "--json", given=given, folder=new)
    answers = [json.loads(line) for line in done.out.splitlines()]
    assert [os.fsencode(answer["path"]) for answer in answers] == [b"a/300.jpg", b"\xff.jpg", b"no.jpg"]
    assert ["error" in answer for answer in answers] == [False, False, True]
    assert done.code == 1
    assert done.err.startswith("3 photos, ")


def test_names_that_no_terminal_should_see(new: Path, fruit_model: Path) -> None:
    shutil.copy(new / "a" / "300.jpg", new / os.fsdecode(b"\xff\x1b[31m.jpg"))
    shutil.copy(new / "a" / "300.jpg", new / "two\nlines.jpg")
    (new / "bad.jpg").unlink()
    for locale in ("C.UTF-8", "C"):
        done = process("predict", fruit_model, ".", folder=new, env={"LC_ALL": locale, "PYTHONCOERCECLOCALE": "0"})
        assert done.code == 0
        assert [line.partition("  ")[0] for line in done.out.splitlines()] == [
            *("two\\nlines.jpg", "\\xff\\x1b[31m.jpg", "a/300.jpg", "z/300.jpg")
        ]


def test_json_stays_json_in_any_encoding(new: Path, fruit_model: Path) -> None:
    shutil.copy(new / "a" / "300.jpg", new / "Äpfel 🍏.jpg")
    for encoding in ("utf-8", "latin-1", "ascii"):
        done = process(
            "predict",
            fruit_model,
            new / "Äpfel 🍏.jpg",
            "--json",
            env={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        )
        assert json.loads(done.out)["path"] == str(new / "Äpfel 🍏.jpg")


def test_many_photos_stream_and_a_closed_pipe_ends_it(fruit: Path, fruit_model: Path) -> None:
    """As in `find … | whatsit predict MODEL - --json | head -1`: the first answer comes while the list goes on."""
    command = [sys.executable, "-m", "whatsit", "predict", str(fruit_model), "-", "--json"]
    path = str(fruit / "apples" / "000.jpg")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdin
        assert running.stdout
        assert running.stderr
        running.stdin.write(f"{path}\n".encode() * 200)  # and stdin stays open
        running.stdin.flush()
        assert json.loads(running.stdout.readline())["path"] == path
        running.stdout.close()
        running.stdin.write(f"{path}\n".encode() * 200)
        running.stdin.close()
        assert running.wait(timeout=PATIENCE) == 1
        assert running.stderr.read() == b""


def test_explain_writes_a_picture_a_photo(shell: Shell, new: Path, fruit_model: Path, tmp_path: Path) -> None:
    done = shell(
        "predict", fruit_model, new / "a/300.jpg", new / "bad.jpg", new / "z/300.jpg", "--explain", tmp_path / "heat"
    )
    assert done.code == 1
    assert len(done.out.splitlines()) == 3
    assert sorted(path.name for path in (tmp_path / "heat").iterdir()) == ["0001-300.jpg", "0003-300.jpg"]
    for path in (tmp_path / "heat").iterdir():
        with Image.open(path) as image:
            assert image.format == "JPEG"
            assert image.size == (48, 48)


def test_explain_where_no_folder_can_be(shell: Shell, new: Path, fruit_model: Path) -> None:
    done = shell("predict", fruit_model, new / "a/300.jpg", "--explain", new / "notes.txt")
    check_mistake(done, "cannot write", "notes.txt")


def test_explain_a_photo_with_a_long_name(shell: Shell, new: Path, fruit_model: Path, tmp_path: Path) -> None:
    name = f"{'x' * 250}.jpg"
    shutil.copy(new / "a/300.jpg", new / name)
    assert shell("predict", fruit_model, new / name, "--explain", tmp_path / "heat").code == 0
    assert len(list((tmp_path / "heat").iterdir())) == 1


def test_without_a_model_imagenet_answers(shell: Shell, photos: Path) -> None:
    done = shell("predict", photos / "leaves" / "000.jpg")
    lines = done.out.splitlines()
    assert (done.code, done.err) == (0, "")
    assert len(lines) == 5
    shares = [float(line.split("%")[0].split()[-1]) for line in lines]
    assert shares == sorted(shares, reverse=True)
    named = shell("predict", "imagenet", photos / "leaves" / "000.jpg", "--top", "1")
    assert named.out == lines[0] + "\n"


@pytest.mark.parametrize("name", ["pets-modle", "pets.v2", "models/pets"])
def test_a_model_that_is_not_there(name: str, shell: Shell, new: Path) -> None:
    """Without it ImageNet would answer, and nobody would know."""
    check_mistake(shell("predict", name, new / "a" / "300.jpg"), name, "no such folder", "whatsit train")


def test_a_damaged_model_is_not_taken_for_photos(shell: Shell, new: Path, fruit_model: Path, tmp_path: Path) -> None:
    model = shutil.copytree(fruit_model, tmp_path / "model")
    (model / "model.json").unlink()
    check_mistake(shell("predict", model, new / "a" / "300.jpg"), "no model.json in it")
    shutil.copy(fruit_model / "model.json", model)
    with (model / "model.onnx").open("ab") as file:
        file.write(b"more")
    check_mistake(shell("predict", model, new / "a" / "300.jpg"), "model.onnx: damaged")


def test_wrong_usage(shell: Shell, new: Path, fruit_model: Path) -> None:
    for arguments in ([], [fruit_model], [fruit_model, new, "--json", "--csv"], [new, "--top", "0"], [new, "--tpo"]):
        done = shell("predict", *arguments)
        assert done.code == 2, arguments
        assert done.out == ""
        assert "Traceback" not in done.err


def test_a_photo_that_is_not_there_needs_no_model(shell: Shell) -> None:
    done = shell("predict", "no-such-photo.jpg")
    assert done.code == 1
    assert done.out == "no-such-photo.jpg: error: no such file\n"


def test_stdout_on_a_full_disk(fruit: Path, fruit_model: Path) -> None:
    command = [sys.executable, "-m", "whatsit", "predict", str(fruit_model), str(fruit / "apples"), "--csv"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE)
    assert done.returncode == 1
    assert done.stderr == b"Error: cannot print the answer: no space left where stdout goes\n"


ANSWERS = [".csv", ".json", ".jsonl", ".ndjson", ".txt", ".CSV"]


@pytest.mark.parametrize("ending", ANSWERS)
def test_a_file_in_the_format_of_its_ending(
    shell: Shell, new: Path, fruit_model: Path, tmp_path: Path, ending: str
) -> None:
    file = tmp_path / f"answers{ending}"
    done = shell("predict", fruit_model, new, "-o", file)
    assert (done.code, done.out) == (1, "")
    assert done.err == f"3 photos, {unsure_in(new, fruit_model)} unsure, 1 unreadable; written to {file}\n"
    text = file.read_text(encoding="utf-8")
    kind = ending.lower()
    if kind == ".csv":
        paths = [row["path"] for row in csv.DictReader(io.StringIO(text))]
    elif kind == ".txt":
        paths = [line.partition("  ")[0].partition(": error")[0] for line in text.splitlines()]
    else:
        answers = json.loads(text) if kind == ".json" else [json.loads(line) for line in text.splitlines()]
        paths = [answer["path"] for answer in answers]
    assert paths == [str(new / name) for name in ("bad.jpg", "a/300.jpg", "z/300.jpg")]
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [file.name]


def unsure_in(folder: Path, model: Path) -> int:
    return sum(answer.unsure for answer in load(model).predict([str(path) for path in sorted(folder.rglob("3*.jpg"))]))


def test_a_summary_of_several_photos(shell: Shell, new: Path, fruit_model: Path) -> None:
    for form in ((), ("--json",), ("--csv",)):
        done = shell("predict", fruit_model, new, *form)
        assert done.err == f"3 photos, {unsure_in(new, fruit_model)} unsure, 1 unreadable\n"
    assert shell("predict", fruit_model, new / "a" / "300.jpg").err == ""


def test_a_file_is_whole_or_as_it_was(shell: Shell, new: Path, fruit_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    file.write_text("mine", encoding="utf-8")
    check_mistake(shell("predict", fruit_model, new, "-o", file), f"{file} exists", "--force")
    check_mistake(shell("predict", fruit_model, new, "-o", new / "notes.txt" / "a.csv"), "cannot write")
    assert file.read_text(encoding="utf-8") == "mine"
    assert shell("predict", fruit_model, new, "-o", file, "--force").code == 1
    assert len(file.read_text(encoding="utf-8").splitlines()) == 4
    command = [sys.executable, "-m", "whatsit", "predict", str(fruit_model), "-", "-o", str(file), "--force"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdin
        running.stdin.write(f"{new / 'bad.jpg'}\n".encode() * 500)
        running.stdin.flush()
        running.terminate()
        running.wait(timeout=PATIENCE)
    assert len(file.read_text(encoding="utf-8").splitlines()) == 4


def test_output_that_contradicts_itself(shell: Shell, new: Path, fruit_model: Path, tmp_path: Path) -> None:
    for arguments in (
        ["-o", tmp_path / "answers.xlsx"],
        ["-o", tmp_path / "answers"],
        ["-o", tmp_path / "answers.csv", "--json"],
        ["--force"],
        ["--plain-cells"],
        ["-o", tmp_path / "answers.json", "--plain-cells"],
        ["-o", tmp_path / "answers.parquet", "--plain-cells"],
    ):
        done = shell("predict", fruit_model, new, *arguments)
        assert (done.code, done.out) == (2, ""), arguments
    assert (
        ".csv, .json, .jsonl, .ndjson, .parquet or .txt" in shell("predict", fruit_model, new, "-o", "answers.xlsx").err
    )


def test_parquet_has_the_columns_of_the_csv_with_types(
    shell: Shell, new: Path, fruit_model: Path, tmp_path: Path
) -> None:
    for name in ("answers.csv", "answers.parquet"):
        done = shell("predict", fruit_model, new, "--top", "2", "-o", tmp_path / name)
        assert done.code == 1  # one cannot be read
        assert f"written to {tmp_path / name}" in done.err
    with (tmp_path / "answers.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    table = pq.read_table(tmp_path / "answers.parquet")
    assert set(table.column_names) == {*rows[0], "note"}
    assert {str(table.schema.field(name).type) for name in ("probability", "unsure", "predicted_2")} == {
        "double",
        "bool",
        "string",
    }
    for row, said in zip(rows, table.to_pylist(), strict=True):
        assert said["note"] is None
        assert {name: said[name] or "" for name in ("path", "predicted", "predicted_2", "reason", "error")} == {
            name: row[name] for name in ("path", "predicted", "predicted_2", "reason", "error")
        }
        assert str(said["unsure"]) == row["unsure"]
        assert (said["probability"] is None) is (row["probability"] == "")
        assert said["probability"] is None or said["probability"] == pytest.approx(float(row["probability"]), abs=1e-6)
    check_mistake(shell("predict", fruit_model, new, "-o", tmp_path / "answers.parquet"), "exists", "--force")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_parquet_without_pyarrow_names_the_extra(
    shell: Shell, new: Path, fruit_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = shell("predict", fruit_model, new, "-o", tmp_path / "answers.parquet")
    check_mistake(done, "pyarrow is not installed", "whatsit[parquet]")
    assert list(tmp_path.iterdir()) == [new]


@pytest.mark.parametrize("form", ["--csv", "--json"])
def test_every_row_can_be_masked(shell: Shell, new: Path, fruit_model: Path, form: str) -> None:
    """As by pandas, which takes a column for booleans where every row has one."""
    out = shell("predict", fruit_model, new, form).out
    if form == "--csv":
        rows = list(csv.DictReader(io.StringIO(out)))
        assert {row["unsure"] for row in rows} <= {"True", "False"}
    else:
        answers = [json.loads(line) for line in out.splitlines()]
        assert all(isinstance(answer["unsure"], bool) for answer in answers)


def test_names_that_a_spreadsheet_takes_for_formulas(shell: Shell, new: Path, fruit_model: Path) -> None:
    names = ["=cmd.jpg", "+1.jpg", "-2.jpg", "@sum.jpg", "'=odd.jpg", "ﾟ＝1.jpg", "＝2.jpg"]
    for name in names:
        shutil.copy(new / "a" / "300.jpg", new / name)
    quoted = ["'=cmd.jpg", "'+1.jpg", "'-2.jpg", "'@sum.jpg", "''=odd.jpg", "ﾟ＝1.jpg", "'＝2.jpg"]
    for arguments, expected in (((), quoted), (("--plain-cells",), names)):
        done = process("predict", fruit_model, "-", "--csv", *arguments, given="\n".join(names).encode(), folder=new)
        assert [row["path"] for row in csv.DictReader(io.StringIO(done.out))] == expected
    env = {"WHATSIT_PLAIN_CELLS": "1"}
    done = process("predict", fruit_model, "-", "--csv", given="\n".join(names).encode(), folder=new, env=env)
    assert [row["path"] for row in csv.DictReader(io.StringIO(done.out))] == names


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "ascii"])
def test_csv_is_utf8_wherever_it_goes_but_a_console(new: Path, fruit_model: Path, encoding: str) -> None:
    shutil.copy(new / "a" / "300.jpg", new / "Äpfel 🍏.jpg")
    env = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = process("predict", fruit_model, new / "Äpfel 🍏.jpg", "--csv", env=env)
    assert [row["path"] for row in csv.DictReader(io.StringIO(done.out))] == [str(new / "Äpfel 🍏.jpg")]


def deep(folder: Path) -> Path:
    """A folder below it whose path is longer than the system takes: nobody, not even root, can list it by that."""
    here = os.open(folder, os.O_RDONLY)
    length = len(str(folder))
    path = folder
    while length < os.pathconf(folder, "PC_PATH_MAX"):
        name = "m" * 200
        os.mkdir(name, dir_fd=here)
        inner = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here, path, length = inner, path / name, length + 201
    os.close(here)
    return path


@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_a_folder_that_cannot_be_listed_is_a_row(
    shell: Shell, fruit: Path, fruit_model: Path, tmp_path: Path, form: str
) -> None:
    photos = shutil.copytree(fruit, tmp_path / "photos")
    closed = deep(photos)
    try:
        done = shell("predict", fruit_model, photos, form)
        rows = (
            [json.loads(line) for line in done.out.splitlines()]
            if form == "--json"
            else list(csv.DictReader(io.StringIO(done.out)))
        )
        assert done.code == 1
        assert done.err.startswith("25 photos, ")
        assert done.err.endswith(" 1 unreadable\n")
        failed = [row for row in rows if row.get("error")]
        assert [row["path"] for row in failed] == [str(closed)]
        assert failed[0]["error"].startswith("the folder cannot be listed (File name too long)")
        assert {row["path"] for row in rows} - {str(closed)} == {str(path) for path in fruit_paths(photos)}
    finally:
        subprocess.run(["rm", "-rf", str(photos)], check=True)


def fruit_paths(folder: Path) -> list[Path]:
    return [*(folder / "apples").iterdir(), *(folder / "pears").iterdir()]
