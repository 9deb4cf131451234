"""Writes the README's pictures: `python docs/picture.py report demo/solar-cells-model/report.html` writes report.png,
`python docs/picture.py page http://127.0.0.1:8000 PHOTO…` writes page.png, from a server that runs there.

The report without its photos: whose they are, their licence decides, not whatsit's. Of the rest, the parts that tell
most. The page with photos that may be shown: README.md says whose.
"""

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser import chromium

WIDTH, HEIGHT = 1000, 700  # CSS pixels
SCALE = 1.5  # pixels of the picture in one
COLOURS = 64
HIDDEN = (
    "nav",
    "details",
    "#next",
    "#photos",
    "#data",
    "#making",
    "#classes > :not(h2, .pair)",
    ".chart:nth-child(n + 3)",
)
IMAGES = Path(__file__).parent / "images"


def report(page: Page, file: str) -> None:
    page.goto(Path(file).resolve().as_uri())
    page.evaluate("hidden => document.querySelectorAll(hidden).forEach(part => part.remove())", ", ".join(HIDDEN))


def served(page: Page, url: str, *photos: str) -> None:
    page.goto(url)
    page.set_input_files("input[type=file]:not([capture])", photos)
    expect(page.get_by_text(f"{len(photos)} of {len(photos)}")).to_be_visible()


PICTURES = {"report": report, "page": served}


def main(name: str, *given: str) -> None:
    with chromium() as browser:
        context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=SCALE)
        page = context.new_page()
        PICTURES[name](page, *given)
        shot = page.screenshot(full_page=True)
    image = Image.open(io.BytesIO(shot)).convert("RGB")
    image.quantize(COLOURS if name == "report" else 256).save(IMAGES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
