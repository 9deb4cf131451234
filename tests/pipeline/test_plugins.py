"""A package of others adds a method: it trains, is compared, and is named wherever methods are."""

import json
from pathlib import Path

import pytest
from cli.shell import process
from plugins import Install

from whatsit.config import TrainOptions
from whatsit.errors import WhatsitError
from whatsit.training.methods import METHODS, method_of

pytestmark = pytest.mark.slow

NEAREST = '''
from dataclasses import replace

from whatsit.errors import WhatsitError
from whatsit.training.methods import Method
from whatsit.training.probe import fit_probe


def fit(experiment, options, run):
    """A probe of nearest neighbours, whatever head was asked for."""
    return fit_probe(experiment, replace(options, head="knn"), run)


def check(options):
    if options.seed == 13:
        raise WhatsitError("nearest: the seed is unlucky (got 13). Give another: --seed 14")


method = Method(fit, check=check)
'''


def test_a_package_adds_a_method(installed: Install, small: Path, quick: TrainOptions, tmp_path: Path) -> None:
    installed("whatsit-nearest", NEAREST, methods={"nearest": "method"})
    folder, backbone = tmp_path / "model", ("--backbone", quick.backbone)
    done = process("train", small, "-o", folder, "--method", "nearest", *backbone)
    assert done.code == 0, done.err
    kept = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert kept["training"]["method"] == "nearest"
    assert kept["head"]["name"] == "knn"
    assert process("predict", folder, next(small.rglob("*.jpg"))).code == 0
    refused = process("train", small, "-o", tmp_path / "other", "--method", "nearest", "--seed", "13", *backbone)
    assert (refused.code, refused.err.splitlines()[-1]) == (
        1,
        "Error: nearest: the seed is unlucky (got 13). Give another: --seed 14",
    )
    compared = process("compare", small, "-o", tmp_path / "compared", "-c", "probe", "-c", "nearest")
    assert compared.code == 0, compared.err
    assert "nearest" in compared.out
    assert "[probe|scratch|finetune|nearest]" in " ".join(process("train", "--help").out.split())


def test_an_unknown_method_is_refused(installed: Install) -> None:
    installed("whatsit-nearest-too", NEAREST, methods={"nearest": "method"})
    assert list(METHODS) == ["probe", "scratch", "finetune", "nearest"]
    with pytest.raises(WhatsitError) as refused:
        method_of(TrainOptions(method="nearst"))  # type: ignore[arg-type]
    told = "no method 'nearst'. There are: probe, scratch, finetune, nearest. Did you mean 'nearest'?"
    assert str(refused.value) == told
