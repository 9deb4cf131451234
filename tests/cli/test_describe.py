"""`whatsit describe`: a table for people, the same as JSON, and one line for a mistake."""

import json

import pytest

from whatsit.training.network.architectures import ARCHITECTURES

from .shell import Shell, check_mistake

pytestmark = pytest.mark.slow


def test_a_table_with_totals(shell: Shell) -> None:
    done = shell("describe", "cnn-cats-dogs")
    assert done.code == 0, done
    lines = done.out.splitlines()
    assert lines[0].split() == ["layer", "kind", "output", "parameters", "mult-adds"]
    assert lines[1].split() == ["0.0", "Conv2d", "3×3", "32", "×", "148", "×", "148", "896", "18.9", "M"]
    assert lines[-2:] == [
        "4,791,809 parameters, 162 M multiply-adds for an image of 150 × 150 pixels",
        "For the classic tutorial on cats and dogs, to compare with it.",
    ]
    assert done.err == ""


def test_json_of_a_changed_network(shell: Shell) -> None:
    arguments = ("--classes", "5", "--image-size", "60x200", "--layers", "8,8", "--dense", "none", "--json")
    facts = json.loads(shell("describe", "cnn-boats", *arguments).out)
    assert (facts["architecture"], facts["image_size"], facts["classes"]) == ("cnn-boats", [60, 200], 5)
    assert facts["parameters"] == sum(row["parameters"] for row in facts["layers"])
    assert facts["layers"][0]["output"] == [8, 56, 196]
    assert facts["layers"][-1]["output"] == [5]


def test_classes_as_published(shell: Shell) -> None:
    assert json.loads(shell("describe", "cnn-boats", "--json").out)["parameters"] == 234_539


def test_a_network_of_timm(shell: Shell) -> None:
    done = shell("describe", "timm:test_resnet")
    assert done.code == 0, done
    assert "layer4.0" in done.out


def test_all_are_listed(shell: Shell) -> None:
    table, purposes = shell("describe").out.split("\n\nWhat each is for:\n")
    lines = table.splitlines()
    assert lines[0].split() == ["architecture", "image", "classes", "parameters", "mult-adds"]
    rows = {line.split()[0]: line.split() for line in lines[1:-1]}
    assert list(rows)[:6] == [*ARCHITECTURES, "efficientnet-lite0"]
    assert rows["cnn-horses-300"] == ["cnn-horses-300", "300", "×", "300", "2", "40,165,409", "271", "M"]
    assert rows["cnn-boats"][4:6] == ["16", "234,539"]
    assert "timm:NAME" in lines[-1]
    assert [line.split()[0] for line in purposes.splitlines() if not line.startswith(" ")] == list(rows)
    assert all(len(line) <= 80 for line in purposes.splitlines())


MISTAKES = {
    "unknown": (("resnet18",), "no architecture 'resnet18'. There are: small-resnet, "),
    "no such in timm": (("timm:resnot18",), "The closest are: timm:resnet18"),
    "too small": (("cnn-cats-dogs", "--image-size", "12"), "leave nothing of an image of 12 × 12 pixels"),
    "no effect": (("efficientnet-lite0", "--layers", "8"), "--layers has no effect on efficientnet-lite0, only on: "),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_one_line(shell: Shell, mistake: str) -> None:
    arguments, message = MISTAKES[mistake]
    check_mistake(shell("describe", *arguments), message)


def test_a_network_has_layers(shell: Shell) -> None:
    done = shell("describe", "cnn-boats", "--layers", "none")
    assert done.code == 2
    assert "'none' is no list of widths" in done.err


def test_changes_need_a_name(shell: Shell) -> None:
    done = shell("describe", "--classes", "5")
    assert done.code == 2
    assert "name an ARCHITECTURE" in done.err
