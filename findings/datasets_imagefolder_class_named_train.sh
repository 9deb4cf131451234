#!/usr/bin/env bash
# Hugging Face datasets 5.2.0, "imagefolder": a class folder whose name holds a split's word is taken for that split;
# all other classes are left out, and so are the labels, without a word.
#
# Guessed: photos in bus/, car/ and train/ are 12 examples of three classes, since no folder but train/ could be a split
# and two of three are none. And of train/<class> and holdout/<class>, the latter is refused or becomes a split.
# Seen: bus/, car/, train/ give one split "train" of the four photos of trains, without a column "label"; bottle/ beside
# test_tube/ gives a split "test" of the tubes; bottle/ beside dev-board/ a split "validation" of the boards. holdout/
# is not read. "eval" is test, not validation. No warning is given.
# Source: datasets/data_files.py: words of splits between separators, anywhere in a path; files without are taken
# only where no file matches one. packaged_modules/folder_based_builder: where one folder is left, there are no labels.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HF_HOME="$work/home" HF_HUB_OFFLINE=1
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet datasets==5.2.0 pillow==13.0.0
cd "$work"
"$work/venv/bin/python" - <<'PY'
import logging
from collections import Counter
from pathlib import Path

import datasets
from PIL import Image

datasets.disable_progress_bars()
warnings = []
handler = logging.Handler()
handler.emit = lambda record: warnings.append(record.getMessage())
logging.getLogger("datasets").addHandler(handler)


def read(name, folders):
    for number, folder in enumerate(folders):
        place = Path(name, folder)
        place.mkdir(parents=True)
        for photo in range(4):
            Image.new("RGB", (8, 8), (number * 60, photo * 40, 0)).save(place / f"{photo}.png")
    found = {}
    for split, rows in datasets.load_dataset("imagefolder", data_dir=name).items():
        label = rows.features.get("label")
        found[split] = dict(Counter(map(label.int2str, rows["label"]))) if label else len(rows)
    print(f"{', '.join(folders)}: {found}")
    return found


print("datasets", datasets.__version__)
assert read("vehicles", ["bus", "car", "train"]) == {"train": 4}
assert read("glass", ["bottle", "test_tube"]) == {"test": 4}
assert read("boards", ["bottle", "dev-board"]) == {"validation": 4}
assert read("plain", ["bus", "car"]) == {"train": {"bus": 4, "car": 4}}
splits = [f"{split}/{label}" for split in ("train", "holdout") for label in ("cat", "dog")]
assert read("holdout", splits) == {"train": {"cat": 4, "dog": 4}}
splits = [f"{split}/{label}" for split in ("train", "eval") for label in ("cat", "dog")]
assert read("eval", splits) == {"train": {"cat": 4, "dog": 4}, "test": {"cat": 4, "dog": 4}}
assert warnings == [], warnings
PY
