"""Small photo-like pictures, drawn anew from a seed, so that tests need no photos of anyone's.

Three classes that differ as photos do: in shape and texture more than in colour, amid noise. They are easy but not
trivial. `drawn_photo` gives pixels, `draw_folder` a data set on disk.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

SIZE = (256, 192)  # pixels, width and height: a common camera's 4 : 3
CLUTTER = 0.4  # how often each kind lies about in a photo of any: enough that a classifier errs now and then
Point = tuple[float, float]
Colour = tuple[int, int, int]
Random = np.random.Generator


def _jitter(rng: Random, colour: Colour, by: int = 28) -> Colour:
    r, g, b = (int(np.clip(c + rng.integers(-by, by + 1), 0, 255)) for c in colour)
    return r, g, b


def _ground(rng: Random) -> Image.Image:
    """Sand, soil or grass: a slope of light under coarse and fine grain."""
    width, height = SIZE
    colours: list[Colour] = [(176, 160, 132), (104, 92, 78), (112, 124, 88)]
    y, x = np.mgrid[:height, :width]
    slope = x * rng.uniform(-0.2, 0.2) + y * rng.uniform(-0.2, 0.2)  # (height, width)
    coarse = Image.fromarray(rng.integers(0, 256, (height // 16, width // 16), dtype=np.uint8))
    grain = np.asarray(coarse.resize(SIZE, Image.Resampling.BICUBIC), np.float64) / 6 - 21
    colour = _jitter(rng, colours[int(rng.integers(len(colours)))])
    pixels = np.array(colour) + (slope + grain)[:, :, None]  # (height, width, 3)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _place(rng: Random, scale: float) -> tuple[Callable[[float, float], Point], float]:
    """Somewhere, turned: maps (along, across) to a pixel. Also the size, in pixels. Clutter lies further out."""
    reach = 0.15 / scale
    x, y = SIZE[0] * rng.uniform(0.5 - reach, 0.5 + reach), SIZE[1] * rng.uniform(0.5 - reach, 0.5 + reach)
    turn, size = rng.uniform(0, 2 * np.pi), scale * rng.uniform(26, 74)
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    return lambda a, b: (x + size * (a * cos - b * sin), y + size * (a * sin + b * cos)), size


def _leaf(rng: Random, image: Image.Image, scale: float) -> None:
    """Pointed at both ends, with a midrib and veins; green, or brown in autumn."""
    pen, (at, size) = ImageDraw.Draw(image), _place(rng, scale)
    colour = _jitter(rng, (72, 118, 52) if rng.random() < 0.7 else (150, 104, 52))
    t, width = np.linspace(-1, 1, 40), rng.uniform(0.32, 0.55)
    edge = width * (1 - t**2)
    outline = [*zip(t, edge, strict=True), *zip(t[::-1], -edge[::-1], strict=True)]
    pen.polygon([at(a, b) for a, b in outline], fill=colour)
    vein = _jitter(rng, tuple(min(255, c + 40) for c in colour), 8)  # type: ignore[arg-type]
    thick = max(1, round(size / 30))
    pen.line([at(-1.25, 0), at(1, 0)], fill=vein, width=thick + 1)
    for along in np.linspace(-0.7, 0.6, int(rng.integers(5, 9))):
        for side in (-1, 1):
            pen.line([at(along, 0), at(along + 0.25, side * width * (0.85 - along**2))], fill=vein, width=thick)


def _shell(rng: Random, image: Image.Image, scale: float) -> None:
    """A fan of ribs from one hinge, with bands across."""
    pen, (at, size) = ImageDraw.Draw(image), _place(rng, scale)
    colour = _jitter(rng, (214, 178, 150) if rng.random() < 0.7 else (168, 140, 128))
    dark = _jitter(rng, tuple(max(0, c - 55) for c in colour), 8)  # type: ignore[arg-type]
    spread, ribs = rng.uniform(0.9, 1.25), int(rng.integers(9, 15))
    angles = np.linspace(-spread, spread, ribs * 6)
    scallop = 1 + 0.05 * np.cos(angles * ribs * np.pi / spread)

    def arc(radius: float) -> list[Point]:
        return [at(radius * r * np.cos(a) - 0.5, radius * r * np.sin(a)) for a, r in zip(angles, scallop, strict=True)]

    pen.polygon([at(-0.6, 0), *arc(1.35)], fill=colour)
    for band in (0.6, 0.95, 1.2):
        pen.line(arc(band), fill=_jitter(rng, dark, 12), width=max(1, round(size / 22)))
    for a in np.linspace(-spread, spread, ribs):
        pen.line([at(-0.5, 0), at(1.32 * np.cos(a) - 0.5, 1.32 * np.sin(a))], fill=dark, width=max(1, round(size / 40)))


def _stones(rng: Random, image: Image.Image, scale: float) -> None:
    """A few rounded lumps, lit from one side, with speckles."""
    pen = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 4))):
        at, size = _place(rng, scale)
        colour = _jitter(rng, (128, 126, 124) if rng.random() < 0.7 else (150, 118, 104))
        turns = np.linspace(0, 2 * np.pi, 14, endpoint=False)
        radii = rng.uniform(0.62, 0.9, len(turns))
        for step in range(6):  # darker at the rim
            shade = tuple(int(c * (0.72 + 0.07 * step)) for c in colour)
            inner = [
                at(r * (1 - step / 9) * np.cos(a) + step / 40, r * (1 - step / 9) * np.sin(a))
                for a, r in zip(turns, radii, strict=True)
            ]
            pen.polygon(inner, fill=shade)
        for a, b in rng.uniform(-0.5, 0.5, (24, 2)):
            x, y = at(a, b)
            pen.ellipse((x, y, x + size / 30, y + size / 30), fill=_jitter(rng, colour, 60))


KINDS: dict[str, Callable[[Random, Image.Image, float], None]] = {"leaves": _leaf, "shells": _shell, "stones": _stones}


def drawn_photo(kind: str, seed: int) -> NDArray[np.uint8]:
    """(192, 256, 3): one of `KINDS`, mostly with something else beside it; equal for equal seeds."""
    rng = np.random.default_rng([list(KINDS).index(kind), seed])
    image = _ground(rng)
    for other in KINDS:
        if rng.random() < CLUTTER:
            KINDS[other](rng, image, rng.uniform(0.3, 0.7))
    KINDS[kind](rng, image, 1)
    blurred = np.asarray(image.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 3))), np.float64)
    noise = rng.normal(0, rng.uniform(3, 16), blurred.shape)
    return (blurred + noise).clip(0, 255).astype(np.uint8)


def draw_folder(folder: Path, per_class: int = 30, first_seed: int = 0) -> Path:
    """`folder/<kind>/<number>.jpg`, `per_class` of each kind; gives the folder."""
    for kind in KINDS:
        (folder / kind).mkdir(parents=True)
        for seed in range(first_seed, first_seed + per_class):
            Image.fromarray(drawn_photo(kind, seed)).save(folder / kind / f"{seed:03}.jpg", quality=88)
    return folder
