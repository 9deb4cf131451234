"""Manifests that were written on another machine or by another tool: read where one file can be meant, else named."""

import json
from collections import Counter
from pathlib import Path

import pytest

from dataset.build import manifest, tree
from whatsit.data.read import read_dataset
from whatsit.errors import DatasetError

NAMES = [f"{kind}/{n}.jpg" for kind in ("cat", "dog") for n in range(6)]


def listed(tmp_path: Path, spelled: str, header: str = "uri,label", photos: list[str] = NAMES) -> Path:
    """A manifest with each name in the place of {}."""
    rows = [f"{spelled.format(name)},{name.partition('/')[0]}" for name in NAMES]
    return manifest(tmp_path / "m.csv", "\n".join([header, *rows]), *photos)


@pytest.mark.parametrize("start", ["/mnt/ann/pets/", "C:/Ann/pets/", "/mnt/x/", "//server/share/"])
def test_paths_of_another_machine_are_read_by_their_tails(tmp_path: Path, start: str) -> None:
    dataset = read_dataset(listed(tmp_path, start + "{}"))
    assert [record.uri for record in dataset.records] == [str(tmp_path / name) for name in NAMES]
    assert f"paths begin with {start[:-1]}, which is not here; read from the manifest's folder" in dataset.notes[0]


def test_windows_paths_with_backslashes(tmp_path: Path) -> None:
    rows = ["uri,label", *(f"D:\\pets\\{name.replace('/', chr(92))},{name[:3]}" for name in NAMES)]
    dataset = read_dataset(manifest(tmp_path / "m.csv", "\n".join(rows), *NAMES))
    assert [record.uri for record in dataset.records] == [str(tmp_path / name) for name in NAMES]
    assert "paths begin with D:\\pets, which is not here" in dataset.notes[0]


def test_the_manifest_among_the_photos(tmp_path: Path) -> None:
    flat = [name.replace("/", "_") for name in NAMES]
    rows = ["uri,label", *(f"/data/pets/{name},{name[:3]}" for name in flat)]
    dataset = read_dataset(manifest(tmp_path / "m.csv", "\n".join(rows), *flat))
    assert [record.uri for record in dataset.records] == [str(tmp_path / name) for name in flat]


def test_a_tail_that_fits_some_only_is_refused_with_the_cause(tmp_path: Path) -> None:
    path = listed(tmp_path, "/mnt/ann/pets/{}", photos=["photos/" + name for name in NAMES])
    with pytest.raises(DatasetError) as error:
        read_dataset(path)
    said = str(error.value)
    assert (
        "They are absolute paths, all in /mnt/ann/pets, perhaps of another machine. There is a photos/cat/0.jpg" in said
    )
    assert "replace '/mnt/ann/pets/' by 'photos/' in the manifest" in said


def test_paths_of_two_places_are_not_guessed(tmp_path: Path) -> None:
    rows = ["uri,label", *(f"/mnt/{'ab'[n % 2]}/{name},{name[:3]}" for n, name in enumerate(NAMES))]
    with pytest.raises(DatasetError, match=r"There is a cat/0\.jpg: if that is the first, take '/mnt/a/' away"):
        read_dataset(manifest(tmp_path / "m.csv", "\n".join(rows), *NAMES))


def test_one_photo_of_a_tail_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"12 files of 12 missing.* They are absolute paths, all in /mnt/ann/pets"):
        read_dataset(listed(tmp_path, "/mnt/ann/pets/{}", photos=NAMES[1:]))


def test_another_case(tmp_path: Path) -> None:
    photos = [name.upper() for name in NAMES]
    dataset = read_dataset(listed(tmp_path, "{}", photos=photos))
    assert [record.uri for record in dataset.records] == [str(tmp_path / name) for name in photos]
    assert dataset.notes == ("12 paths read in another case, since the only such file is spelled so",)


def test_two_files_in_other_cases_are_not_guessed(tmp_path: Path) -> None:
    photos = [*NAMES[1:], "cat/0.JPG", "cat/0.Jpg"]
    dataset = read_dataset(listed(tmp_path, "{}", photos=photos))
    assert str(tmp_path / NAMES[0]) in dataset.missing


def test_percent_encoded_paths(tmp_path: Path) -> None:
    photos = [name.replace("/", "/my photo ä ") for name in NAMES]
    rows = ["uri,label", *(f"{n.replace('/', '/my%20photo%20%C3%A4%20')},{n[:3]}" for n in NAMES)]
    dataset = read_dataset(manifest(tmp_path / "m.csv", "\n".join(rows), *photos))
    assert [record.uri for record in dataset.records] == [str(tmp_path / name) for name in photos]
    assert dataset.notes == ("12 paths read without percent-encoding (such as %20), since the files are named so",)


def test_a_name_with_a_percent_sign_is_itself(tmp_path: Path) -> None:
    photos = [name.replace("/", "/a%20") for name in NAMES] + [name.replace("/", "/a ") for name in NAMES]
    rows = ["uri,label", *(f"{n.replace('/', '/a%20')},{n[:3]}" for n in NAMES)]
    dataset = read_dataset(manifest(tmp_path / "m.csv", "\n".join(rows), *photos))
    assert "%20" in dataset.records[0].uri
    assert not dataset.notes


def test_cells_with_a_pipe_between(tmp_path: Path) -> None:
    rows = ["uri|label|split", *(f"{name}|{name[:3]}|{('train', 'test')[n % 2]}" for n, name in enumerate(NAMES))]
    dataset = read_dataset(manifest(tmp_path / "m.csv", "\n".join(rows), *NAMES))
    assert Counter((record.label, record.split) for record in dataset.records) == {
        (label, split): 3 for label in ("cat", "dog") for split in ("train", "test")
    }


HASHES = [f"{n + 0xABCDEF00:08x}" for n in range(12)]


@pytest.mark.parametrize("keeps", [True, False])
def test_label_studio(tmp_path: Path, keeps: bool) -> None:
    """Its table of choices; the photos as it keeps them, or under their own names."""
    rows = ["image,id,choice,annotator,annotation_id,created_at,updated_at,lead_time"]
    files = []
    for n, name in enumerate(NAMES):
        own = name.replace("/", "_")
        rows.append(f"/data/upload/1/{HASHES[n]}-{own},{n},{name[:3]},1,{n},2026-01-01,2026-01-01,3.5")
        files.append(f"{HASHES[n]}-{own}" if keeps else own)
    dataset = read_dataset(manifest(tmp_path / "m.csv", "\n".join(rows), *files))
    assert [record.uri for record in dataset.records] == [str(tmp_path / name) for name in files]
    assert dataset.classes == ("cat", "dog")
    assert any(
        "column 'image' is read as the path and column 'choice' is read as the label" in note for note in dataset.notes
    )


def test_several_choices_are_no_class(tmp_path: Path) -> None:
    several = json.dumps({"choices": ["cat", "dog"]}).replace('"', '""')
    rows = ["image,id,choice", *(f"{name},{n},{name[:3]}" for n, name in enumerate(NAMES))]
    rows[3] = f'{NAMES[2]},2,"{several}"'
    with pytest.raises(DatasetError, match=r"m\.csv, line 4: several classes, 'cat' and 'dog'\. Expected one class"):
        read_dataset(manifest(tmp_path / "m.csv", "\n".join(rows), *NAMES))


@pytest.mark.parametrize("k", [2, 3])
def test_splits_by_bare_numbers_are_refused_in_words(tmp_path: Path, k: int) -> None:
    rows = ["uri,label,split", *(f"{name},{name[:3]},{n % k}" for n, name in enumerate(NAMES))]
    with pytest.raises(DatasetError, match=r"are numbers, and nothing says which is which.*name the column fold"):
        read_dataset(manifest(tmp_path / "m.csv", "\n".join(rows), *NAMES))


def test_rows_of_several_labels_as_vertex_has_them(tmp_path: Path) -> None:
    rows = [f"TRAINING,gs://pets/{name},{name[:3]}{',dog' if n == 4 else ''}" for n, name in enumerate(NAMES)]
    with pytest.raises(DatasetError, match=r"line 5: several classes, 'cat' and 'dog', for one photo \(1 of 12 rows\)"):
        read_dataset(manifest(tmp_path / "m.csv", "\n".join(rows)))


def exported(root: Path, *, several: bool = False) -> Path:
    """Roboflow's export with a table of classes in each split."""
    for at, split in enumerate(("train", "valid", "test")):
        names = [f"{split}{n}.jpg" for n in range(4)]
        rows = [
            f"{name}, {int(n % 2 == 0)}, {int(n % 2 or (several and at == 0 and n == 2))}"
            for n, name in enumerate(names)
        ]
        manifest(root / split / "_classes.csv", "\n".join(["filename, cat, dog", *rows]), *names)
    return root


def test_a_folder_with_tables_of_classes(tmp_path: Path) -> None:
    tree(exported(tmp_path / "pets"), "train/other.jpg")
    dataset = read_dataset(tmp_path / "pets")
    assert Counter((record.label, record.split) for record in dataset.records) == {
        (label, split): 2 for label in ("cat", "dog") for split in ("train", "valid", "test")
    }
    assert dataset.notes[0].startswith("the classes are those of '")
    assert "1 photo is in none of these tables, so left out" in dataset.notes
    assert dict(dataset.skipped_files) == {str(tmp_path / "pets/train/other.jpg"): "in no table of classes"}


def test_tables_with_several_classes_a_photo(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"train/_classes\.csv, line 4: 'cat' and 'dog' in one photo"):
        read_dataset(exported(tmp_path / "pets", several=True))


def test_a_table_beside_class_folders_is_no_table_of_classes(tmp_path: Path) -> None:
    root = tree(tmp_path / "pets", *NAMES)
    (root / "_classes.csv").write_text("cat\ndog\n", encoding="utf-8")
    assert read_dataset(root).classes == ("cat", "dog")


def test_the_own_columns_of_a_models_table_of_splits_need_no_word(tmp_path: Path) -> None:
    rows = ["uri,label,split,sha256,left_out,group,component,reference"]
    rows += [f"{name},{name[:3]},{('train', 'test')[n % 2]},{n:064},,,{n},{n}" for n, name in enumerate(NAMES)]
    assert not any(
        "reference" in note for note in read_dataset(manifest(tmp_path / "s.csv", "\n".join(rows), *NAMES)).notes
    )
