"""Writes docs/images/report.png from a model's report: `python docs/picture.py demo/solar-cells-model/report.html`.

Without the photos: whose they are, their licence decides, not whatsit's. Of the rest, the parts that tell most.
"""

import base64
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from test_browser import open_browser

WIDTH = 1000  # CSS pixels
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
PICTURE = Path(__file__).parent / "images" / "report.png"


def picture(report: Path) -> None:
    with tempfile.TemporaryDirectory() as profile:
        browser = open_browser(Path(profile))
        try:
            metrics = {"width": WIDTH, "height": 900, "deviceScaleFactor": SCALE, "mobile": False}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            browser.get(report.resolve().as_uri())
            browser.execute_script(
                "document.querySelectorAll(arguments[0]).forEach(part => part.remove())", ", ".join(HIDDEN)
            )
            height = browser.execute_script("return document.documentElement.scrollHeight")
            clip = {"x": 0, "y": 0, "width": WIDTH, "height": height, "scale": 1}
            shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
        finally:
            browser.quit()
    image = Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")
    image.quantize(COLOURS).save(PICTURE, optimize=True)


if __name__ == "__main__":
    picture(Path(sys.argv[1]))
