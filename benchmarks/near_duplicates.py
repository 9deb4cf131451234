"""Near-duplicates: which copies of real photos are found, and which photos are paired that are no copies.

    python benchmarks/near_duplicates.py ../shared/data [--part tune] [--sheets /tmp/sheets] [--speed 20000]

Copies of up to 200 photos a set are made in a temporary folder, each kind on its own beside all of the set's
photos. The thresholds were chosen on the photos whose sha256 begins with an even byte (`--part tune`); the figures
to quote are those of the odd ones. A pair of two different photos may be a true one: look at the sheets.
"""

import argparse
import hashlib
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance

from whatsit.data.components import group_records
from whatsit.data.near.search import near_duplicates
from whatsit.embedding.backbones.registry import feature_extractor
from whatsit.embedding.embedder import Embedder
from whatsit.images.decode import read_image

SETS = ("flowers", "trash", "ants_bees", "cats_dogs", "elpv", "boats")
BOATS, COPIED = 1800, 200  # photos of boats (all of one would take long); photos that are copied, a set
SUFFIXES = {".jpg", ".jpeg", ".png"}


def _resize(image: Image.Image, scale: float) -> Image.Image:
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS)


def _crop(image: Image.Image, share: float, rng: random.Random) -> Image.Image:
    """Cut `share` off each of the sides that a coin picks, at least one."""
    sides = [0, 0, 0, 0]
    while not any(sides):
        sides = [rng.randrange(2) for _ in range(4)]
    left, top, right, bottom = (share * side for side in sides)
    width, height = image.size
    box = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
    return image.crop((round(box[0]), round(box[1]), round(box[2]), round(box[3])))


def _light(image: Image.Image, change: float, rng: random.Random) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(1 + rng.choice((-change, change)))


def _all_of_it(image: Image.Image, rng: random.Random) -> Image.Image:
    return _light(_resize(_crop(image, 0.05, rng), 0.7), 0.05, rng)


Change = Callable[[Image.Image, random.Random], Image.Image]
KINDS: dict[str, tuple[Change, str, int]] = {  # name → change, format, quality
    "JPEG 50": (lambda image, rng: image, "JPEG", 50),
    "JPEG 40": (lambda image, rng: image, "JPEG", 40),
    "WebP 80": (lambda image, rng: image, "WEBP", 80),
    "× 0.5": (lambda image, rng: _resize(image, 0.5), "JPEG", 90),
    "× 1.5": (lambda image, rng: _resize(image, 1.5), "JPEG", 90),
    "crop 5 %": (lambda image, rng: _crop(image, 0.05, rng), "JPEG", 90),
    "crop 10 %": (lambda image, rng: _crop(image, 0.10, rng), "JPEG", 90),
    "light ± 10 %": (lambda image, rng: _light(image, 0.1, rng), "JPEG", 90),
    "crop, × 0.7, light, JPEG 60": (_all_of_it, "JPEG", 60),
}


def photos(name: str, data: Path) -> list[str]:
    """The photos of a set, without those of the same bytes as an earlier one."""
    if name == "elpv":
        import elpv_dataset

        folder = Path(elpv_dataset.__file__).parent / "data" / "images"
    else:
        folder = data / name / ("train" if name == "boats" else "")
    paths = sorted(str(path) for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if name == "boats":
        paths = sorted(random.Random(0).sample(paths, BOATS))
    return list({_digest(path): path for path in reversed(paths)}.values())[::-1]


def _digest(path: str) -> bytes:
    return hashlib.sha256(Path(path).read_bytes()).digest()


def make_copies(paths: Sequence[str], kind: str, folder: Path) -> list[str]:
    change, form, quality = KINDS[kind]
    made = []
    for place, path in enumerate(paths):
        image = change(Image.fromarray(read_image(path)), random.Random(f"{kind} {Path(path).name}"))
        target = folder / f"{kind.replace(' ', '_').replace('×', 'x')}-{place}"
        image.save(target, form, quality=quality)
        made.append(str(target))
    return made


def find(embedder: Embedder, paths: Sequence[str]) -> list[tuple[int, int]]:
    result = embedder.fill(paths)
    if result.errors:
        raise SystemExit(f"{paths[min(result.errors)]}: {result.errors[min(result.errors)]}")
    digests = [digest for digest in result.digests if digest]
    return near_duplicates(embedder.vectors(digests), embedder.thumbnails(digests))


def recall(embedder: Embedder, paths: Sequence[str], copied: Sequence[int], copies: Sequence[str]) -> tuple[float, int]:
    """Share of copies in one component with their photo, and pairs of a copy with any other photo or its copy."""
    n, pairs = len(paths), find(embedder, [*paths, *copies])
    source = [*range(n), *copied]
    own = [pair for pair in pairs if source[pair[0]] == source[pair[1]]]
    components = group_records(n + len(copies), own, [None] * (n + len(copies)))
    found = [components[i] == components[n + place] for place, i in enumerate(copied)]
    return float(np.mean(found)), sum(pair not in set(own) and max(pair) >= n for pair in pairs)


def report(name: str, data: Path, part: int, embedder: Embedder, sheets: Path | None) -> None:
    paths = [path for path in photos(name, data) if _digest(path)[0] % 2 == part]
    copied = sorted(random.Random(1).sample(range(len(paths)), min(COPIED, len(paths))))
    pairs = find(embedder, paths)
    cells, strange = [], 0
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            copies = make_copies([paths[i] for i in copied], kind, Path(folder))
            share, others = recall(embedder, paths, copied, copies)
            cells.append(f"{share:.3f}")
            strange += others
    clusters = len(paths) - len(set(group_records(len(paths), pairs, [None] * len(paths)).tolist()))
    print(
        "|", " | ".join([name, str(len(paths)), *cells, str(len(pairs)), str(clusters), str(strange)]), "|", flush=True
    )
    if sheets:
        sheets.mkdir(parents=True, exist_ok=True)
        draw_sheets(paths, pairs, sheets / name)


def draw_sheets(paths: Sequence[str], pairs: Sequence[tuple[int, int]], target: Path, a_sheet: int = 60) -> None:
    """Contact sheets of pairs side by side, with their names, to be looked at."""
    side, columns = 120, 6
    for start in range(0, len(pairs), a_sheet):
        some = pairs[start : start + a_sheet]
        rows = -(-len(some) // columns)
        sheet = Image.new("RGB", (columns * (2 * side + 14), rows * (side + 16)), "white")
        for place, pair in enumerate(some):
            x, y = place % columns * (2 * side + 14), place // columns * (side + 16)
            for k, i in enumerate(pair):
                sheet.paste(Image.fromarray(read_image(paths[i])).resize((side, side)), (x + k * side, y + 12))
                ImageDraw.Draw(sheet).text((x + k * side, y), Path(paths[i]).name[:18], fill="black")
        sheet.save(f"{target}-{start // a_sheet}.png")


def speed(n: int) -> None:
    """Seconds for `n` made-up photos: vectors in 50 bunches, smooth thumbnails."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(50, 1280)).astype(np.float32)
    vectors = centres[rng.integers(0, 50, n)] + rng.normal(size=(n, 1280)).astype(np.float32)
    coarse = rng.integers(0, 256, (n, 8, 8)).astype(np.float32)
    lens = np.maximum(0, 1 - np.abs(np.arange(32)[:, None] / 4 - 0.375 - np.arange(8)))
    thumbnails: NDArray[np.uint8] = (lens @ coarse @ lens.T).astype(np.uint8)
    start = time.perf_counter()
    pairs = near_duplicates(vectors, thumbnails)
    print(f"{n:,} photos: {time.perf_counter() - start:.1f} s, {len(pairs)} pairs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--part", choices=("tune", "report"), default="report")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--sheets", type=Path, help="folder for pictures of the pairs among the photos themselves")
    parser.add_argument("--cache", type=Path, help="folder that keeps the vectors; else a temporary one")
    parser.add_argument("--speed", type=int, nargs="*", default=[], help="only time it, for so many photos")
    options = parser.parse_args()
    if options.speed:
        for n in options.speed:
            speed(n)
        return
    print("| set | photos |", " | ".join(KINDS), "| pairs of photos | photos joined to others | strange pairs |")
    print("| --- " * (len(KINDS) + 5) + "|")
    extractor = feature_extractor("efficientnet-lite0", "int8", "squash")
    with tempfile.TemporaryDirectory() as temporary, Embedder(extractor, options.cache or Path(temporary)) as embedder:
        for name in options.sets:
            report(name, options.data, ("tune", "report").index(options.part), embedder, options.sheets)


if __name__ == "__main__":
    main()
