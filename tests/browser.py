"""A real browser for tests: Debian's Chromium, headless, driven by Playwright. Nothing is fetched from elsewhere.

Never skipped: `make test` installs it. Playwright's synchronous API keeps an event loop in this thread while it runs,
so a test module opens it for itself (a fixture of its scope) and closes it again.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from patience import PATIENCE
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

ARGUMENTS = (
    "--no-sandbox",  # Chromium refuses to run as root with one
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MILLISECONDS = 1000 * PATIENCE
WIDTHS = {"phone": 390, "desk": 1280}  # CSS pixels
HEIGHT = 900
SCHEMES = ("light", "dark")
LOUD = {"error", "warning"}
OWN = ("data:", "blob:")  # what lies in the page itself

FITS = "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"


@contextmanager
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium")
    assert path, "chromium is missing: run make test, or apt-get install chromium"
    expect.set_options(timeout=MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


class Visit:
    """One tab in a profile of its own, and what it said and asked for."""

    def __init__(self, browser: Browser, width: str = "desk", scheme: Any = "light") -> None:
        """width: one of `WIDTHS`; scheme: one of `SCHEMES`."""
        phone = width == "phone"
        self.context = browser.new_context(
            viewport={"width": WIDTHS[width], "height": HEIGHT}, color_scheme=scheme, is_mobile=phone, has_touch=phone
        )
        self.context.set_default_timeout(MILLISECONDS)
        self.said: list[str] = []  # in the console, of errors and warnings
        self.requested: list[str] = []  # URLs, without what lies in the page itself
        self.page: Page = self.context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.requested.append(request.url))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in LOUD:
            self.said.append(message.text)

    @property
    def foreign(self) -> list[str]:
        """What was asked for beyond the page itself."""
        return [url for url in self.requested if not url.startswith(OWN)]

    def check_width(self) -> None:
        """Nothing has to be scrolled sideways."""
        content, inner = self.page.evaluate(FITS)
        assert content <= inner, f"the page is {content} px wide in a window of {inner}"

    def close(self) -> None:
        self.context.close()


def contrast(one: str, other: str) -> float:
    """Of two colours, 'rgb(r, g, b)', as WCAG 2.1 defines it: 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
