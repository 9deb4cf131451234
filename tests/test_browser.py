"""The report in a real browser: phone and desk, light and dark. Nothing is fetched."""

from collections.abc import Iterator

import pytest
from browser import HEIGHT, SCHEMES, WIDTHS, Visit, chromium, contrast
from playwright.sync_api import Browser, expect

from whatsit.training.run import Trained

pytestmark = pytest.mark.slow

LOAD_PICTURES = """async () => {
  const pictures = [...document.images];
  pictures.forEach(picture => picture.loading = "eager");  // off-screen ones wait for a scroll
  await Promise.all(pictures.map(picture => picture.decode()));
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(params=[(width, scheme) for width in WIDTHS for scheme in SCHEMES], ids="-".join)
def report(request: pytest.FixtureRequest, browser: Browser, model: Trained) -> Iterator[Visit]:
    """The browser with the report open, at each width and in each colour scheme."""
    visit = Visit(browser, *request.param)
    visit.page.goto((model.folder / "report.html").as_uri())
    visit.page.evaluate(LOAD_PICTURES)
    yield visit
    visit.close()


def test_the_page_fits_its_width_and_speaks_to_no_network(report: Visit) -> None:
    assert report.said == []
    assert report.foreign
    assert all(url.startswith("file:") for url in report.foreign)
    report.check_width()


def test_the_headline_is_the_first_thing_to_see(report: Visit, model: Trained) -> None:
    headline = report.page.locator(".headline")
    shown = headline.inner_text().replace("\N{NO-BREAK SPACE}", " ")
    assert shown == model.report.headline
    expect(headline).to_be_visible()
    box = headline.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < HEIGHT


def test_pictures_are_there_and_say_what_they_show(report: Visit) -> None:
    images = report.page.evaluate("[...document.images].map(i => ({alt: i.alt, width: i.naturalWidth}))")
    assert images
    assert all(image["alt"].strip() and image["width"] > 0 for image in images)
    charts = report.page.locator("svg[role=img]").all()
    assert charts
    assert all(chart.get_attribute("aria-label") or chart.locator("title").count() for chart in charts)


def test_a_click_enlarges_a_photo_and_another_makes_it_small_again(report: Visit) -> None:
    photo = report.page.locator("#photos .pictures").first
    picture = photo.locator("img").first

    def width() -> float:
        box = picture.bounding_box()
        assert box is not None
        return box["width"]

    small = width()
    picture.click()
    assert width() > 1.5 * small
    report.check_width()
    picture.click()
    assert width() == small
    photo.press("Enter")
    assert width() > 1.5 * small


def test_text_can_be_read_in_either_scheme(report: Visit) -> None:
    """WCAG 2.1's contrast of body text to its ground, at least 4.5."""
    colours = report.page.evaluate(
        "() => { const s = getComputedStyle(document.body); return [s.color, s.backgroundColor] }"
    )
    assert contrast(*colours) >= 4.5
