#!/usr/bin/env bash
# timm 1.0.31, create_dataset on a folder: a split that is not there is all photos, training photos included; and each
# split numbers the classes that it happens to hold by itself. Neither is said.
#
# Guessed: with train/ and dev/ (or holdout/, or no folders of splits at all), split="validation" fails, as no folder
# has that name. With train/{ant,cat,dog} and val/{cat,dog}, val's photos keep the numbers that train gave.
# Seen: "validation" is looked for as validation/, val/ and valid/; where none is there, the root itself is read:
# validation accuracy is measured on the training photos too. val/'s cats are 0 where train's are 1: a perfect model is
# right on none of val's photos. And of bus/, car/, train/, split="train" is the trains, in a class without a name.
# Source: timm/data/dataset_factory.py, _search_split returns the root where no folder has the name; and
# timm/data/readers/reader_image_folder.py, find_images_and_targets: class_to_idx is built where none is given.
# Downloads some gigabytes: PyTorch comes with its CUDA libraries.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet timm==1.0.31 torch==2.14.1 torchvision==0.29.1 pillow==13.0.0
cd "$work"
"$work/venv/bin/python" -W error::UserWarning - <<'PY'
from pathlib import Path

import timm
from PIL import Image
from timm.data import create_dataset


def draw(root, folders):
    for number, folder in enumerate(folders):
        place = Path(root, folder)
        place.mkdir(parents=True)
        for photo in range(4):
            Image.new("RGB", (8, 8), (number * 40, photo * 40, 0)).save(place / f"{photo}.png")


def read(root, split):
    photos = create_dataset("", root=root, split=split)
    classes, tops = photos.reader.class_to_idx, {Path(name).parts[0] for name in photos.filenames()}
    print(f"{root}, {split}: {len(photos)} photos, classes {classes}, from {', '.join(sorted(tops))}")
    return len(photos), classes


print("timm", timm.__version__)
draw("dev", ["train/cat", "train/dog", "dev/cat", "dev/dog"])
assert read("dev", "train") == (8, {"cat": 0, "dog": 1})
assert read("dev", "validation") == (16, {"cat": 0, "dog": 1})
draw("flat", ["cat", "dog"])
assert read("flat", "train") == read("flat", "validation") == (8, {"cat": 0, "dog": 1})
draw("val", ["train/ant", "train/cat", "train/dog", "val/cat", "val/dog"])
assert read("val", "train")[1] == {"ant": 0, "cat": 1, "dog": 2}
assert read("val", "validation") == (8, {"cat": 0, "dog": 1})
draw("vehicles", ["bus", "car", "train"])
assert read("vehicles", "train") == (4, {"": 0})
PY
