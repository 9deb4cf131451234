"""Someone at the page: gives it photos in each of the ways that it offers, and finds what it shows."""

import base64
import re
from collections.abc import Sequence
from pathlib import Path

from browser import Visit
from playwright.sync_api import Browser, JSHandle, Locator, Page, expect

FAILED = re.compile("Failed to load resource")  # the browser's own word for every answer that is an error
TRANSFER = """files => {
  const transfer = new DataTransfer();
  for (const [name, type, text] of files) {
    const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name, {type}));
  }
  return transfer;
}"""
PASTE = "(element, data) => element.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true}))"


class Visitor(Visit):
    """With the page of a server open."""

    def __init__(self, browser: Browser, url: str, width: str = "desk", scheme: str = "light") -> None:
        super().__init__(browser, width, scheme)
        self.url = url
        self.page.on("filechooser", lambda chooser: None)  # from the start, lest one opens before anyone listens
        self.page.goto(url)

    @property
    def cards(self) -> Locator:
        return self.page.locator(".card")

    def card(self, name: str) -> Locator:
        """That of the file of this name."""
        return self.page.get_by_role("listitem", name=name, exact=True)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def choose(self, *photos: Path) -> None:
        """Through the button and the browser's own window for choosing."""
        with self.page.expect_file_chooser() as chooser:
            self.button("Choose photos").click()
        chooser.value.set_files(photos)

    def drop(self, *photos: Path) -> None:
        data = self._transfer(photos)
        self.page.dispatch_event("#give", "dragover", {"dataTransfer": data})
        self.page.dispatch_event("#give", "drop", {"dataTransfer": data})

    def paste(self, *photos: Path) -> None:
        self.page.locator("body").evaluate(PASTE, self._transfer(photos))

    def expect_answers(self, count: int) -> None:
        """So many cards have their answer, or the reason why there is none."""
        expect(self.page.locator(".card[aria-busy=false]")).to_have_count(count)

    def check_quiet(self, *, errors: bool = False) -> None:
        """Nothing in the console, no request beyond the server. errors: whether answers that are errors are expected,
        as the browser itself writes a line for each."""
        said = [text for text in self.said if not (errors and FAILED.match(text))]
        assert said == []
        assert [url for url in self.foreign if not url.startswith(f"{self.url}/")] == []

    def _transfer(self, photos: Sequence[Path]) -> JSHandle:
        """A DataTransfer with the files."""
        files = [[photo.name, "image/jpeg", base64.b64encode(photo.read_bytes()).decode()] for photo in photos]
        return self.page.evaluate_handle(TRANSFER, files)


def controls_without_a_name(page: Page) -> list[str]:
    """Roles of what can be pressed, chosen, typed into or seen and has no name, as assistive technology is told."""
    roles = {"button", "combobox", "image", "link", "listbox", "searchbox", "table", "textbox", "DisclosureTriangle"}
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    found = [node for node in nodes if not node["ignored"] and node["role"]["value"] in roles]
    assert found
    return [node["role"]["value"] for node in found if not node.get("name", {}).get("value", "").strip()]
