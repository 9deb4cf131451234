"""How the page looks: phone and desk, light and dark, with everything on it that it can show."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import SCHEMES, WIDTHS, chromium, contrast
from playwright.sync_api import Browser, expect

from whatsit.training.run import Trained

from .running import Running, serving
from .visitor import Visitor, controls_without_a_name

pytestmark = pytest.mark.slow

TEXTS = """() => {
  const shown = node => node.checkVisibility({visibilityProperty: true}) && !node.closest(".unseen, .skip, option");
  const isClear = colour => colour === "transparent" || /, 0\\)$/.test(colour);
  const ground = node => {
    const colour = getComputedStyle(node).backgroundColor;
    return isClear(colour) ? ground(node.parentElement) : colour;
  };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  for (let text = walk.nextNode(); text; text = walk.nextNode()) {
    const node = text.parentElement;
    if (text.data.trim() && shown(node)) found.push([text.data.trim(), getComputedStyle(node).color, ground(node)]);
  }
  return found;
}"""
CUT_OFF = """() => [...document.querySelectorAll("body *")]
  .filter(node => node.checkVisibility() && !node.closest(".unseen, .skip"))
  .filter(node => node.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map(node => node.outerHTML.slice(0, 80))"""
DRAGGED = "() => { const t = new DataTransfer(); t.items.add(new File([], 'a.jpg')); return t; }"
ANIMATED = "document.getAnimations().filter(one => one.playState === 'running').length"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def server(model: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(model.folder, "--quiet", "--keep", str(tmp_path_factory.mktemp("kept"))) as running:
        yield running


@pytest.fixture(params=[(width, scheme) for width in WIDTHS for scheme in SCHEMES], ids="-".join)
def visitor(request: pytest.FixtureRequest, browser: Browser, server: Running) -> Iterator[Visitor]:
    one = Visitor(browser, server.url, *request.param)
    yield one
    one.close()


def _check(visitor: Visitor) -> None:
    visitor.check_width()
    assert visitor.page.evaluate(CUT_OFF) == []
    texts = visitor.page.evaluate(TEXTS)
    assert texts
    assert [(text, *colours) for text, *colours in texts if contrast(*colours) < 4.5] == []
    assert controls_without_a_name(visitor.page) == []


def test_without_a_photo(visitor: Visitor) -> None:
    expect(visitor.page.locator("#about")).not_to_be_empty()
    _check(visitor)
    visitor.check_quiet()


def test_with_all_that_it_shows(visitor: Visitor, photos: Path, tmp_path: Path) -> None:
    """An answer with its heat map, a correction, an error, a server that cannot be reached, and the drop zone lit."""
    bad = tmp_path / f"{'a-long-name-without-an-end' * 4}.jpg"
    bad.write_text("no picture", encoding="utf-8")
    visitor.drop(photos / "leaves" / "000.jpg", bad, photos / "shells" / "001.jpg")
    visitor.expect_answers(3)
    first, last = visitor.card("000.jpg"), visitor.card("001.jpg")
    first.get_by_role("button", name="Why?").click()
    expect(first.get_by_role("img", name="Heat map")).to_be_visible()
    first.get_by_role("button", name="Wrong?").click()
    last.get_by_role("button", name="Wrong?").click()
    last.get_by_role("button", name="leaves").click()
    expect(last.get_by_text("Thank you!")).to_be_visible()
    visitor.page.route("**/predict?*", lambda route: route.abort())
    visitor.drop(photos / "stones" / "002.jpg", photos / "stones" / "003.jpg")
    expect(visitor.button("Try 2 photos again")).to_be_visible()
    visitor.page.dispatch_event(
        "body", "dragover", {"dataTransfer": visitor.page.evaluate_handle("new DataTransfer()")}
    )
    _check(visitor)
    visitor.check_quiet(errors=True)


def test_the_key_is_asked_for_in_a_form_that_fits(visitor: Visitor) -> None:
    visitor.page.route("**/models", lambda route: route.fulfill(status=401, json={"error": "a key is wanted"}))
    visitor.page.reload()
    expect(visitor.page.get_by_label("Key", exact=True)).to_be_visible()
    _check(visitor)


def test_nothing_moves_for_who_wants_no_motion(browser: Browser, server: Running, photos: Path) -> None:
    visitor = Visitor(browser, server.url)
    visitor.page.route("**/predict?*", lambda route: None)  # it waits for ever
    for motion, moving in ("no-preference", 1), ("reduce", 0):
        visitor.page.emulate_media(reduced_motion=motion)  # type: ignore[arg-type]
        visitor.page.reload()
        visitor.drop(photos / "leaves" / "000.jpg")
        expect(visitor.page.get_by_text("Looking…")).to_be_visible()
        assert visitor.page.evaluate(ANIMATED) == moving
    visitor.close()
