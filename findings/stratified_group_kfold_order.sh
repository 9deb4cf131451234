#!/usr/bin/env bash
# scikit-learn 1.9.1, StratifiedGroupKFold: how even the folds are depends on the order of the rows, and a large group
# with as many photos of one class as of the other is dealt last.
#
# Guessed: groups are dealt from the largest to the smallest, so that one patient with 200 photos and a hundred with 4
# each make folds of 200 and four times 100, in whatever order the rows stand; GroupKFold does so.
# Seen: groups are dealt by falling standard deviation of their class counts. That of a group with 100 photos of either
# class is 0, as small as that of the others, so that its place among the rows decides: it comes on top of a fold that
# is full already. Rows from the largest patient on give 200 and 100s; the same rows backwards give 280 and 80s.
# Whoever sorts a table by another column gets other folds, three and a half times as large as each other.
# Source: sklearn/model_selection/_split.py, StratifiedGroupKFold._iter_test_indices: a stable argsort of
# -np.std(y_counts_per_group, axis=1).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet scikit-learn==1.9.1 numpy==2.4.6
"$work/venv/bin/python" - <<'PY'
import numpy as np
import sklearn
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

sizes = np.array([200] + [4] * 100)  # photos of each patient, half of them of either class


def fold_sizes(splitter, sizes):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    labels = np.concatenate([np.tile([0, 1], n // 2) for n in sizes])
    return sorted((len(test) for _, test in splitter.split(labels, labels, groups)), reverse=True)


first = fold_sizes(StratifiedGroupKFold(5), sizes)
last = fold_sizes(StratifiedGroupKFold(5), sizes[::-1])
plain = fold_sizes(GroupKFold(5), sizes[::-1])
print(f"scikit-learn {sklearn.__version__}, numpy {np.__version__}")
print("StratifiedGroupKFold, the large patient first:", first)
print("StratifiedGroupKFold, the large patient last: ", last)
print("GroupKFold, the large patient last:           ", plain)
assert first == [200, 100, 100, 100, 100], first
assert last == [280, 80, 80, 80, 80], last
assert plain == [200, 100, 100, 100, 100], plain
PY
