"""Several sources: a photo that stands in two is taken once, with the label of the later one."""

import shutil
from pathlib import Path

import pytest

from whatsit.config import ReadOptions
from whatsit.data.dataset import Dataset
from whatsit.data.read import read_dataset, read_photos, typed_data
from whatsit.errors import DatasetError

from .build import manifest, photo


def shaded(root: Path, *names: str) -> Path:
    """Photos so far apart in shade that no two become the same JPEG."""
    for number, name in enumerate(names):
        photo(root / name, 30 + 30 * number)
    return root


def labels(dataset: Dataset) -> dict[str, str]:
    return {Path(record.uri).name: record.label for record in dataset.records}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four photos, all of different bytes and of one size."""
    return shaded(tmp_path / "photos", "cat/1.jpg", "cat/2.jpg", "dog/3.jpg", "dog/4.jpg")


def test_a_correction_counts_by_content(photos: Path, tmp_path: Path) -> None:
    shutil.copy(photos / "cat/2.jpg", tmp_path / "kept.jpg")
    photo(tmp_path / "new.jpg", 99)
    corrections = manifest(tmp_path / "corrections.csv", "uri,label\nkept.jpg,dog\nnew.jpg,cat\n")
    dataset = read_dataset([photos, corrections])
    assert labels(dataset) == {"1.jpg": "cat", "2.jpg": "dog", "3.jpg": "dog", "4.jpg": "dog", "new.jpg": "cat"}
    assert dataset.name == "photos"
    (note,) = dataset.notes
    assert note == (
        f"1 photo stands in {corrections}, too, and is taken once; its label counts, which is another for 1 of them"
    )


def test_a_correction_counts_by_path_and_the_last_one_wins(photos: Path, tmp_path: Path) -> None:
    one = manifest(tmp_path / "one.csv", "photos/cat/1.jpg,dog\nphotos/dog/3.jpg,fox\n")
    two = manifest(tmp_path / "two.csv", "./photos/dog/3.jpg,cat\n")
    assert labels(read_dataset((photos, one, two))) == {"1.jpg": "dog", "2.jpg": "cat", "3.jpg": "cat", "4.jpg": "dog"}


def test_all_copies_are_corrected(photos: Path, tmp_path: Path) -> None:
    shutil.copy(photos / "cat/2.jpg", photos / "cat/copy.jpg")
    shutil.copy(photos / "cat/2.jpg", tmp_path / "kept.jpg")
    dataset = read_dataset([photos, manifest(tmp_path / "c.csv", "kept.jpg,dog\n")])
    assert (labels(dataset)["2.jpg"], labels(dataset)["copy.jpg"], len(dataset.records)) == ("dog", "dog", 5)


def test_a_corrected_photo_stays_in_its_split(tmp_path: Path) -> None:
    root = shaded(tmp_path / "photos", "train/cat/1.jpg", "train/dog/2.jpg", "test/cat/3.jpg", "test/dog/4.jpg")
    corrections = manifest(tmp_path / "c.csv", "photos/test/cat/3.jpg,dog\nnew.jpg,cat\n", "new.jpg")
    dataset = read_dataset([root, corrections])
    found = {Path(r.uri).name: (r.label, r.split) for r in dataset.records}
    assert [found["3.jpg"], found["new.jpg"]] == [
        ("dog", "test"),
        ("cat", None),
    ]


def test_two_labels_within_one_source_correct_nothing(photos: Path, tmp_path: Path) -> None:
    """They stay, for the conflict to be found and listed."""
    for name in ("a.jpg", "b.jpg"):
        shutil.copy(photos / "cat/2.jpg", tmp_path / name)
    dataset = read_dataset([photos, manifest(tmp_path / "c.csv", "a.jpg,dog\nb.jpg,cat\n")])
    assert labels(dataset)["2.jpg"] == "cat"
    assert len(dataset.records) == 6


def test_new_classes_may_come_later_and_one_class_is_enough_there(photos: Path, tmp_path: Path) -> None:
    more = manifest(tmp_path / "more.csv", "x.jpg,fox\ny.jpg,fox\n", "x.jpg")
    photo(tmp_path / "y.jpg", 200)
    assert read_dataset([photos, more]).classes == ("cat", "dog", "fox")


def test_uris_are_not_fetched(photos: Path, tmp_path: Path) -> None:
    far = "https://example.invalid/1.jpg"
    one = manifest(tmp_path / "one.csv", f"{far},cat\n")
    two = manifest(tmp_path / "two.csv", f"{far},dog\n")
    assert labels(read_dataset([photos, one, two]))["1.jpg"] in ("cat", "dog")
    assert [r.label for r in read_dataset([photos, one, two]).records if r.uri == far] == ["dog"]


def test_a_source_that_is_missing_is_named(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"gone\.csv: no such folder or manifest"):
        read_dataset([photos, tmp_path / "gone.csv"])
    with pytest.raises(DatasetError, match=r"Did you mean 'photos'\?"):
        read_dataset(tmp_path / "fotos")
    with pytest.raises(DatasetError, match="Check the path"):
        read_dataset(tmp_path / "nowhere" / "photos")
    with pytest.raises(DatasetError, match="no data"):
        read_dataset([])


def test_what_to_type_for_the_same_data() -> None:
    reading = ReadOptions(split_folders={"my train": "train", "b": "test"}, skip=("masks", "*.bmp"), max_missing=0.5)
    assert typed_data(["a b", "c.csv"], reading) == (
        "'a b' c.csv --split-folders 'train=my train,test=b' --skip 'masks,*.bmp' --max-missing 0.5"
    )
    assert typed_data("photos/") == "photos/"


def test_a_column_that_was_asked_for_may_stand_in_one_of_several_manifests(photos: Path, tmp_path: Path) -> None:
    """As the table of a survey and the corrections that people made."""
    table = manifest(tmp_path / "t.csv", "uri,what,site\nphotos/cat/1.jpg,cat,a\nphotos/cat/2.jpg,cat,b\nx.jpg,dog,b\n")
    photo(tmp_path / "x.jpg", 200)
    photo(tmp_path / "new.jpg", 99)
    corrections = manifest(tmp_path / "c.csv", "uri,label\nphotos/cat/2.jpg,dog\nnew.jpg,cat\n")
    reading = ReadOptions(label_column="what", group_column="site")
    dataset = read_dataset([table, corrections], options=reading)
    found = {Path(record.uri).name: (record.label, record.group) for record in dataset.records}
    assert found == {"1.jpg": ("cat", "a"), "2.jpg": ("dog", "b"), "x.jpg": ("dog", "b"), "new.jpg": ("cat", None)}
    assert f"{corrections} has no column 'site': photos that are only there are in no group" in dataset.notes
    later = manifest(tmp_path / "later.csv", "uri,label\nnew.jpg,cat\n")
    assert read_dataset(table, test=later, options=reading).has_splits
    with pytest.raises(DatasetError, match=r"none of them has a column 'sit'\. Mend --group-column"):
        read_dataset([table, corrections], options=ReadOptions(label_column="what", group_column="sit"))
    with pytest.raises(DatasetError, match=r"c\.csv: no column 'site'"):
        read_dataset([photos, corrections], options=ReadOptions(group_column="site"))


@pytest.mark.parametrize(
    ("reading", "said"),
    [
        (ReadOptions(group_column="site"), "--group-column names a column .* --top-folders groups"),
        (ReadOptions(split_column="fold"), "--split-column names a column .* --split-folders"),
        (ReadOptions(label_column="label"), "--label-column names a column .* in a manifest.$"),
    ],
)
def test_an_option_of_columns_is_refused_for_folders(photos: Path, reading: ReadOptions, said: str) -> None:
    """Who keeps sites apart must not be left to believe that they are."""
    with pytest.raises(DatasetError, match=said):
        read_dataset(photos, options=reading)
    with pytest.raises(DatasetError, match=said):
        read_photos(photos, reading)


@pytest.mark.parametrize(
    "reading", [ReadOptions(split_folders={"a": "test"}), ReadOptions(top_folders="groups"), ReadOptions(skip=("a",))]
)
def test_an_option_of_folders_is_refused_for_a_manifest(photos: Path, tmp_path: Path, reading: ReadOptions) -> None:
    table = manifest(tmp_path / "t.csv", "photos/cat/1.jpg,cat\nphotos/dog/3.jpg,dog\n")
    with pytest.raises(DatasetError, match=rf"{reading.typed()[0]} is of folders \(got a CSV manifest\)"):
        read_dataset(table, options=reading)


def test_what_is_counted_is_what_there_is(tmp_path: Path) -> None:
    """Missing files count for no class; beside a test split what has no split is to learn from."""
    text = "uri,label\na.jpg,cat\nb.jpg,cat\ngone.jpg,cat\nc.jpg,dog\n"
    table = manifest(tmp_path / "t.csv", text, "a.jpg", "b.jpg", "c.jpg")
    dataset = read_dataset(table, options=ReadOptions(max_missing=0.5))
    assert dataset.counts == {"cat": {"": 2}, "dog": {"": 1}}
    assert len(dataset.records) == 4
    root = shaded(tmp_path / "split", "train/cat/1.jpg", "train/dog/2.jpg", "test/cat/3.jpg", "test/dog/4.jpg")
    more = manifest(tmp_path / "more.csv", "new.jpg,cat\n", "new.jpg")
    assert read_dataset([root, more]).counts == {"cat": {"train": 2, "test": 1}, "dog": {"train": 1, "test": 1}}
