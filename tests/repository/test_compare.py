"""Two versions on the same photos: what counts, what does not, and what is said of it."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from steps.made import make_folder, save

from repository.look import refused
from whatsit.api import evaluate
from whatsit.evaluation.intervals import mcnemar
from whatsit.model.format import FILES
from whatsit.model.versions.comparison import Comparison, Said, compare
from whatsit.model.versions.store import Repository
from whatsit.model.versions.terminal import comparison

pytestmark = pytest.mark.slow

Change = Callable[[list[dict[str, str]]], None]


@pytest.fixture
def two(repository: Repository, model: Path, second: Path) -> Repository:
    """Versions 1 and 2 of the same photos, 3 of others with other classes."""
    repository.add(model, "fruit")
    repository.add(second, "fruit")
    return repository


def rewrite(table: Path, change: Change) -> None:
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    header = list(rows[0])
    change(rows)
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        writer.writerows(rows)


def shown(c: Comparison) -> str:
    text = comparison(c)
    assert max(map(len, text.splitlines())) <= 80
    return " ".join(text.split())


def test_photos_are_matched_by_their_bytes(two: Repository) -> None:
    def rename(rows: list[dict[str, str]]) -> None:
        for row in rows:
            name = "uri" if "uri" in row else "path"
            row[name] = f"elsewhere/{row[name]}"

    for name in (FILES.splits, FILES.predictions):
        rewrite(two.folder("fruit", 2) / name, rename)
    c = compare(two, "fruit", 1, 2)
    assert len(c.pairs) == 24
    assert all(other.uri == f"elsewhere/{one.uri}" for one, other in c.pairs)
    accuracies = [figure.value for figure in c.accuracies()]
    assert accuracies == [c.first.metrics["accuracy"]["value"], c.second.metrics["accuracy"]["value"]]


def test_the_figures_are_counted_right(two: Repository) -> None:
    """Version 2 says the wrong of 10 photos, one of which version 1 has wrong, too, but under another name."""

    def all_right(rows: list[dict[str, str]]) -> None:
        for row in rows:
            row["predicted"] = row["label"]

    def ten_wrong(rows: list[dict[str, str]]) -> None:
        all_right(rows)
        for row in rows[:10]:
            row["predicted"] = "nuts"

    def one_wrong(rows: list[dict[str, str]]) -> None:
        all_right(rows)
        rows[0]["predicted"] = "pears"

    rewrite(two.folder("fruit", 1) / FILES.predictions, one_wrong)
    rewrite(two.folder("fruit", 2) / FILES.predictions, ten_wrong)
    c = compare(two, "fruit", 1, 2)
    assert [figure.value for figure in c.accuracies()] == [23 / 24, 14 / 24]
    assert (c.only_first, c.only_second, len(c.differing)) == (9, 0, 10)
    assert c.p_value == mcnemar(9, 0)
    text = shown(c)
    assert "version 1 on 9 photos, version 2 on 0 photos. Version 1 is better (p = 0.004" in text
    assert "They name 10 photos differently" in text
    assert "Version 1 is better" in shown(compare(two, "fruit", 2, 1))


def test_photos_that_belong_together_count_as_one(two: Repository) -> None:
    """Nine photos of three patients are not nine witnesses: 3 : 0 patients is what chance gives one time in four."""

    def patients(rows: list[dict[str, str]]) -> None:
        for i, row in enumerate(rows):
            row["component"] = str(i // 3)

    def wrong(n: int) -> Change:
        def change(rows: list[dict[str, str]]) -> None:
            for i, row in enumerate(sorted(rows, key=lambda row: row["path"])):
                row["predicted"] = row["label"] if i >= n else "nuts"

        return change

    alone = two.folder("fruit", 1), two.folder("fruit", 2)
    for folder, n in zip(alone, (0, 9), strict=True):
        rewrite(folder / FILES.predictions, wrong(n))
    by_photo = compare(two, "fruit", 1, 2)
    for folder in alone:
        rewrite(folder / FILES.splits, patients)
    c = compare(two, "fruit", 1, 2)
    assert (c.only_first, by_photo.only_first) == (9, 9)
    assert (by_photo.p_value, c.p_value) == (mcnemar(9, 0), 0.25)
    assert (by_photo.counted.units, c.counted.units) == (24, 8)
    assert c.accuracies()[1].low < by_photo.accuracies()[1].low
    assert (
        "within chance (p = 0.250, McNemar's test over groups, which counts 8 independent groups, not 24 photos)"
        in shown(c)
    )
    assert "Version 1 is better (p = 0.004, McNemar's exact test)" in shown(by_photo)
    assert c.to_dict()["shared"]["units"] == 8


def test_groups_of_either_version_join_photos(two: Repository) -> None:
    c = compare(two, "fruit", 1, 2)
    ends = (("a", ""), ("a", "x"), ("", "x"), ("", ""), ("", ""))
    pairs = tuple((Said("x", "a", "a", 1, one), Said("x", "a", "b", 1, other)) for one, other in ends)
    assert Comparison(c.first, c.second, pairs).units.tolist() == [0, 0, 0, 1, 2]


def test_a_relabelled_photo_does_not_count(two: Repository) -> None:
    def relabel(rows: list[dict[str, str]]) -> None:
        rows[3]["label"] = "pears"

    rewrite(two.folder("fruit", 2) / FILES.predictions, relabel)
    c = compare(two, "fruit", 1, 2)
    assert (len(c.pairs), list(c.left_out.values())) == (23, [1])
    assert "Left out: 1 photo whose label is another" in shown(c)


def test_a_version_is_like_itself(two: Repository) -> None:
    c = compare(two, "fruit", 1, 1)
    assert (c.differing, c.p_value, c.classes) == ([], 1.0, "")
    assert "They are right on the same photos." in shown(c)


def test_without_common_photos_it_asks_for_some(two: Repository, plums: Path) -> None:
    two.add(plums, "fruit")
    c = compare(two, "fruit", 1, 3)
    assert c.pairs == ()
    text = shown(c)
    assert "Version 3 knows other classes than version 1: new 'plums'; gone 'pears'." in text
    assert "Give labelled photos to compare on" in text


@pytest.mark.parametrize("name", [FILES.splits, FILES.predictions])
@pytest.mark.parametrize("data", [None, b"", b"uri,label\na,b\n", b"\xff", b'"' + b"x" * 200_000])
def test_a_table_that_is_missing_or_damaged(name: str, data: bytes | None, two: Repository) -> None:
    path = two.folder("fruit", 2) / name
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    c = compare(two, "fruit", 1, 2)
    assert c.pairs == ()
    assert "DATA" in shown(c)


@pytest.mark.parametrize("probability", ["", "much", "nan", "-1", "2"])
def test_what_is_no_probability(probability: str, two: Repository) -> None:
    def damage(rows: list[dict[str, str]]) -> None:
        rows[5]["probability"] = probability

    rewrite(two.folder("fruit", 2) / FILES.predictions, damage)
    assert "is no probability" in compare(two, "fruit", 1, 2).notes[0]


def test_a_damaged_version_is_not_compared(two: Repository) -> None:
    (two.folder("fruit", 2) / FILES.graph).write_bytes(b"")
    assert "damaged" in refused(lambda: compare(two, "fruit", 1, 2))


def test_on_photos_given_now(two: Repository, fruit: Path, tmp_path: Path) -> None:
    """Those that a version was made from, and those that cannot be read, do not count."""
    data = make_folder(tmp_path / "new", {"apples": 5, "pears": 5}, first_seed=500)
    shutil.copy(fruit / "apples" / "000.jpg", data / "apples" / "seen before.jpg")
    (data / "pears" / "broken.jpg").write_bytes(b"")
    c = compare(two, "fruit", 1, 2, data)
    assert len(c.pairs) == 10
    assert list(c.left_out.values()) == [1, 1]
    (data / "apples" / "seen before.jpg").unlink()
    (data / "pears" / "broken.jpg").unlink()
    for version, accuracy in zip((1, 2), c.accuracies(), strict=True):
        done = evaluate(two.folder("fruit", version), data, tmp_path / f"on-{version}")
        assert done.evaluation.accuracy == accuracy
    assert "not new to version 1 or 2" in shown(c)


def test_who_cannot_tell_what_it_learned_from_says_so(two: Repository, fruit: Path) -> None:
    (two.folder("fruit", 2) / FILES.splits).unlink()
    (two.folder("fruit", 1) / FILES.splits).write_text("uri,label\na,b\n", encoding="utf-8")
    c = compare(two, "fruit", 1, 2, fruit)
    assert (len(c.pairs), len(c.notes)) == (24, 2)
    assert "Photos that version 2 learned from may be among these" in shown(c)


def test_classes_that_one_version_does_not_know(two: Repository, plums: Path, tmp_path: Path) -> None:
    two.add(plums, "fruit")
    data = make_folder(tmp_path / "new", {"apples": 4}, first_seed=500)
    save(data / "plums" / "a.jpg", 1, 600)
    save(data / "pears" / "a.jpg", 1, 601)
    c = compare(two, "fruit", 1, 3, data)
    said = {one.label: (one.predicted, other.predicted) for one, other in c.pairs}
    assert len(c.pairs) == 6
    assert said["plums"][0] in ("apples", "pears")
    assert said["pears"][1] in ("apples", "plums")
    assert "Version 3 knows other classes" in shown(c)
    save(data / "nuts" / "a.jpg", 2, 602)
    c = compare(two, "fruit", 1, 3, data)
    assert len(c.pairs) == 6
    assert "1 photo of 'nuts', which is no class of the model" in shown(c)


def test_no_photo_is_new(two: Repository, fruit: Path) -> None:
    c = compare(two, "fruit", 1, 2, fruit)
    assert (c.pairs, list(c.left_out.values())) == ((), [24])
    assert "No photo is new to both versions" in shown(c)


def test_many_photos_and_wide_names_fit_into_80_columns(two: Repository) -> None:
    c = compare(two, "fruit", 1, 2)
    first = Said("/very/long/" * 20 + "写真\n.jpg", "りんごりんごりんごりんご", "a" * 90, 0.5)
    pairs = tuple((first, Said(first.uri, first.label, "b", i / 15)) for i in range(15))
    text = comparison(Comparison(c.first, c.second, pairs))
    assert "and 5 more" in text
    assert text.count("写真\\n.jpg") == 10


def test_plain_values(two: Repository) -> None:
    values = compare(two, "fruit", 1, 2).to_dict()
    assert (values["name"], values["classes"], values["notes"]) == ("fruit", None, [])
    assert [version["version"] for version in values["versions"]] == [1, 2]
    shared = values["shared"]
    assert shared["photos"] == 24
    assert len(shared["differing"]) >= sum(shared["right_alone"])
