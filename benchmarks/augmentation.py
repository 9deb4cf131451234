"""Our augmentation beside torchvision's v2 transforms: milliseconds a photo, on one thread and on all cores.

The steps are those that trainings from scratch and fine-tuning take by default (`light`), and those of `strong` but for
mixing. v2 draws once for a whole batch, so it is measured so, which a training cannot use, and photo by photo, which
is what a training needs; that also with threads of one photo each. All begin with one batch of uint8 in the memory
format channels_last, and end with float32.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from common import Spread, finish, parser, print_table
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

from whatsit.machine import cores
from whatsit.training.network.augment.augmentation import Augmentation

Way = Callable[[Tensor], Tensor]
STEPS = {"light": "light", "strong, unmixed": "crop=0.35,hflip,colour=0.4,erasing=0.25"}


def v2_steps(name: str, side: int) -> v2.Compose:
    if name == "light":
        affine = v2.RandomAffine(30, (0.2, 0.2), (0.8, 1.2), interpolation=InterpolationMode.BILINEAR)
        return v2.Compose([v2.RandomHorizontalFlip(), affine, v2.ToDtype(torch.float32)])
    crop = v2.RandomResizedCrop(side, scale=(0.35, 1), antialias=False)
    colour = v2.ColorJitter(0.4, 0.4, 0.4, 0.04)
    return v2.Compose([crop, v2.RandomHorizontalFlip(), colour, v2.ToDtype(torch.float32), v2.RandomErasing(0.25)])


def ways(name: str, side: int, threads: int) -> dict[str, Way]:
    """Each takes a batch, uint8 (n, 3, side, side), and gives float32 of the same shape."""
    augmentation, generator = Augmentation(STEPS[name]), torch.Generator().manual_seed(0)
    transforms, pool = v2_steps(name, side), ThreadPoolExecutor(threads)

    def photo_by_photo(batch: Tensor) -> Tensor:
        return torch.stack([transforms(photo) for photo in batch]).contiguous(memory_format=torch.channels_last)

    def photo_by_photo_in_threads(batch: Tensor) -> Tensor:
        torch.set_num_threads(1)
        changed = torch.stack(list(pool.map(transforms, batch))).contiguous(memory_format=torch.channels_last)
        torch.set_num_threads(threads)
        return changed

    alone: dict[str, Way] = {
        "ours": lambda batch: augmentation(batch, generator),
        "v2, photo by photo": photo_by_photo,
        "v2, one draw a batch": lambda batch: transforms(batch).contiguous(memory_format=torch.channels_last),
    }
    return alone if threads == 1 else alone | {"v2, photo by photo in threads": photo_by_photo_in_threads}


def main() -> None:
    started = time.perf_counter()
    options = parser(__doc__)
    options.add_argument("--sides", type=int, nargs="+", default=[128, 224], metavar="PIXELS", help="of the photos")
    options.add_argument("--batch", type=int, default=32, help="photos a batch")
    options.add_argument("--rounds", type=int, default=15, help="batches, the ways in turn")
    given = options.parse_args()
    rows = []
    for threads in sorted({1, cores()}):
        torch.set_num_threads(threads)
        for side in given.sides:
            batch = torch.randint(0, 256, (given.batch, 3, side, side), dtype=torch.uint8)
            batch = batch.contiguous(memory_format=torch.channels_last)
            for name in STEPS:
                candidates = ways(name, side, threads)
                wall: dict[str, list[float]] = {way: [] for way in candidates}
                busy: dict[str, list[float]] = {way: [] for way in candidates}
                for _ in range(given.rounds + 1):
                    for way, change in candidates.items():
                        before, spent = time.perf_counter(), time.process_time()
                        change(batch)
                        busy[way].append(1e3 * (time.process_time() - spent) / given.batch)
                        wall[way].append(1e3 * (time.perf_counter() - before) / given.batch)
                ours = Spread.of(wall["ours"][1:])
                for way in candidates:
                    one, cpu = Spread.of(wall[way][1:]), Spread.of(busy[way][1:])
                    rows.append(
                        [
                            threads,
                            side,
                            name,
                            way,
                            one.text(),
                            cpu.text(),
                            f"{one.low / ours.low:.1f}",
                            f"{one.median / ours.median:.1f}",
                        ]
                    )
    header = [
        "threads",
        "px",
        "steps",
        "way",
        "wall ms a photo",
        "processor ms",
        "times ours, least",
        "times ours, median",
    ]
    print_table(header, rows)
    print(f"\nLeast / median / greatest of {given.rounds} batches of {given.batch}; torch {torch.__version__}.")
    finish(started)


if __name__ == "__main__":
    main()
