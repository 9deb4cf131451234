"""Which level of a tree holds the classes: splits by any usual name, wrappers, parts, and folders that are none."""

import json
from collections import Counter
from pathlib import Path

import pytest

from whatsit.config import ReadOptions, TopFolders
from whatsit.data.dataset import Dataset
from whatsit.data.read import read_dataset, read_photos
from whatsit.errors import DatasetError

from .build import tree


def grid(tops: list[str], subs: list[str], photos: int = 2) -> list[str]:
    return [f"{top}/{sub}/{n}.jpg" for top in tops for sub in subs for n in range(photos)]


def flat(names: list[str], photos: int = 2) -> list[str]:
    return [f"{name}/{n}.jpg" for name in names for n in range(photos)]


def counts(dataset: Dataset) -> dict[tuple[str | None, str], int]:
    return dict(Counter((record.split, record.label) for record in dataset.records))


@pytest.mark.parametrize(
    "folders",
    [
        {"training_set": "train", "test_set": "test"},
        {"train": "train", "dev": "valid"},
        {"train": "train", "eval": "test"},
        {"train": "train", "eval": "valid", "test": "test"},
        {"train": "train", "val": "valid", "eval": "test"},
        {"train": "train", "holdout": "test"},
        {"train": "train", "held-out": "test"},
        {"train_images": "train", "val_images": "valid"},
        {"seg_train": "train", "seg_test": "test"},
        {"train2017": "train", "val2017": "valid"},
        {"train": "train", "val": "valid", "test1": "test"},
        {"Training": "train", "Testing": "test"},
        {"TRAIN": "train", "TEST": "test"},
        {"Train_Set_Folder": "train", "Test_Set_Folder": "test"},
        {"dataset_train": "train", "dataset_test": "test"},
        {"pets-train": "train", "pets-val": "valid"},
        {"trainset": "train", "testset": "test"},
        {"TrainImages": "train", "ValImages": "valid"},
        {"trainval": "train", "test": "test"},
    ],
)
def test_split_folders_by_usual_names(tmp_path: Path, folders: dict[str, str]) -> None:
    dataset = read_dataset(tree(tmp_path, *grid(list(folders), ["a", "b"])))
    assert counts(dataset) == {(split, label): 2 for split in folders.values() for label in "ab"}


def test_unusual_names_of_splits_are_said(tmp_path: Path) -> None:
    dataset = read_dataset(tree(tmp_path, *grid(["train", "dev"], ["a", "b"])))
    assert dataset.notes == ("splits by their folders: dev is valid, train is train",)
    tree(tmp_path / "plain", *grid(["train", "test"], ["a", "b"]))
    assert read_dataset(tmp_path / "plain").notes == ()


@pytest.mark.parametrize("wrapper", ["dataset", "archive/dataset", "images", "labelled"])
def test_one_folder_that_holds_all_is_looked_into(tmp_path: Path, wrapper: str) -> None:
    dataset = read_dataset(tree(tmp_path, *grid([wrapper], ["a", "b"])))
    assert dataset.classes == ("a", "b")
    assert any(f"read from {tmp_path / wrapper}/" in note for note in dataset.notes)


def test_wrapped_splits(tmp_path: Path) -> None:
    dataset = read_dataset(tree(tmp_path, *grid(["dataset/train", "dataset/test"], ["a", "b"])))
    assert counts(dataset) == {(split, label): 2 for split in ("train", "test") for label in "ab"}


def test_splits_nested_twice(tmp_path: Path) -> None:
    dataset = read_dataset(tree(tmp_path, *grid(["seg_train/seg_train", "seg_test/seg_test"], ["a", "b"])))
    assert counts(dataset) == {(split, label): 2 for split in ("train", "test") for label in "ab"}
    assert sum("read from" in note for note in dataset.notes) == 2


def test_a_split_with_one_class_is_no_wrapper(tmp_path: Path) -> None:
    tree(tmp_path, *grid(["train"], ["a", "b"]), *grid(["test/a"], ["near", "far"]))
    assert counts(read_dataset(tmp_path)) == {("train", "a"): 2, ("train", "b"): 2, ("test", "a"): 4}


def test_splits_below_each_class_are_the_users(tmp_path: Path) -> None:
    dataset = read_dataset(tree(tmp_path, *grid(["oak", "elm"], ["train", "test"])))
    assert counts(dataset) == {(split, label): 2 for split in ("train", "test") for label in ("oak", "elm")}
    assert any("below each class" in note for note in dataset.notes)


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ("ash/1.jpg", "'ash' has 1 photo in no split"),
        ("oak/1.jpg", "'oak' has 1 photo in no split"),
        ("oak/masked/1.jpg", "'oak' has 'masked', which is no split"),
        ("oak/training/1.jpg", "'oak' has two folders for one split"),
    ],
)
def test_splits_below_some_classes_are_refused(tmp_path: Path, odd: str, why: str) -> None:
    tree(tmp_path, *grid(["oak", "elm"], ["train", "test"]), odd)
    with pytest.raises(DatasetError, match=f"{why}.*--top-folders classes"):
        read_dataset(tmp_path)


def test_a_lone_split_word_below_one_class_is_said(tmp_path: Path) -> None:
    dataset = read_dataset(tree(tmp_path, *flat(["cat", "dog"]), "dog/test/9.jpg"))
    assert counts(dataset) == {(None, "cat"): 2, (None, "dog"): 3}
    assert dataset.notes == ("'test' in 'dog' is read as a part of that class",)


@pytest.mark.parametrize(
    "tops",
    [
        ["fold_0", "fold_1", "fold_2"],
        ["1", "2", "3"],
        ["cv0", "cv1"],
        ["split1", "split2"],
        ["batch1", "batch2"],
        ["2019", "2020"],
        ["camera_01", "camera_02"],
        ["original", "augmented"],
        ["london", "paris"],
        ["patient_1", "patient_2"],
    ],
)
def test_a_level_whose_members_hold_the_same_folders_is_asked_about(tmp_path: Path, tops: list[str]) -> None:
    tree(tmp_path, *grid(tops, ["cat", "dog"]))
    with pytest.raises(DatasetError) as error:
        read_dataset(tmp_path)
    told = str(error.value)
    assert "hold folders of the same names, 'cat' and 'dog'" in told
    assert "\n" not in told
    for typed in ("--top-folders classes", "--top-folders parts", "--top-folders groups", "--split-folders train="):
        assert typed in told
    expected: dict[TopFolders, tuple[str, ...]] = {"classes": tuple(sorted(tops)), "parts": ("cat", "dog")}
    for top, classes in expected.items():
        dataset = read_dataset(tmp_path, options=ReadOptions(top_folders=top))
        assert (dataset.classes, {record.group for record in dataset.records}) == (classes, {None})
    grouped = read_dataset(tmp_path, options=ReadOptions(top_folders="groups"))
    assert (grouped.classes, {record.group for record in grouped.records}) == (("cat", "dog"), set(tops))


def test_parts_that_share_few_folders(tmp_path: Path) -> None:
    tree(tmp_path, *flat(["2019/deer", "2020/fox", "2021/hare"]))
    with pytest.raises(DatasetError, match="Which are the classes"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    "below",
    [["closeup", "far"], ["2020", "2021"], ["left", "right"], ["images"], ["batch1", "batch2"], ["day", "night"]],
)
def test_views_and_years_below_classes_are_no_classes(tmp_path: Path, below: list[str]) -> None:
    dataset = read_dataset(tree(tmp_path, *grid(["oak", "elm", "ash"], below)))
    assert dataset.classes == ("ash", "elm", "oak")
    assert (len(below) == 1) or "classes are the upper folders" in dataset.notes[0]


def test_a_taxonomy_keeps_its_upper_classes(tmp_path: Path) -> None:
    dataset = read_dataset(tree(tmp_path, *flat(["birds/owl", "birds/other", "cats/lion", "cats/other", "fish"])))
    assert (dataset.classes, dataset.notes) == (("birds", "cats", "fish"), ())


def test_known_classes_tell_the_level(tmp_path: Path) -> None:
    tree(tmp_path, *grid(["london", "paris"], ["cat", "dog"]))
    assert {r.label for r in read_dataset(tmp_path, classes=("cat", "dog")).records} == {"cat", "dog"}
    assert {r.label for r in read_dataset(tmp_path, classes=("london", "paris")).records} == {"london", "paris"}
    order = tmp_path / "dict.txt"
    order.write_text("dog\ncat\n")
    assert read_dataset(tmp_path, label_dict=order).classes == ("dog", "cat")
    tree(tmp_path / "one", *grid(["cat"], ["near", "far"]))
    assert {r.label for r in read_dataset(tmp_path / "one", classes=("cat", "dog")).records} == {"cat"}


@pytest.mark.parametrize("stray", ["runs", "extra", "minitest"])
def test_a_stray_folder_beside_splits_is_refused(tmp_path: Path, stray: str) -> None:
    tree(tmp_path, *grid(["train", "test"], ["a", "b"]), f"{stray}/a/1.jpg")
    with pytest.raises(
        DatasetError, match=f"'test' and 'train' look like splits, '{stray}' beside them not.*--skip {stray}"
    ):
        read_dataset(tmp_path)
    dataset = read_dataset(tmp_path, options=ReadOptions(skip=(stray,)))
    assert counts(dataset) == {(split, label): 2 for split in ("train", "test") for label in "ab"}
    assert (str(tmp_path / stray), "left out by --skip") in dataset.skipped_files


def test_a_folder_without_photos_beside_splits_is_no_stray(tmp_path: Path) -> None:
    tree(tmp_path, *grid(["train", "test"], ["a", "b"]))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "readme.md").write_text("hello")
    assert read_dataset(tmp_path).has_splits


def test_train_beside_loose_photos(tmp_path: Path) -> None:
    dataset = read_dataset(tree(tmp_path, *grid(["train"], ["a", "b"]), *flat(["test_images"])))
    assert dataset.classes == ("a", "b")
    assert not dataset.has_splits
    assert dataset.skipped == {"no class folder": 2}
    assert any("2 photos in no class folder are passed over" in note for note in dataset.notes)


@pytest.mark.parametrize(
    "names",
    [["_unlabeled"], ["no label"], ["no_label"], ["unlabelled"], ["Unlabeled2017"], ["not-labelled", "unsorted"]],
)
def test_folders_without_a_label_are_no_classes(tmp_path: Path, names: list[str]) -> None:
    dataset = read_dataset(tree(tmp_path, *flat(["cat", "dog", *names])))
    assert dataset.classes == ("cat", "dog")
    assert dataset.skipped == {"folder of photos without a label": len(names)}
    assert all(f"'{name}' is passed over (2 photos)" in " ".join(dataset.notes) for name in names)
    everything = read_dataset(tmp_path, options=ReadOptions(top_folders="classes"))
    assert set(everything.classes) == {"cat", "dog", *names}


def test_unlabelled_may_be_what_the_user_wants_to_tell(tmp_path: Path) -> None:
    tree(tmp_path, *flat(["labelled", "unlabelled"]))
    with pytest.raises(
        DatasetError, match=r"only one class, 'labelled'.*'unlabelled' is passed over.*--top-folders classes"
    ):
        read_dataset(tmp_path)
    told = read_dataset(tmp_path, options=ReadOptions(top_folders="classes"))
    assert told.classes == ("labelled", "unlabelled")


def test_names_that_say_nothing_are_pointed_out(tmp_path: Path) -> None:
    dataset = read_dataset(tree(tmp_path, *flat(["cat", "dog", "misc"])))
    assert dataset.classes == ("cat", "dog", "misc")
    assert "'misc' is read as a class of its own" in dataset.notes[0]


def test_hidden_folders_are_said(tmp_path: Path) -> None:
    hidden = ["cat/.ipynb_checkpoints/1.jpg", "dog/.ipynb_checkpoints/1.jpg", "__MACOSX/cat/1.jpg", "@eaDir/1.jpg"]
    dataset = read_dataset(tree(tmp_path, *flat(["cat", "dog"]), *hidden))
    assert counts(dataset) == {(None, "cat"): 2, (None, "dog"): 2}
    (note,) = dataset.notes
    assert all(name in note for name in (".ipynb_checkpoints (2 times)", "__MACOSX", "@eaDir"))


@pytest.mark.parametrize(
    ("names", "same"),
    [(["Cat", "cat", "dog"], "'Cat' and 'cat'"), (["golden_retriever", "Golden Retriever"], "'Golden Retriever'")],
)
def test_classes_that_differ_in_spelling_are_pointed_out(tmp_path: Path, names: list[str], same: str) -> None:
    dataset = read_dataset(tree(tmp_path, *flat(names)))
    assert dataset.classes == tuple(sorted(names))
    assert f"classes {same}" in dataset.notes[0]


@pytest.mark.parametrize("suffix", [".txt", ".json", ".cls"])
def test_shards_of_a_download_are_refused(tmp_path: Path, suffix: str) -> None:
    tree(tmp_path, *flat(["00000", "00001"]))
    assert read_dataset(tmp_path).classes == ("00000", "00001")  # as such they are classes of GTSRB
    for image in tmp_path.glob("*/*.jpg"):
        image.with_suffix(suffix).write_text(json.dumps("cat"))
    with pytest.raises(DatasetError, match=f"'00000' and '00001' hold a {suffix} beside each photo: shards"):
        read_dataset(tmp_path)


@pytest.mark.parametrize("names", [["shard-0001", "shard-0002"], ["fold_0", "fold_1"], ["batch1", "batch2"]])
def test_numbered_parts_are_refused(tmp_path: Path, names: list[str]) -> None:
    tree(tmp_path, *flat(names))
    with pytest.raises(DatasetError, match="parts of a whole by their names"):
        read_dataset(tmp_path)
    assert read_dataset(tmp_path, options=ReadOptions(top_folders="classes")).classes == tuple(names)


@pytest.mark.parametrize("images", ["images", "imgs", "JPEGImages"])
@pytest.mark.parametrize("masks", ["masks", "annotations", "labels"])
def test_masks_are_refused(tmp_path: Path, images: str, masks: str) -> None:
    tree(tmp_path, *flat([images, masks], 5))
    with pytest.raises(DatasetError, match=f"'{masks}' holds a picture to each photo of '{images}': masks"):
        read_dataset(tmp_path)


def test_masks_in_class_folders_are_refused_and_can_be_skipped(tmp_path: Path) -> None:
    tree(tmp_path, *grid(["covid", "normal"], ["images", "masks"]))
    with pytest.raises(DatasetError, match=r"masks.*--skip masks"):
        read_dataset(tmp_path)
    dataset = read_dataset(tmp_path, options=ReadOptions(skip=("masks",)))
    assert counts(dataset) == {(None, "covid"): 2, (None, "normal"): 2}


def test_masks_beside_their_photos_are_refused_and_can_be_skipped(tmp_path: Path) -> None:
    tree(tmp_path, *flat(["benign", "normal"]), "benign/0_mask.jpg", "benign/1_mask.jpg")
    with pytest.raises(
        DatasetError, match=r"'benign' holds masks of its photos, such as '0_mask.jpg'.*--skip '\*_mask.jpg'"
    ):
        read_dataset(tmp_path)
    dataset = read_dataset(tmp_path, options=ReadOptions(skip=("*_mask.jpg",)))
    assert counts(dataset) == {(None, "benign"): 2, (None, "normal"): 2}


def test_mask_is_a_class_beside_no_mask(tmp_path: Path) -> None:
    assert read_dataset(tree(tmp_path, *flat(["mask", "no_mask"], 5))).classes == ("mask", "no_mask")


@pytest.mark.parametrize(
    ("photos", "texts"),
    [("images/train", "labels/train"), ("train/images", "train/labels"), ("obj_train_data", "obj_train_data")],
)
def test_boxes_are_named(tmp_path: Path, photos: str, texts: str) -> None:
    for image in flat([photos]):
        tree(tmp_path, image)
        text = tmp_path / image.replace(photos, texts).replace(".jpg", ".txt")
        text.parent.mkdir(parents=True, exist_ok=True)
        text.write_text("0 0.1 0.1 0.2 0.2")
    with pytest.raises(DatasetError, match="as boxes for object detection are kept"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    "names", [["trainA", "trainB", "testA", "testB"], ["cat_train", "cat_test", "dog_train", "dog_test"]]
)
def test_a_split_and_a_class_in_one_name_are_refused(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(DatasetError, match="name a split and a class in one"):
        read_dataset(tree(tmp_path, *flat(names)))


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (["train", "boat", "plane"], ("boat", "plane", "train")),
        (["train/steam", "train/diesel", "boat/sail", "plane/jet"], ("boat", "plane", "train")),
        (["steam_train", "toy_train", "boat"], ("boat", "steam_train", "toy_train")),
        (["class1", "class2"], ("class1", "class2")),
        (["0", "1", "2"], ("0", "1", "2")),
        (["good", "bad"], ("bad", "good")),
    ],
)
def test_names_that_could_be_misread_stay_classes(tmp_path: Path, names: list[str], classes: tuple[str, ...]) -> None:
    dataset = read_dataset(tree(tmp_path, *flat(names)))
    assert (dataset.classes, dataset.has_splits) == (classes, False)


def test_which_test_is_which_has_to_be_said(tmp_path: Path) -> None:
    tree(tmp_path, *grid(["training", "public_test", "private_test"], ["a", "b"]))
    with pytest.raises(DatasetError, match="--split-folders test=private_test,test=public_test,train=training"):
        read_dataset(tmp_path)
    told = ReadOptions(split_folders={"training": "train", "public_test": "valid", "private_test": "test"})
    assert {split for split, _ in counts(read_dataset(tmp_path, options=told))} == {"train", "valid", "test"}


def test_split_folders_as_told(tmp_path: Path) -> None:
    tree(tmp_path, *grid(["fold_0", "fold_1", "fold_2"], ["a", "b"]))
    dataset = read_dataset(tmp_path, options=ReadOptions(split_folders={"fold_0": "train", "fold_2": "test"}))
    assert counts(dataset) == {(split, label): 2 for split in ("train", "test") for label in "ab"}
    assert "'fold_1': not named by --split-folders" in dataset.notes[0]
    both = ReadOptions(split_folders={"fold_0": "train", "fold_1": "train", "fold_2": "test"})
    assert counts(read_dataset(tmp_path, options=both))["train", "a"] == 4
    with pytest.raises(
        DatasetError, match=r"--split-folders names 'fold_9', which is not there. Expected some of 'fold_0'"
    ):
        read_dataset(tmp_path, options=ReadOptions(split_folders={"fold_9": "train"}))


def test_split_folders_as_told_below_classes_and_by_path(tmp_path: Path) -> None:
    tree(tmp_path, *grid(["oak", "elm"], ["mine", "yours"]))
    told = read_dataset(tmp_path, options=ReadOptions(split_folders={"mine": "train", "yours": "test"}))
    assert counts(told) == {(split, label): 2 for split in ("train", "test") for label in ("oak", "elm")}
    tree(tmp_path / "far", *grid(["x/one", "y/two"], ["a", "b"]))
    told = read_dataset(tmp_path / "far", options=ReadOptions(split_folders={"x/one": "train", "y/two": "test"}))
    assert counts(told) == {(split, label): 2 for split in ("train", "test") for label in "ab"}


def test_a_grid_within_a_split_is_refused(tmp_path: Path) -> None:
    tree(tmp_path, *grid(["train/batch1", "train/batch2"], ["a", "b"]), *grid(["test"], ["a", "b"]))
    with pytest.raises(
        DatasetError, match=r"'batch1' and 'batch2' hold folders of the same names.*Expected train/<class>/"
    ):
        read_dataset(tmp_path)


def test_a_test_set_apart_is_read_by_the_classes_of_train(tmp_path: Path) -> None:
    tree(tmp_path, *grid(["train"], ["a", "b"]), *grid(["later/week1", "later/week2"], ["a", "b"]))
    dataset = read_dataset(tmp_path / "train", test=tmp_path / "later")
    assert counts(dataset) == {("train", "a"): 2, ("train", "b"): 2, ("test", "a"): 4, ("test", "b"): 4}


def test_embedding_wants_to_know_the_classes_too(tmp_path: Path) -> None:
    tree(tmp_path, *grid(["fold_0", "fold_1"], ["a", "b"]))
    with pytest.raises(DatasetError, match="Which are the classes"):
        read_photos(tmp_path)
    assert read_photos(tmp_path, ReadOptions(top_folders="parts")).classes == ("a", "b")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top_folders": "folds"}, "top_folders='folds'"),
        ({"top_folders": "parts", "split_folders": {"a": "train"}}, "expected one of them"),
        ({"split_folders": {"a": "fold"}}, "unknown split 'fold'"),
        ({"max_missing": 2}, "not a share"),
        ({"path_column": "a", "label_column": "A "}, "path_column and label_column are both"),
    ],
)
def test_options_that_say_two_things(options: dict[str, object], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        ReadOptions(**options)  # type: ignore[arg-type]
