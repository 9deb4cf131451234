"""The precision that a machine runs faster is measured once and remembered; nothing damaged is believed."""

import json
from pathlib import Path

import pytest

from whatsit.embedding.precision import faster_precision
from whatsit.errors import WhatsitError

LITE0 = "efficientnet-lite0"
FILE = "precision.json"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the answer for this machine stands."""
    folder = tmp_path_factory.mktemp("measured")
    assert faster_precision(LITE0, folder) in ("int8", "float32")
    return folder / FILE


def test_the_answer_names_backbone_and_machine(measured: Path) -> None:
    (machine,) = json.loads(measured.read_text())
    assert machine.startswith("efficientnet-lite0, onnxruntime ")


@pytest.mark.parametrize("answer", ["int8", "float32"])
def test_what_is_remembered_is_not_measured_again(measured: Path, tmp_path: Path, answer: str) -> None:
    (machine,) = json.loads(measured.read_text())
    (tmp_path / FILE).write_text(json.dumps({machine: answer, "another machine": "int8"}))
    assert faster_precision(LITE0, tmp_path) == answer


@pytest.mark.parametrize(
    "damaged", ["", "{", "[1]", "null", '"int8"', '{"MACHINE": "int4"}', '{"MACHINE": [8]}', "\xff"]
)
def test_a_damaged_file_is_measured_anew(measured: Path, tmp_path: Path, damaged: str) -> None:
    (machine,) = json.loads(measured.read_text())
    path = tmp_path / FILE
    path.write_bytes(damaged.replace("MACHINE", machine).encode("latin-1"))
    assert faster_precision(LITE0, tmp_path) == json.loads(path.read_text())[machine]
    assert json.loads(path.read_text())[machine] in ("int8", "float32")


def test_other_machines_answers_are_kept(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"another machine": "float32"}')
    faster_precision(LITE0, tmp_path)
    known = json.loads((tmp_path / FILE).read_text())
    assert known["another machine"] == "float32"
    assert len(known) == 2


def test_your_own_backbone_has_no_8_bit_form(tmp_path: Path) -> None:
    assert faster_precision("my.onnx", tmp_path) == "float32"
    assert not list(tmp_path.iterdir())


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WhatsitError, match=r"cannot write .*precision\.json"):
        faster_precision(LITE0, tmp_path / "file")
