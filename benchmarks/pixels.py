"""Are pictures shown as their files describe them? TIFFs of every kind that tifffile writes, held against their data.

    python benchmarks/pixels.py [--files 5000] [--seed 0]

The product of photometric, planes, byte order, depth, number format, compression, predictor, strips and tiles,
opacity and BigTIFF has tens of thousands of kinds (`tests/images/matrix.py`); a seeded share of them is tried. *Right*
is the picture that the written numbers mean, *refused* an error that begins with "not supported", *damaged* what a
valid file is called, *wrong* another picture.
"""

import argparse
import random
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from images.matrix import cases, verdict, written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    every = list(cases())
    random.Random(arguments.seed).shuffle(every)
    counts: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for case in every:
        file = written(case)
        if file is None:
            continue
        found = verdict(case, *file)
        counts[found] += 1
        if found == "wrong":
            wrong[f"{case.photometric} {case.depth}"] += 1
        if counts.total() == arguments.files:
            break
    print(f"{len(every):,} kinds; tried {counts.total():,}: " + ", ".join(f"{counts[k]:,} {k}" for k in _VERDICTS))
    for kind, count in wrong.most_common(10):
        print(f"  wrong: {count:,} of {kind}")


_VERDICTS = ("right", "refused", "damaged", "wrong")

if __name__ == "__main__":
    main()
