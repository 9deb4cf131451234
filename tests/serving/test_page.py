"""The page for people, in a real browser against a real server: photos in, answers out, and what goes wrong."""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browser import chromium
from playwright.sync_api import Browser, Route, expect

from whatsit.config import MIB
from whatsit.model.format import Unsure, read_model, write_core
from whatsit.model.versions.store import Repository
from whatsit.serving.feedback import write_corrections
from whatsit.training.run import Trained

from .running import Running, serving
from .visitor import Visitor

pytestmark = pytest.mark.slow

AT_ONCE = 4
KEY = "an-open-secret"

Open = Callable[..., Visitor]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def visit(browser: Browser) -> Iterator[Open]:
    """Opens the page of a server, and closes it at the end."""
    opened: list[Visitor] = []

    def open_page(running: Running, width: str = "desk", scheme: str = "light") -> Visitor:
        opened.append(Visitor(browser, running.url, width, scheme))
        return opened[-1]

    yield open_page
    for one in opened:
        one.close()


@pytest.fixture
def leaf(photos: Path) -> Path:
    return photos / "leaves" / "000.jpg"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A file that claims to be a photo."""
    path = tmp_path / "notes.jpg"
    path.write_text("no picture at all", encoding="utf-8")
    return path


def rewritten(model: Trained, target: Path, **changed: Any) -> Path:
    """A folder of the same model whose model.json says something else."""
    facts, graph = read_model(model.folder)
    folder = target / "rewritten"
    folder.mkdir()
    write_core(folder, replace(facts, **changed), graph)
    return folder


def test_it_says_what_it_is_and_how_good(visit: Open, server: Running, model: Trained) -> None:
    visitor = visit(server)
    page, evaluation = visitor.page, model.evaluation
    expect(page).to_have_title("photos · whatsit")
    expect(page.locator("h1")).to_have_text("leaves, shells or stones?")
    expect(page.locator("#measured")).to_contain_text(f"Cross-validated on {evaluation.n} photos")
    expect(page.locator("#measured")).to_contain_text("times out of 100 (95\N{NO-BREAK SPACE}% interval")
    expect(page.locator("#stored")).to_contain_text("nothing of them is stored")
    expect(page.locator("#about")).to_contain_text("photos · version 1 · trained on")
    expect(page.locator("#choices")).to_be_hidden()
    expect(visitor.button("Take a photo")).to_be_hidden()
    assert visitor.page.request.get(page.get_by_role("link", name="For programs").evaluate("a => a.href")).ok
    visitor.check_quiet()


def test_a_dropped_photo_is_answered(visit: Open, server: Running, leaf: Path) -> None:
    visitor = visit(server)
    visitor.drop(leaf)
    answer = json.loads(server.ask("POST", "/predict", leaf.read_bytes()).body)["predictions"][0]
    card = visitor.card("000.jpg")
    expect(card.locator(".answer")).to_have_text(answer["words"])
    expect(card.get_by_role("img", name="Your photo 000.jpg")).to_be_visible()
    assert card.get_by_role("rowheader").all_inner_texts() == [one["label"] for one in answer["top"]]
    shares = [100 * one["probability"] for one in answer["top"]]
    widths = card.locator("td.bar i").evaluate_all("bars => bars.map(bar => parseFloat(bar.style.width))")
    assert widths == pytest.approx(shares, abs=0.01)
    expect(card.get_by_role("row").first).to_contain_text("%")
    expect(visitor.page.locator("#announcer")).to_contain_text(f"000.jpg: {answer['words']}")
    expect(visitor.page.get_by_role("heading", name="1 of 1 answered")).to_be_visible()
    expect(card.get_by_role("button", name="Wrong?")).to_have_count(0)  # as nothing is kept
    visitor.check_quiet()


def test_a_photo_can_be_chosen_and_pasted_and_removed(visit: Open, server: Running, photos: Path) -> None:
    visitor = visit(server)
    visitor.choose(photos / "shells" / "001.jpg")
    visitor.expect_answers(1)
    visitor.paste(photos / "stones" / "002.jpg")
    visitor.expect_answers(2)
    assert visitor.page.locator(".file .name").all_inner_texts() == ["002.jpg", "001.jpg"]  # the newest first
    visitor.button("Remove 001.jpg").click()
    expect(visitor.cards).to_have_count(1)
    visitor.button("Clear").click()
    expect(visitor.cards).to_have_count(0)
    expect(visitor.button("Choose photos")).to_be_focused()
    visitor.check_quiet()


def test_a_phone_may_take_the_photo(visit: Open, server: Running, leaf: Path) -> None:
    visitor = visit(server, "phone")
    with visitor.page.expect_file_chooser() as chooser:
        visitor.button("Take a photo").tap()
    assert chooser.value.element.get_attribute("capture") == "environment"
    chooser.value.set_files(leaf)
    visitor.expect_answers(1)
    visitor.check_quiet()


def test_what_is_no_photo_says_so_and_the_others_go_on(visit: Open, server: Running, leaf: Path, text: Path) -> None:
    visitor = visit(server)
    visitor.drop(leaf, text, leaf.with_name("001.jpg"))
    visitor.expect_answers(3)
    bad = visitor.card("notes.jpg")
    expect(bad).to_contain_text("Not an image")
    expect(bad).to_contain_text("No preview")
    expect(bad.get_by_role("button", name="Try again")).to_have_count(0)
    expect(visitor.page.get_by_role("heading", name="2 of 3 answered")).to_be_visible()
    visitor.check_quiet(errors=True)


def test_a_drop_without_a_photo_is_told(visit: Open, server: Running) -> None:
    visitor = visit(server)
    visitor.drop()
    expect(visitor.page.get_by_role("alert")).to_contain_text("no photo")


@pytest.mark.parametrize(
    ("unsure", "answer", "why"),
    [
        (Unsure(threshold=0, precision=0.95, similarity=1.01), "unsure", "unlike those that it learned from"),
        (
            Unsure(threshold=1, precision=0.95, similarity=-1),
            "unsure, perhaps",
            "answers from > 99.9\N{NO-BREAK SPACE}% on",
        ),
        (Unsure(threshold=1, precision=0.95, similarity=1.01), "unsure", "And even that one has only"),
    ],
    ids=["unfamiliar", "close", "both"],
)
def test_it_says_why_it_is_unsure(
    visit: Open, model: Trained, tmp_path: Path, photos: Path, unsure: Unsure, answer: str, why: str
) -> None:
    with serving(rewritten(model, tmp_path, unsure=unsure), "--quiet") as running:
        visitor = visit(running)
        visitor.drop(photos / "shells" / "004.jpg")
        card = visitor.card("004.jpg")
        expect(card.locator(".answer")).to_contain_text(answer)
        expect(card.locator(".why")).to_contain_text(why)
        expect(visitor.page.locator("#without")).to_have_text("1 unsure")
        visitor.check_quiet()


def test_what_percentages_mean_comes_from_the_figures(visit: Open, model: Trained, tmp_path: Path) -> None:
    """The report of this model says "do not read 90 % as 9 in 10"; so does the page. A missed target is said, too."""
    figures = {**model.classifier.facts.metrics, "ece": 0.21, "ece_by_chance": 0.08, "mean_confidence": 0.99}
    unsure = replace(model.classifier.facts.unsure, reached=False, held_out_precision=0.81)
    with serving(rewritten(model, tmp_path, metrics=figures, unsure=unsure), "--quiet") as running:
        page = visit(running).page
        expect(page.locator("#meaning")).to_contain_text("Do not read 80\N{NO-BREAK SPACE}% as 80 in 100")
        expect(page.locator("#meaning")).to_contain_text("off by 21.0 points on average, mostly too sure")
        expect(page.locator("#meaning")).not_to_contain_text("about 80 in 100")
        expect(page.locator("#unsure")).to_contain_text("it reached 81")


def test_twenty_photos_are_asked_in_order_a_few_at_once(visit: Open, server: Running, photos: Path) -> None:
    visitor = visit(server)
    given = [path for kind in ("leaves", "shells") for path in sorted((photos / kind).iterdir())[:10]]
    sent: list[bytes] = []
    under_way, most = 0, 0

    def watch(route: Route) -> None:
        nonlocal under_way, most
        sent.append(route.request.post_data_buffer or b"")
        under_way += 1
        most = max(most, under_way)
        route.continue_()

    def end() -> None:
        nonlocal under_way
        under_way -= 1

    visitor.page.route("**/predict?*", watch)
    visitor.page.on("requestfinished", lambda request: end() if "/predict" in request.url else None)
    visitor.choose(*given)
    visitor.expect_answers(20)
    expect(visitor.page.get_by_role("heading", name="20 of 20 answered")).to_be_visible()
    places = [sent.index(path.read_bytes()) for path in given]
    assert sorted(places) == list(range(20))
    assert all(abs(place - number) < AT_ONCE for number, place in enumerate(places))  # at once: they may pass others
    assert 1 < most <= AT_ONCE
    visitor.check_quiet()


def test_a_busy_server_is_asked_again_when_it_says(visit: Open, server: Running, leaf: Path) -> None:
    visitor = visit(server)
    refused = iter(range(2))

    def refuse_twice(route: Route) -> None:
        if next(refused, None) is None:
            route.continue_()
        else:
            route.fulfill(status=429, headers={"Retry-After": "1"}, json={"error": "busy"})

    visitor.page.route("**/predict?*", refuse_twice)
    visitor.drop(leaf)
    expect(visitor.card("000.jpg")).to_contain_text("Trying again in 1 second")
    visitor.expect_answers(1)
    expect(visitor.card("000.jpg").get_by_role("table")).to_be_visible()
    visitor.check_quiet(errors=True)


def test_a_photo_that_is_too_large_is_not_sent(visit: Open, server: Running, tmp_path: Path) -> None:
    large = tmp_path / "large.jpg"
    large.write_bytes(bytes(10 * MIB + 1))
    visitor = visit(server)
    visitor.choose(large)
    expect(visitor.card("large.jpg")).to_contain_text("The server takes photos up to 10 MB")
    assert not any("/predict" in url for url in visitor.foreign)


def test_the_heat_map_of_each_class(visit: Open, server: Running, leaf: Path) -> None:
    visitor = visit(server)
    visitor.drop(leaf)
    visitor.button("Why?").click()
    card = visitor.card("000.jpg")
    heat = card.get_by_role("img", name="Heat map")
    expect(heat).to_be_visible()
    assert heat.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    card.get_by_label("Red is what speaks for").select_option("stones")
    expect(card.get_by_role("img", name="red is what speaks for stones")).to_be_visible()
    visitor.button("Back to photo").click()
    expect(card.get_by_role("img", name="Your photo")).to_be_visible()
    visitor.check_quiet()


def test_similar_photos_are_shown_where_the_model_has_them(visit: Open, with_thumbnails: Path, leaf: Path) -> None:
    with serving(with_thumbnails, "--quiet") as running:
        visitor = visit(running)
        visitor.drop(leaf)
        similar = visitor.card("000.jpg").get_by_role("img", name="Training photo of")
        expect(similar).to_have_count(6)
        assert all(
            similar.evaluate_all(
                "images => Promise.all(images.map(image => image.decode().then(() => image.naturalWidth)))"
            )
        )
        expect(similar.first.locator("xpath=..")).to_contain_text("1.00")  # it learned from this one
        visitor.check_quiet()


def test_a_correction_ends_in_the_feedback(visit: Open, model: Trained, tmp_path: Path, photos: Path) -> None:
    first, second = photos / "leaves" / "003.jpg", photos / "leaves" / "004.jpg"
    with serving(model.folder, "--quiet", "--keep", str(tmp_path / "kept")) as running:
        visitor = visit(running)
        expect(visitor.page.locator("#stored")).to_contain_text("kept on this server")
        visitor.drop(first, second)
        for name, label in ("003.jpg", "shells"), ("004.jpg", "a  <b>beetle</b> "):
            card = visitor.card(name)
            card.get_by_role("button", name="Wrong?").click()
            if label == "shells":
                card.get_by_role("button", name="leaves").click()
                card.get_by_role("button", name="Change").click()
                card.get_by_role("button", name=label).click()
            else:
                card.get_by_label("Something else").fill(label)
                card.get_by_role("button", name="Send").click()
            expect(card.get_by_text("Thank you!")).to_contain_text(f"Noted: “{label.strip()}”")
        visitor.check_quiet()
    manifest = tmp_path / "corrections.csv"
    assert write_corrections(tmp_path / "kept", manifest) == 2
    with manifest.open(encoding="utf-8", newline="") as file:
        rows = [((tmp_path / row["uri"]).read_bytes(), row["label"]) for row in csv.DictReader(file)]
    assert set(rows) == {(first.read_bytes(), "shells"), (second.read_bytes(), "a  <b>beetle</b>")}


def test_a_server_that_is_gone_can_be_tried_again(visit: Open, model: Trained, photos: Path) -> None:
    with serving(model.folder, "--quiet") as running:
        visitor = visit(running)
        expect(visitor.page.locator("#about")).not_to_be_empty()
    visitor.drop(photos / "leaves" / "000.jpg", photos / "shells" / "000.jpg", photos / "stones" / "001.jpg")
    visitor.expect_answers(3)
    expect(visitor.cards.get_by_text("The server cannot be reached.")).to_have_count(3)
    with serving(model.folder, "--quiet", "--port", str(running.port)):
        visitor.card("001.jpg").get_by_role("button", name="Try again").click()
        expect(visitor.card("001.jpg").get_by_role("table")).to_be_visible()
        visitor.button("Try 2 photos again").click()
        expect(visitor.page.get_by_role("heading", name="3 of 3 answered")).to_be_visible()
    visitor.check_quiet(errors=True)


def test_a_page_opened_too_early_can_be_tried_again(visit: Open, server: Running, leaf: Path) -> None:
    visitor = visit(server)
    visitor.page.route("**/models", lambda route: route.abort())
    visitor.page.reload()
    expect(visitor.page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    visitor.drop(leaf)
    expect(visitor.card("000.jpg")).to_contain_text("In line")
    visitor.page.unroute("**/models")
    visitor.button("Try again").click()
    visitor.expect_answers(1)
    visitor.check_quiet(errors=True)


def test_a_key_is_asked_for_and_kept_in_this_tab_alone(visit: Open, model: Trained, leaf: Path) -> None:
    with serving(model.folder, "--quiet", "--api-key", KEY, ready_key=KEY) as running:
        visitor = visit(running)
        page = visitor.page
        key = page.get_by_label("Key", exact=True)
        expect(key).to_be_focused()
        assert key.get_attribute("type") == "password"
        key.fill("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("That is not the key")
        key.fill("schlüssel")
        visitor.button("Open").click()
        expect(page.get_by_role("alert")).to_contain_text("letters, digits and signs")
        key.fill(KEY)
        visitor.button("Open").click()
        visitor.drop(leaf)
        visitor.expect_answers(1)
        expect(visitor.card("000.jpg").get_by_role("table")).to_be_visible()
        visitor.button("Why?").click()
        expect(visitor.page.get_by_role("img", name="Heat map")).to_be_visible()
        page.reload()
        expect(page.locator("#about")).not_to_be_empty()
        expect(key).to_be_hidden()
        assert page.evaluate("localStorage.length") == 0
        assert visitor.context.cookies() == []
        visitor.check_quiet(errors=True)


def test_another_version_can_be_asked(visit: Open, repository: Repository, leaf: Path) -> None:
    with serving(repository.root, "--quiet") as running:
        visitor = visit(running)
        version = visitor.page.get_by_label("Version")
        expect(version.locator("option")).to_have_text(["2", "1 (default)"])
        visitor.drop(leaf)
        expect(visitor.card("000.jpg")).to_contain_text("by drawn, version 1")
        version.select_option("2")
        expect(visitor.card("000.jpg")).to_contain_text("by drawn, version 2")  # asked again
        expect(visitor.page.locator("#which")).to_have_text("drawn · version 2")
        visitor.check_quiet()


def test_who_comes_back_finds_the_new_default(visit: Open, repository: Repository, photos: Path) -> None:
    with serving(repository.root, "--quiet") as running:
        visitor = visit(running)
        expect(visitor.page.get_by_label("Version")).to_have_value("1")
        repository.set_default("drawn", 2)
        running.await_log("version 2 answers now")
        visitor.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(visitor.page.locator("#which")).to_contain_text("version 2 (default)")
        visitor.drop(photos / "shells" / "000.jpg")
        expect(visitor.card("000.jpg")).to_contain_text("by drawn, version 2")
        visitor.check_quiet()


def test_names_of_classes_are_texts(visit: Open, model: Trained, tmp_path: Path, leaf: Path) -> None:
    labels = ("<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "a name without end " * 10)
    with serving(rewritten(model, tmp_path, labels=labels), "--quiet", "--keep", str(tmp_path / "kept")) as running:
        visitor = visit(running, "phone")
        visitor.drop(leaf)
        visitor.button("Why?").click()
        visitor.page.get_by_role("button", name="Wrong?").click()
        card = visitor.card("000.jpg")
        assert set(card.get_by_role("rowheader").all_inner_texts()) == {label.strip() for label in labels}
        expect(card.locator(".chip").first).to_have_text(labels[0])
        expect(card.locator("img")).to_have_count(1)
        card.locator(".chip").first.click()
        expect(card.get_by_text("Thank you!")).to_contain_text(labels[0])
        assert visitor.page.locator("body script").count() == 0
        visitor.check_width()
        visitor.check_quiet()


def test_all_of_it_goes_by_keyboard(visit: Open, model: Trained, tmp_path: Path, leaf: Path) -> None:
    with serving(model.folder, "--quiet", "--keep", str(tmp_path / "kept")) as running:
        visitor = visit(running)
        expect(visitor.page.locator("#about")).not_to_be_empty()

        def tab_to(name: str) -> None:
            target = visitor.page.get_by_role("button", name=name).first
            for _ in range(20):
                visitor.page.keyboard.press("Tab")
                if target.evaluate("element => element === document.activeElement"):
                    break
            expect(target).to_be_focused()
            assert target.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"

        tab_to("Choose photos")
        with visitor.page.expect_file_chooser() as chooser:
            visitor.page.keyboard.press("Enter")
        chooser.value.set_files(leaf)
        visitor.expect_answers(1)
        tab_to("Why?")
        visitor.page.keyboard.press("Enter")
        expect(visitor.page.get_by_role("img", name="Heat map")).to_be_visible()
        tab_to("Wrong?")
        visitor.page.keyboard.press("Enter")
        expect(visitor.button("leaves")).to_be_focused()
        visitor.page.keyboard.press("Enter")
        expect(visitor.card("000.jpg").get_by_text("Thank you!")).to_be_focused()
        visitor.check_quiet()
