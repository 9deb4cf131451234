"""The report in a real browser: phone and desk, light and dark. Needs Debian's chromium and chromedriver.

Never skipped: `make test` installs both. Nothing is fetched, neither by selenium nor by the page.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from whatsit.pipeline import Trained

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # Chromium refuses to run as root with one
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDTHS = {"phone": 390, "desk": 1280}  # CSS pixels
SCHEMES = ("light", "dark")
LOAD_PICTURES = """
const done = arguments[0], pictures = [...document.images];
pictures.forEach(picture => picture.loading = "eager");  // off-screen ones wait for a scroll
Promise.all(pictures.map(picture => picture.decode())).then(() => done(null), error => done(String(error)));
"""


def open_browser(profile: Path) -> Chrome:
    """A fresh headless Chromium that keeps a log of its console and network."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert browser, "chromium is missing: run make test, or apt-get install chromium chromium-driver"
    assert driver, "chromedriver is missing: run make test, or apt-get install chromium chromium-driver"
    options = ChromeOptions()
    options.binary_location = browser
    for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return Chrome(options=options, service=Service(executable_path=driver))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    chrome = open_browser(tmp_path_factory.mktemp("profile"))
    yield chrome
    chrome.quit()


@pytest.fixture(params=[(width, scheme) for width in WIDTHS for scheme in SCHEMES], ids="-".join)
def report(request: pytest.FixtureRequest, browser: Chrome, model: Trained) -> Chrome:
    """The browser with the report open, at each width and in each colour scheme."""
    width, scheme = request.param
    metrics = {"width": WIDTHS[width], "height": 900, "deviceScaleFactor": 1, "mobile": width == "phone"}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "screen", "features": features})
    for name in ("browser", "performance"):
        log(browser, name)  # reading empties it
    browser.get((model.folder / "report.html").as_uri())
    assert browser.execute_async_script(LOAD_PICTURES) is None
    return browser


def log(browser: Chrome, name: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = browser.get_log(name)  # type: ignore[no-untyped-call]
    return entries


def requested(browser: Chrome) -> list[str]:
    """The URLs that the page asked for, without what lies in the page itself."""
    events = [json.loads(entry["message"])["message"] for entry in log(browser, "performance")]
    sent = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    return [url for url in sent if not url.startswith("data:")]


def test_the_page_fits_its_width_and_speaks_to_no_network(report: Chrome) -> None:
    assert [entry["message"] for entry in log(report, "browser")] == []
    urls = requested(report)
    assert urls
    assert all(url.startswith("file:") for url in urls)
    inner, content = report.execute_script(
        "return [document.documentElement.clientWidth, document.documentElement.scrollWidth]"
    )
    assert content <= inner, f"the page is {content} px wide in a window of {inner}"


def test_the_headline_is_the_first_thing_to_see(report: Chrome, model: Trained) -> None:
    headline = report.find_element(By.CLASS_NAME, "headline")
    shown = headline.text.replace("\N{NO-BREAK SPACE}", " ")
    assert shown == model.report.headline
    assert headline.is_displayed()
    assert headline.location["y"] + headline.size["height"] < 900


def test_pictures_are_there_and_say_what_they_show(report: Chrome) -> None:
    images: list[dict[str, Any]] = report.execute_script(
        "return [...document.images].map(i => ({alt: i.alt, width: i.naturalWidth}))"
    )
    assert images
    assert all(image["alt"].strip() and image["width"] > 0 for image in images)
    charts = report.find_elements(By.CSS_SELECTOR, "svg[role=img]")
    assert charts
    assert all(chart.get_attribute("aria-label") or chart.find_elements(By.TAG_NAME, "title") for chart in charts)


def test_text_can_be_read_in_either_scheme(report: Chrome) -> None:
    """WCAG 2.1's contrast of body text to its ground, at least 4.5."""
    colours = report.execute_script("const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]")
    darker, lighter = sorted(_luminance(colour) for colour in colours)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def _luminance(colour: str) -> float:
    """Of 'rgb(r, g, b)', as WCAG 2.1 defines it."""
    channels = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
