"""The pages in a real browser: headless Chromium against a real server.

Screenshots are left in build/screenshots. Without Chromium these tests are skipped.
"""

import base64
import io
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, BrowserType, Locator, Page, Request, Route, expect, sync_playwright

from app.keys import digest_of, new_key
from app.settings import PROJECT_FOLDER
from tests.pictures import FORMATS, encode, png_claiming
from tests.system.conftest import Server, serve
from tests.system.strokes import DIGITS, STAR, Stroke

CHROMIUM: Final = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium, or put Chrome on the PATH"
)

SCREENSHOTS: Final = PROJECT_FOLDER / "build" / "screenshots"

SWITCHES: Final = [
    "--no-sandbox",  # containers run tests as root
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]

PATIENCE: Final = 30_000
"""Milliseconds that anything on the page may take before it counts as hung."""

DESK: Final = {"width": 1200, "height": 900}
PHONE: Final = {"width": 360, "height": 740}

PICTURE_2047: Final = (PROJECT_FOLDER / "tests" / "2047.png").read_bytes()

ROUTES: Final = ("/predict?explain=true", "/read")
"""What the page asks."""

BOXES_2047: Final = [(19, 16, 64, 88), (64, 21, 109, 92), (147, 15, 194, 85), (186, 19, 229, 89)]
"""Where the ink of each digit of tests/2047.png is: left, top, right, bottom in its 260 x 110 pixels."""

SHOWN_BY_BROWSER: Final = frozenset({"PNG", "JPEG", "WEBP", "BMP", "GIF", "AVIF"})
"""Formats that Chromium decodes itself."""


@dataclass(slots=True)
class Visit:
    """One person's look at the page, and what the browser complains about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def show(self, name: str) -> None:
        """Leave a screenshot for people to look at."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)

    def part(self, name: str) -> Locator:
        """An element by its id."""
        return self.page.locator(f"#{name}")

    def draw(self, strokes: list[Stroke]) -> None:
        """Draw with the mouse."""
        for stroke in strokes:
            (x, y), *others = self.places(stroke)
            self.page.mouse.move(x, y)
            self.page.mouse.down()
            for x, y in others:
                self.page.mouse.move(x, y, steps=3)
            self.page.mouse.up()

    def places(self, stroke: Stroke) -> list[tuple[float, float]]:
        """Where a stroke lies on the screen."""
        area = self.part("drawing")
        area.evaluate("area => area.scrollIntoView({ block: 'center' })")
        box = area.bounding_box()
        assert box is not None
        return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]

    def choose(self, name: str, content: bytes) -> None:
        """Choose a file."""
        self.part("file").set_input_files({"name": name, "mimeType": "", "buffer": content})

    def expect_digit(self, digit: int) -> None:
        """The answer is this digit, and for a screen reader too."""
        expect(self.part("digit")).to_have_text(str(digit))
        expect(self.part("headline")).to_contain_text(str(digit))
        expect(self.part("status")).to_contain_text(f" {digit}.")
        expect(self.part("bars").locator("li.best .name")).to_have_text(str(digit))

    def expect_number(self, *rows: str) -> None:
        """The answer is this number as text, and digit by digit; a screen reader hears each row."""
        expect(self.part("text")).to_have_text("\n".join(rows), use_inner_text=True)
        for index, row in enumerate(rows):
            expect(self.part("status")).to_contain_text(row)
            marks = self.part("rows").locator(".row").nth(index).locator(".mark")
            assert "".join(mark.strip("?") or "?" for mark in marks.all_inner_texts()) == row
        expect(self.part("bars")).to_be_hidden()
        expect(self.part("steps")).to_be_hidden()

    def boxes(self, canvas: str, width: int, height: int) -> list[tuple[float, float, float, float]]:
        """Left, top, right and bottom of the boxes that lie over a canvas, in pixels of the picture that it shows."""
        area = self.part(canvas).bounding_box()
        assert area is not None
        # The canvas has the picture in its middle, as large as it fits.
        scale = min(area["width"] / width, area["height"] / height)
        left, top = area["x"] + (area["width"] - scale * width) / 2, area["y"] + (area["height"] - scale * height) / 2
        found = [box.bounding_box() for box in self.part("boxes").locator(".box").all()]
        return [
            (
                (box["x"] - left) / scale,
                (box["y"] - top) / scale,
                (box["x"] + box["width"] - left) / scale,
                (box["y"] + box["height"] - top) / scale,
            )
            for box in found
            if box is not None
        ]

    def expect_headline(self, words: str) -> None:
        """The answer is headed by these words, and a screen reader says them."""
        expect(self.part("headline")).to_have_text(words)
        expect(self.part("status")).to_contain_text(words)


@pytest.fixture(scope="module")
def chromium() -> Iterator[BrowserType]:
    """What launches browsers; not for the whole session, since the event loop it runs would be in others' way."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        yield playwright.chromium


@pytest.fixture(scope="module")
def browser(chromium: BrowserType) -> Iterator[Browser]:
    """A browser whose camera shows Chromium's test picture."""
    with launched(chromium) as running:
        yield running


@contextmanager
def launched(chromium: BrowserType, *switches: str) -> Iterator[Browser]:
    """Run a browser until the block ends."""
    running = chromium.launch(executable_path=CHROMIUM, args=[*SWITCHES, *switches])
    yield running
    running.close()


@contextmanager
def visiting(browser: Browser, server: Server, path: str = "/", **options: Any) -> Iterator[Visit]:
    """Open a page as a new visitor; at the end the browser must have had nothing to complain about."""
    context = browser.new_context(**({"viewport": DESK} | options))
    context.set_default_timeout(PATIENCE)
    visit = Visit(context.new_page())
    visit.page.on("console", lambda message: note(visit, message.type, message.text, message.location["url"]))
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.add_init_script(
        "addEventListener('securitypolicyviolation', event => console.error('policy', event.violatedDirective))"
    )
    visit.page.goto(server.url + path)
    yield visit
    context.close()
    assert visit.complaints == []


def note(visit: Visit, kind: str, text: str, url: str) -> None:
    """Note what the console says; that a picture was refused is no fault of the page."""
    if kind in {"error", "warning"} and not (text.startswith("Failed to load resource") and url.endswith(ROUTES)):
        visit.complaints.append(f"{kind}: {text} ({url})")


@pytest.fixture
def visit(browser: Browser, server: Server) -> Iterator[Visit]:
    """A visitor with a mouse and a wide screen."""
    with visiting(browser, server) as arrived:
        yield arrived


def sheet(strokes: list[Stroke], width: int = 640, height: int = 480) -> Image.Image:
    """A digit written on paper and photographed from further away."""
    paper = Image.new("RGB", (width, height), (236, 231, 222))
    side = round(0.7 * height)
    for stroke in strokes:
        points = [((width - side) // 2 + x * side, 40 + y * side) for x, y in stroke]
        ImageDraw.Draw(paper).line(points, fill=(30, 34, 80), width=side // 16, joint="curve")
    return paper


def beside(*symbols: list[Stroke]) -> list[Stroke]:
    """Symbols from left to right, each in its share of the width."""
    return [
        [((index + x) / len(symbols), y) for x, y in stroke]
        for index, symbol in enumerate(symbols)
        for stroke in symbol
    ]


def page_of(*rows: str, width: int = 900, height: int = 1200) -> Image.Image:
    """Rows of digits on a sheet of paper held upright."""
    paper = Image.new("RGB", (width, height), (236, 231, 222))
    for down, row in enumerate(rows):
        for across, digit in enumerate(row):
            for stroke in DIGITS[int(digit)]:
                points = [(60 + 150 * across + 190 * x, 80 + 330 * down + 270 * y) for x, y in stroke]
                ImageDraw.Draw(paper).line(points, fill=(30, 34, 80), width=14, joint="curve")
    return paper


class TestDrawing:
    @pytest.mark.parametrize("digit", range(10))
    def test_each_digit_is_read(self, visit: Visit, digit: int) -> None:
        """Each digit drawn with the mouse is read, with ten bars, the verdict and what the model saw."""
        visit.draw(DIGITS[digit])
        visit.expect_digit(digit)
        assert visit.part("bars").locator("li").count() == 10
        expect(visit.part("sentence")).to_contain_text("sure")
        expect(visit.part("done")).to_contain_text("inverted")
        assert visit.part("seen").evaluate("canvas => [canvas.width, canvas.height]") == [28, 28]
        rendering = visit.part("seen").evaluate("canvas => getComputedStyle(canvas).imageRendering")
        assert rendering == "pixelated"

    @pytest.mark.parametrize("kind", ["touch", "pen"])
    def test_finger_and_pen(self, browser: Browser, server: Server, kind: str) -> None:
        """A finger or a pen draws as the mouse does, and the page does not scroll away under it."""
        with visiting(browser, server, viewport=PHONE, has_touch=True, is_mobile=True) as visit:
            devices = visit.page.context.new_cdp_session(visit.page)
            places = [place for stroke in DIGITS[7] for place in visit.places(stroke)]
            before = visit.page.evaluate("scrollY")
            for number, (x, y) in enumerate([*places, places[-1]]):
                first, last = number == 0, number == len(places)
                if kind == "touch":
                    name = "touchStart" if first else "touchEnd" if last else "touchMove"
                    points = [] if last else [{"x": x, "y": y}]
                    devices.send("Input.dispatchTouchEvent", {"type": name, "touchPoints": points})
                else:
                    name = "mousePressed" if first else "mouseReleased" if last else "mouseMoved"
                    options = {"x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1, "pointerType": "pen"}
                    devices.send("Input.dispatchMouseEvent", {"type": name} | options)
            visit.expect_digit(7)
            assert visit.page.evaluate("scrollY") == before

    def test_answer_appears_while_drawing(self, visit: Visit) -> None:
        """The digit is there before the pen is lifted; a screen reader hears of it afterwards."""
        places = visit.places(DIGITS[7][0])
        visit.page.mouse.move(*places[0])
        visit.page.mouse.down()
        for place in places[1:]:
            visit.page.mouse.move(*place, steps=5)
        expect(visit.part("digit")).to_have_text("7")
        expect(visit.part("status")).to_have_text("")
        visit.page.mouse.up()
        visit.expect_digit(7)

    def test_newer_picture_takes_the_older_ones_place(self, visit: Visit) -> None:
        """While the service is slow at most one request is under way; older ones are given up, none wait in line."""
        held: list[Route] = []
        under_way: set[Request] = set()
        most = 0

        def begin(request: Request) -> None:
            nonlocal most
            if "/predict" in request.url:
                under_way.add(request)
            most = max(most, len(under_way))

        visit.page.on("request", begin)
        visit.page.on("requestfailed", lambda request: under_way.discard(request))  # noqa: PLW0108  # no builtin will do
        visit.page.route("**/predict*", lambda route: held.append(route))  # noqa: PLW0108
        for stroke in DIGITS[4]:
            visit.draw([stroke])
            visit.page.wait_for_timeout(600)
        assert len(held) >= 2
        assert most == len(under_way) == 1
        held[-1].continue_()
        visit.expect_digit(4)

    def test_undo_and_clear(self, visit: Visit) -> None:
        """Undo takes the last line back, with the keyboard too; clear takes all, and the answer goes with it."""
        expect(visit.part("undo")).to_be_disabled()
        visit.draw(DIGITS[4])
        visit.expect_digit(4)
        visit.part("undo").click()
        expect(visit.part("digit")).not_to_have_text("4")
        visit.page.keyboard.press("Control+z")
        visit.page.wait_for_function("document.getElementById('answer').dataset.state === 'empty'")
        visit.draw(DIGITS[1])
        visit.expect_digit(1)
        visit.part("clear").click()
        expect(visit.part("headline")).to_have_text("Nothing to read yet")
        expect(visit.part("steps")).to_be_hidden()

    def test_saliency_may_be_toggled(self, visit: Visit) -> None:
        """The switch lays the ink that mattered over the picture, in colour, and takes it away again."""
        visit.draw(DIGITS[7])
        visit.expect_digit(7)
        coloured = """canvas => canvas.getContext("2d").getImageData(0, 0, 28, 28).data
            .some((value, index, all) => index % 4 === 0 && value - all[index + 2] > 60)"""
        seen = visit.part("seen")
        assert not seen.evaluate(coloured)
        visit.part("saliency").check()
        expect(visit.part("saliency-words")).to_contain_text("orange")
        visit.page.wait_for_function(f"({coloured})(document.getElementById('seen'))")
        visit.show("saliency")
        visit.part("saliency").uncheck()
        visit.page.wait_for_function(f"!({coloured})(document.getElementById('seen'))")


class TestPictures:
    @pytest.mark.parametrize("image_format", FORMATS)
    def test_each_format_is_read(self, visit: Visit, image_format: str) -> None:
        """A picture in each format is read, and shown with its frame where the browser can."""
        visit.choose(f"digit.{image_format.lower()}", encode(sheet(DIGITS[5]), image_format))
        visit.expect_digit(5)
        expect(visit.part("done")).to_contain_text(f"Read as {image_format}, 640 by 480")
        expect(visit.part("shown")).to_be_visible(visible=image_format in SHOWN_BY_BROWSER)
        expect(visit.part("unshown")).to_be_visible(visible=image_format not in SHOWN_BY_BROWSER)
        assert visit.part("original").evaluate("canvas => [canvas.width, canvas.height]") == [480, 360]

    @pytest.mark.parametrize("door", ["paste", "drop"])
    def test_paste_and_drop(self, visit: Visit, door: str) -> None:
        """A picture may be pasted, or dropped anywhere on the page."""
        picture = base64.b64encode(encode(sheet(DIGITS[3]), "PNG")).decode()
        visit.page.evaluate(
            """([door, picture]) => {
                const bytes = Uint8Array.from(atob(picture), letter => letter.charCodeAt(0));
                const transfer = new DataTransfer();
                transfer.items.add(new File([bytes], "digit.png", { type: "image/png" }));
                const options = { bubbles: true, cancelable: true };
                if (door === "paste") {
                    document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer, ...options }));
                } else {
                    for (const kind of ["dragover", "drop"]) {
                        document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, ...options }));
                    }
                }
            }""",
            [door, picture],
        )
        visit.expect_digit(3)
        expect(visit.part("shown")).to_be_visible()
        visit.part("clear").click()
        expect(visit.part("drawing")).to_be_focused()

    def test_samples(self, visit: Visit) -> None:
        """The pictures to try show what they promise: digits on all grounds, and two that are rejected with advice."""
        samples = visit.part("samples").get_by_role("button")
        expect(samples).to_have_count(8)
        for index, digit in enumerate([4, 3, 5, 7, 2, 8]):
            samples.nth(index).click()
            visit.expect_digit(digit)
        for index in (6, 7):
            samples.nth(index).click()
            expect(visit.part("answer")).to_have_attribute("data-state", "none")
            visit.expect_headline("I see no digit here")
            assert visit.part("help").locator("li").count() == 3

    def test_recent_readings(self, visit: Visit) -> None:
        """Readings stay side by side, a drawing once however many lines it has, and come back with a click."""
        visit.draw(DIGITS[4])
        visit.expect_digit(4)
        recent = visit.part("recent").get_by_role("button")
        expect(recent).to_have_count(1)
        visit.choose("digit.png", encode(sheet(DIGITS[2]), "PNG"))
        visit.expect_digit(2)
        expect(recent).to_have_count(2)
        recent.nth(1).click()
        visit.expect_digit(4)
        expect(visit.part("drawing")).to_be_visible()
        recent.nth(0).click()
        visit.expect_digit(2)
        expect(recent).to_have_count(2)
        kept = "[localStorage.length, sessionStorage.length, document.cookie, caches.keys().then(k => k.length)]"
        stored = visit.page.evaluate(f"Promise.all({kept})")
        assert stored == [0, 0, "", 0]
        visit.show("recent")


def digit_answer(digit: int, verdict: str, others: dict[int, float], **box: int) -> dict[str, Any]:
    """A digit of a number, as the service answers it."""
    confidence = 1.0 - sum(others.values())
    candidates = {digit: confidence} | others if verdict == "uncertain" else {}
    return {
        "digit": digit,
        "confidence": confidence,
        "verdict": verdict,
        "candidates": [{"digit": one, "probability": share} for one, share in candidates.items()],
        "box": box,
    }


class TestNumbers:
    @pytest.fixture
    @staticmethod
    def whole(visit: Visit) -> Visit:
        """A visitor who has chosen whole numbers."""
        visit.part("whole").check()
        return visit

    def test_picture(self, whole: Visit) -> None:
        """A picture's number is read, with how sure that is, and each digit's box lies on its ink."""
        whole.choose("2047.png", PICTURE_2047)
        whole.expect_number("2047")
        whole.expect_headline("It is 2047.")
        expect(whole.part("sentence")).to_contain_text("sure of all 4 digits")
        found = whole.boxes("shown", 260, 110)
        assert np.asarray(found) == pytest.approx(np.asarray(BOXES_2047), abs=2.0)
        assert whole.part("boxes").locator(".label").all_inner_texts() == ["2", "0", "4", "7"]
        cards = whole.part("rows").get_by_role("listitem").get_by_role("listitem")
        expect(cards).to_have_count(4)
        expect(cards.nth(2)).to_contain_text("147 to 194 pixels from the left, 15 to 85 from the top")

    def test_text_is_selectable(self, whole: Visit) -> None:
        """The number is text that may be marked and copied, rows as lines."""
        whole.choose("page.png", encode(page_of("204", "13"), "PNG"))
        whole.expect_number("204", "13")
        assert (
            whole.part("text").evaluate("one => (getSelection().selectAllChildren(one), String(getSelection()))")
            == "204\n13"
        )

    def test_rows(self, whole: Visit) -> None:
        """Rows are read one below the other, and a tall picture's boxes lie on it too."""
        whole.choose("page.png", encode(page_of("204", "13"), "PNG"))
        whole.expect_number("204", "13")
        whole.expect_headline("I read 2 rows.")
        found = whole.boxes("shown", 900, 1200)
        assert len(found) == 5
        for (left, top, right, bottom), (across, down) in zip(
            found, [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1)], strict=True
        ):
            assert 60 + 150 * across < (left + right) / 2 < 60 + 150 * across + 190
            assert 80 + 330 * down < top < bottom < 80 + 330 * down + 270

    def test_drawing(self, whole: Visit) -> None:
        """Digits are drawn side by side on a wide area, read while they are drawn, and get their boxes at rest."""
        area = whole.part("drawing").bounding_box()
        assert area is not None
        assert area["width"] == pytest.approx(1.75 * area["height"], abs=1.0)
        whole.draw(beside(DIGITS[1], DIGITS[4]))
        whole.expect_number("14")
        one, four = whole.boxes("drawing", 490, 280)
        assert one == pytest.approx((0.25 * 490, 0.18 * 280, 0.26 * 490, 0.82 * 280), abs=12.0)
        assert four == pytest.approx((0.65 * 490, 0.2 * 280, 0.86 * 490, 0.84 * 280), abs=12.0)
        whole.page.mouse.move(area["x"] + 20, area["y"] + 20)
        whole.page.mouse.down()
        expect(whole.part("boxes").locator(".box")).to_have_count(0)
        whole.page.mouse.up()

    def test_switch_keeps_what_is_there(self, visit: Visit) -> None:
        """The drawing stays on the switch from one to the other, whole in either; so does a picture."""
        visit.draw(DIGITS[5])
        visit.expect_digit(5)
        visit.part("whole").check()
        visit.expect_number("5")
        visit.part("clear").click()
        visit.draw(beside(DIGITS[1], DIGITS[4]))
        visit.expect_number("14")
        visit.part("one").check()
        visit.expect_headline("I see no digit here")
        visit.part("whole").check()
        visit.expect_number("14")
        visit.choose("5.png", encode(sheet(DIGITS[5]), "PNG"))
        visit.expect_number("5")
        visit.part("one").check()
        visit.expect_digit(5)
        expect(visit.part("rows")).to_be_hidden()
        assert visit.part("boxes").locator(".box").count() == 0

    def test_offer(self, visit: Visit) -> None:
        """What is no single digit may be read as a whole number at one press, also of a key."""
        visit.choose("2047.png", PICTURE_2047)
        visit.expect_headline("I see no digit here")
        visit.show("number-offer")
        visit.part("as-number").focus()
        visit.page.keyboard.press("Enter")
        visit.expect_number("2047")
        expect(visit.part("whole")).to_be_checked()
        expect(visit.part("answer")).to_be_focused()
        expect(visit.part("as-number")).to_be_hidden()

    def test_doubts_are_marked(self, whole: Visit) -> None:
        """An uncertain digit and what is none differ from others by their frames and marks, not by colour alone."""
        digits = [
            digit_answer(3, "digit", {}, left=10, top=20, right=60, bottom=90),
            digit_answer(1, "uncertain", {7: 0.4}, left=80, top=20, right=120, bottom=90),
            digit_answer(8, "not_a_digit", {0: 0.5}, left=150, top=20, right=200, bottom=90),
        ]
        answer = {"text": "31?", "rows": [{"text": "31?", "digits": digits}], "width": 260, "height": 110}
        whole.page.route("**/read", lambda route: route.fulfill(body=json.dumps(answer)))
        whole.choose("2047.png", PICTURE_2047)
        whole.expect_number("31?")
        whole.expect_headline("I read 31?, with gaps.")
        expect(whole.part("sentence")).to_have_text(
            "A ? stands for what is no digit: 1 of 3. I am only 60.0% sure of the others. In doubt: 1 of 3."
        )
        boxes, cards = whole.part("boxes").locator(".box"), whole.part("rows").locator(".one")
        styles = "all => all.map(one => getComputedStyle(one)"
        assert boxes.evaluate_all(f"{styles}.outlineStyle)") == ["solid", "dashed", "dotted"]
        assert cards.evaluate_all(f"{styles}.borderStyle)") == ["solid", "dashed", "dotted"]
        assert boxes.all_inner_texts() == ["3", "1?", "?"]
        assert cards.locator(".doubt").all_inner_texts() == ["100%", "60.0% or 7", "no digit"]
        whole.show("number-doubts")

    def test_remembered_in_the_tab(self, browser: Browser, server: Server) -> None:
        """The choice outlives a reload, another tab begins anew, and nothing is stored."""
        with visiting(browser, server) as visit:
            visit.part("whole").check()
            visit.page.reload()
            expect(visit.part("whole")).to_be_checked()
            expect(visit.part("title")).to_have_text("Draw a number.")
            visit.choose("2047.png", PICTURE_2047)
            visit.expect_number("2047")
            assert visit.page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
            other = visit.page.context.new_page()
            other.goto(server.url)
            expect(other.locator("#one")).to_be_checked()

    def test_keyboard(self, visit: Visit) -> None:
        """The switch obeys the arrow keys, and so does the pen on the whole width."""
        visit.part("one").focus()
        visit.page.keyboard.press("ArrowRight")
        expect(visit.part("whole")).to_be_checked()
        visit.part("drawing").focus()
        press = visit.page.keyboard.press
        for left in (30, 14):
            for key, times in {"ArrowLeft": 60, "ArrowUp": 30, "ArrowRight": left, "ArrowDown": 4, " ": 1}.items():
                for _ in range(times):
                    press(key)
            for _ in range(16):
                press("ArrowDown")
            press(" ")
        visit.expect_number("11")

    def test_newer_picture_takes_the_older_ones_place(self, whole: Visit) -> None:
        """While the service is slow at most one request is under way, whichever route it asks."""
        held: list[Route] = []
        under_way: set[Request] = set()
        most = 0

        def begin(request: Request) -> None:
            nonlocal most
            if request.url.endswith(ROUTES):
                under_way.add(request)
            most = max(most, len(under_way))

        whole.page.on("request", begin)
        whole.page.on("requestfailed", lambda request: under_way.discard(request))  # noqa: PLW0108  # no builtin will do
        for route in ("**/predict*", "**/read"):
            whole.page.route(route, lambda route: held.append(route))  # noqa: PLW0108
        for stroke in beside(DIGITS[1], DIGITS[4]):
            whole.draw([stroke])
            whole.page.wait_for_timeout(600)
        whole.part("one").check()
        whole.part("whole").check()
        whole.page.wait_for_timeout(600)
        assert len(held) >= 4
        assert most == len(under_way) == 1
        held[-1].continue_()
        whole.expect_number("14")

    def test_recent_readings(self, whole: Visit) -> None:
        """A number stays among the recent readings, and brings its mode back."""
        whole.choose("page.png", encode(page_of("204", "13"), "PNG"))
        whole.expect_number("204", "13")
        whole.part("one").check()
        whole.expect_headline("I see no digit here")
        whole.part("clear").click()
        whole.draw(DIGITS[4])
        whole.expect_digit(4)
        whole.part("whole").check()
        whole.expect_number("4")
        whole.choose("2047.png", PICTURE_2047)
        whole.expect_number("2047")
        recent = whole.part("recent").get_by_role("button")
        expect(recent.nth(0)).to_contain_text("2047")
        expect(recent.nth(2)).to_contain_text("no digit")
        recent.nth(2).click()
        whole.expect_headline("I see no digit here")
        expect(whole.part("one")).to_be_checked()
        recent.nth(1).click()
        whole.expect_number("4")
        expect(whole.part("whole")).to_be_checked()

    def test_format_that_the_browser_cannot_show(self, whole: Visit) -> None:
        """Without a picture there are no boxes; the digits and their places are told all the same."""
        with Image.open(io.BytesIO(PICTURE_2047)) as picture:
            whole.choose("2047.tiff", encode(picture, "TIFF"))
        whole.expect_number("2047")
        expect(whole.part("unshown")).to_be_visible()
        assert whole.part("boxes").locator(".box").count() == 0
        expect(whole.part("rows")).to_contain_text("pixels from the left")

    def test_nothing_like_a_digit(self, whole: Visit) -> None:
        """Scribbles are told of with advice, ink that is too small for a digit too."""
        whole.draw(beside([], STAR, []))
        whole.expect_headline("I see no number here")
        assert whole.part("help").locator("li").count() == 2
        empty = {"text": "", "rows": [], "width": 260, "height": 110}
        whole.page.route("**/read", lambda route: route.fulfill(body=json.dumps(empty)))
        whole.choose("2047.png", PICTURE_2047)
        expect(whole.part("sentence")).to_contain_text("nothing as large as a digit")
        expect(whole.part("text")).to_be_hidden()

    def test_too_much_writing(self, whole: Visit) -> None:
        """A page of text is told of in plain words, with what would help."""
        paper = Image.new("L", (1600, 1600), 255)
        for y in range(20, 1580, 40):
            for x in range(20, 1580, 30):
                ImageDraw.Draw(paper).line([(x, y), (x + 12, y + 24)], fill=0, width=4)
        whole.choose("text.png", encode(paper, "PNG"))
        whole.expect_headline("That is too much writing")
        assert whole.part("help").locator("li").count() == 1
        expect(whole.part("again")).to_be_hidden()

    def test_busy_and_offline(self, whole: Visit) -> None:
        """A busy service is asked again; without a network the drawing waits for it."""
        tries: list[Route] = []

        def busy_once(route: Route) -> None:
            tries.append(route)
            if len(tries) == 1:
                busy(route)
            else:
                route.continue_()

        whole.page.route("**/read", busy_once)
        whole.choose("2047.png", PICTURE_2047)
        whole.expect_headline("The service is busy")
        whole.expect_number("2047")
        assert len(tries) == 2
        whole.part("clear").click()
        whole.page.context.set_offline(offline=True)
        whole.draw(beside(DIGITS[1], DIGITS[4]))
        whole.expect_headline("You are offline")
        assert whole.part("boxes").locator(".box").count() == 0
        whole.page.context.set_offline(offline=False)
        whole.expect_number("14")


class TestCamera:
    def test_digit_before_the_camera(self, chromium: BrowserType, server: Server, tmp_path: Path) -> None:
        """The shutter takes what the live view shows; the camera is let go."""
        film = tmp_path / "digit.y4m"
        film.write_bytes(y4m(sheet(DIGITS[7])))
        switch = f"--use-file-for-fake-video-capture={film}"
        with launched(chromium, switch) as browser, visiting(browser, server) as visit:
            visit.part("open-camera").click()
            expect(visit.part("shutter")).to_be_focused()
            visit.show("camera")
            track = visit.page.evaluate_handle("document.getElementById('live').srcObject.getTracks()[0]")
            visit.page.keyboard.press("Enter")
            visit.expect_digit(7)
            assert track.evaluate("track => track.readyState") == "ended"
            expect(visit.part("done")).to_contain_text("JPEG")

    def test_cancel(self, visit: Visit) -> None:
        """Escape closes the live view, lets the camera go and gives the focus back."""
        visit.part("open-camera").click()
        expect(visit.part("shutter")).to_be_enabled()
        visit.page.keyboard.press("Escape")
        expect(visit.part("camera")).to_be_hidden()
        assert visit.part("live").evaluate("video => video.srcObject") is None
        expect(visit.part("open-camera")).to_be_focused()

    @pytest.mark.parametrize(
        ("name", "words"), [("NotAllowedError", "does not let"), ("NotFoundError", "no camera"), ("Other", "not start")]
    )
    def test_no_camera(self, visit: Visit, name: str, words: str) -> None:
        """Where the camera cannot be had, the dialog says why."""
        visit.page.evaluate(
            "name => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', name); } }", name
        )
        visit.part("open-camera").click()
        expect(visit.part("camera-words")).to_contain_text(words)
        expect(visit.part("shutter")).to_be_disabled()

    def test_camera_app(self, visit: Visit) -> None:
        """Without https there is no live view: the phone's own camera app takes the picture."""
        visit.page.evaluate("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
        with visit.page.expect_file_chooser() as opened:
            visit.part("open-camera").click()
        assert opened.value.element.get_attribute("capture") == "environment"
        opened.value.set_files(
            {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": encode(sheet(DIGITS[9]), "JPEG")}
        )
        visit.expect_digit(9)


def y4m(picture: Image.Image) -> bytes:
    """A film of one still picture, as Chromium's fake camera takes it."""
    luma, *chroma = (np.asarray(plane) for plane in picture.convert("YCbCr").split())
    frame = b"FRAME\n" + luma.tobytes() + b"".join(plane[::2, ::2].tobytes() for plane in chroma)
    return f"YUV4MPEG2 W{picture.width} H{picture.height} F20:1 Ip A1:1 C420mpeg2\n".encode() + 3 * frame


class TestErrors:
    @pytest.mark.parametrize(
        ("content", "headline"),
        [
            pytest.param(encode(Image.new("L", (200, 200), 255), "PNG"), "I see nothing drawn", id="blank"),
            pytest.param(b"%PDF-1.7\n", "That is not a picture I can read", id="pdf"),
            pytest.param(encode(Image.effect_noise((99, 99), 50), "PNG")[:900], "The picture is damaged", id="damaged"),
            pytest.param(png_claiming(9000, 9000), "The picture is too large", id="pixels"),
            pytest.param(b"", "The picture is empty", id="empty"),
        ],
    )
    def test_bad_pictures(self, visit: Visit, content: bytes, headline: str) -> None:
        """What is wrong with a picture is said in plain words, with what would help; trying again would not."""
        visit.choose("picture.png", content)
        visit.expect_headline(headline)
        assert visit.part("help").locator("li").count() == 1
        expect(visit.part("again")).to_be_hidden()
        assert visit.part("recent").locator("li").count() == 0

    def test_too_many_bytes(self, browser: Browser) -> None:
        """A picture that is larger than the service takes is not even sent."""
        with serve(DIGITS_MAX_BYTES=20_000) as small, visiting(browser, small) as visit:
            sent: list[Request] = []
            visit.page.on("request", lambda request: sent.append(request))  # noqa: PLW0108
            visit.choose("large.png", encode(Image.effect_noise((300, 300), 90), "PNG"))
            visit.expect_headline("The picture is too large")
            expect(visit.part("sentence")).to_contain_text("takes up to 20 KB")
            assert [request for request in sent if "/predict" in request.url] == []

    def test_no_digit(self, visit: Visit) -> None:
        """A drawing of something else is told why it is rejected and what would help."""
        visit.draw(STAR)
        visit.expect_headline("I see no digit here")
        expect(visit.part("sentence")).to_contain_text("least bad guess")
        visit.show("rejected")

    def test_busy_for_a_moment(self, visit: Visit) -> None:
        """When the service is busy the page says how long it waits, as long as it is asked to, and tries again."""
        tries: list[Route] = []

        def busy_once(route: Route) -> None:
            tries.append(route)
            if len(tries) == 1:
                busy(route, seconds=2)
            else:
                route.continue_()

        visit.page.route("**/predict*", busy_once)
        visit.choose("digit.png", encode(sheet(DIGITS[6]), "PNG"))
        visit.expect_headline("The service is busy")
        expect(visit.part("sentence")).to_have_text("Trying again in 2 s (try 2 of 4).")
        visit.expect_digit(6)
        assert len(tries) == 2

    def test_busy_for_long(self, visit: Visit) -> None:
        """It gives up after four tries and leaves the next one to the person."""
        tries: list[Route] = []

        def always(route: Route) -> None:
            tries.append(route)
            busy(route)

        visit.page.route("**/predict*", always)
        visit.choose("digit.png", encode(sheet(DIGITS[6]), "PNG"))
        expect(visit.part("again")).to_be_visible()
        visit.expect_headline("The service is busy")
        assert len(tries) == 4
        visit.show("busy")
        visit.page.unroute("**/predict*")
        visit.part("again").click()
        visit.expect_digit(6)

    def test_offline(self, visit: Visit) -> None:
        """Without a network the drawing is kept, and read when the network is back."""
        visit.page.context.set_offline(offline=True)
        visit.draw(DIGITS[2])
        visit.expect_headline("You are offline")
        visit.show("offline")
        visit.page.context.set_offline(offline=False)
        visit.expect_digit(2)

    def test_no_answer(self, visit: Visit) -> None:
        """When the service is gone the page says so and offers another try."""
        visit.page.route("**/predict*", lambda route: route.abort())
        visit.choose("digit.png", encode(sheet(DIGITS[2]), "PNG"))
        visit.expect_headline("The service does not answer")
        visit.page.unroute("**/predict*")
        visit.part("again").click()
        visit.expect_digit(2)

    def test_fault_of_the_service(self, visit: Visit) -> None:
        """Whatever else the service says is passed on."""
        problem = {"code": "internal_error", "detail": "The service failed to answer."}
        visit.page.route("**/predict*", lambda route: route.fulfill(status=500, body=json.dumps(problem)))
        visit.draw(DIGITS[2])
        visit.expect_headline("That did not work")
        expect(visit.part("sentence")).to_have_text("The service failed to answer.")
        expect(visit.part("again")).to_be_visible()

    @pytest.mark.parametrize(
        ("status", "code", "headline", "tries"),
        [(429, "too_many_requests", "That was a lot", 4), (401, "unauthorized", "A key is needed", 1)],
    )
    def test_turned_away(self, visit: Visit, status: int, code: str, headline: str, tries: int) -> None:
        """Who has asked too much is served after a wait; a key that is no longer known is asked for, once."""
        seen: list[Route] = []

        def refuse(route: Route) -> None:
            seen.append(route)
            problem = {"code": code, "detail": "You are turned away."}
            route.fulfill(status=status, headers={"Retry-After": "1"}, body=json.dumps(problem))

        visit.page.route("**/predict*", refuse)
        visit.choose("digit.png", encode(sheet(DIGITS[6]), "PNG"))
        visit.expect_headline(headline)
        assert len(seen) == tries


class TestKey:
    @pytest.fixture(scope="class")
    @staticmethod
    def closed() -> Iterator[tuple[Server, str]]:
        """A service with a key, and the key."""
        key = new_key()
        with serve(DIGITS_API_KEYS=digest_of(key.encode()).hex(), DIGITS_WORKERS=1) as running:
            yield running, key

    def test_browser_asks_for_it(self, browser: Browser, closed: tuple[Server, str]) -> None:
        """Given to the browser once, as a password, the key opens the page and all that it asks for, the camera too."""
        server, key = closed
        with visiting(browser, server, http_credentials={"username": "", "password": key}) as visit:
            visit.draw(DIGITS[4])
            visit.expect_digit(4)
            visit.part("open-camera").click()
            expect(visit.part("shutter")).to_be_enabled()

    def test_wrong_one(self, browser: Browser, closed: tuple[Server, str]) -> None:
        """Another password shows nothing of the page."""
        server, _ = closed
        context = browser.new_context(http_credentials={"username": "", "password": "another"})
        page = context.new_page()
        answer = page.goto(server.url)
        assert answer is not None
        assert answer.status == 401
        assert page.locator("#drawing").count() == 0
        context.close()


def busy(route: Route, seconds: int = 1) -> None:
    """Answer as a service with too much to do."""
    problem = {"code": "overloaded", "detail": "The service is busy."}
    route.fulfill(status=503, headers={"Retry-After": str(seconds)}, body=json.dumps(problem))


class TestKeyboard:
    def test_draw(self, visit: Visit) -> None:
        """The pen moves with the arrow keys: a 7 is drawn without a pointer."""
        visit.part("drawing").focus()
        press = visit.page.keyboard.press
        for key, times in {"ArrowLeft": 5, "ArrowUp": 7, " ": 1, "ArrowRight": 10}.items():
            for _ in range(times):
                press(key)
        for _ in range(7):
            press("ArrowLeft")
            press("ArrowDown")
            press("ArrowDown")
        press(" ")
        visit.expect_digit(7)
        visit.show("keyboard")
        press("Backspace")
        expect(visit.part("headline")).to_have_text("Nothing to read yet")

    def test_everything_is_reached(self, visit: Visit) -> None:
        """Tab reaches everything in order, each with a visible focus and a name; a sample is read with Enter."""
        expect(visit.part("samples").get_by_role("button")).to_have_count(8)
        reached = []
        for _ in range(30):
            visit.page.keyboard.press("Tab")
            name, outline = visit.page.evaluate(
                """() => {
                    const one = document.activeElement;
                    const frame = [one, one.parentElement].map(element => getComputedStyle(element).outlineStyle);
                    return [one.getAttribute("aria-label") ?? (one.labels?.[0] ?? one).innerText.trim(), frame];
                }"""
            )
            if name in reached or visit.page.evaluate("document.activeElement === document.body"):
                break
            assert "solid" in outline, name
            reached.append(name)
        assert reached[:5] == ["Skip to the answer", "About the model", "API", "One digit", "Drawing area"]
        assert {"Choose a picture", "Use the camera", "Ruled paper", "No digit"} <= set(reached)
        visit.part("samples").get_by_role("button").nth(3).focus()
        visit.page.keyboard.press("Enter")
        visit.expect_digit(7)

    def test_choose_a_file(self, visit: Visit) -> None:
        """The file chooser opens with the keyboard."""
        with visit.page.expect_file_chooser() as opened:
            # Not before: what waits for the chooser is set up while the focus moves.
            visit.part("choose").focus()
            visit.page.keyboard.press("Enter")
        opened.value.set_files({"name": "0.webp", "mimeType": "image/webp", "buffer": encode(sheet(DIGITS[0]), "WEBP")})
        visit.expect_digit(0)


SCREENS: Final[dict[str, dict[str, Any]]] = {
    "desk": {"viewport": DESK},
    "desk-dark": {"viewport": DESK, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "device_scale_factor": 2, "has_touch": True, "is_mobile": True},
    "phone-dark": {"viewport": PHONE, "color_scheme": "dark"},
    "phone-across": {"viewport": {"width": 740, "height": 360}, "has_touch": True, "is_mobile": True},
}


@pytest.mark.parametrize("screen", SCREENS)
class TestScreens:
    def test_page(self, browser: Browser, server: Server, screen: str) -> None:
        """On each screen the page fits without scrolling sideways, and axe-core has nothing to say in any state."""
        with visiting(browser, server, **SCREENS[screen]) as visit:
            expect(visit.part("samples").get_by_role("button")).to_have_count(8)
            check_screen(visit)
            visit.part("samples").get_by_role("button").nth(7).click()
            visit.expect_headline("I see no digit here")
            check_screen(visit)
            visit.part("clear").click()
            visit.draw(DIGITS[7])
            visit.expect_digit(7)
            visit.part("saliency").check()
            expect(visit.part("saliency-words")).to_be_visible()
            visit.show(screen)
            check_screen(visit)
            area = visit.part("stage").bounding_box()
            assert area is not None
            assert area["height"] < SCREENS[screen]["viewport"]["height"]
            visit.part("open-camera").click()
            expect(visit.part("shutter")).to_be_enabled()
            check_screen(visit)

    def test_numbers(self, browser: Browser, server: Server, screen: str) -> None:
        """So does it with whole numbers: with nothing on it, drawn ones, long ones and rows of them."""
        with visiting(browser, server, **SCREENS[screen]) as visit:
            visit.part("whole").check()
            check_screen(visit)
            visit.draw(beside(DIGITS[2], STAR, DIGITS[7]))
            visit.expect_number("2?7")
            visit.show(f"number-drawn-{screen}")
            check_screen(visit)
            visit.choose("2047.png", PICTURE_2047)
            visit.expect_number("2047")
            visit.show(f"number-{screen}")
            check_screen(visit)
            visit.choose("page.jpg", encode(page_of("20475", "13", "86"), "JPEG"))
            visit.expect_number("20475", "13", "86")
            visit.show(f"number-rows-{screen}")
            check_screen(visit)
            area = visit.part("stage").bounding_box()
            assert area is not None
            assert area["height"] < SCREENS[screen]["viewport"]["height"]
            inner = visit.part("boxes").bounding_box()
            assert inner is not None
            assert inner["height"] <= area["height"] + 1

    def test_about(self, browser: Browser, server: Server, screen: str) -> None:
        """So does the page about the model."""
        with visiting(browser, server, "/about-the-model", **SCREENS[screen]) as visit:
            visit.page.get_by_text("Size, training and fingerprint").click()
            for image in visit.page.locator("main img").all():
                image.scroll_into_view_if_needed()
                expect(image).to_have_js_property("complete", value=True)
                assert image.evaluate("image => image.naturalWidth") > 0
            visit.show(f"about-{screen}")
            check_screen(visit)

    def test_docs(self, browser: Browser, server: Server, screen: str) -> None:
        """So does the page about the API."""
        with visiting(browser, server, "/docs", **SCREENS[screen]) as visit:
            visit.page.get_by_text("Read whole numbers in a picture").click()
            visit.page.get_by_role("link", name="Numbers", exact=True).first.click()
            expect(visit.page.get_by_role("heading", name="Numbers", exact=True)).to_be_in_viewport()
            visit.show(f"docs-{screen}")
            check_screen(visit)


def check_screen(visit: Visit) -> None:
    """Nothing sticks out to the side, and axe-core finds no violation."""
    width = visit.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]
    violations = Axe().run(visit.page).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in violations] == []


def test_reduced_motion(browser: Browser, server: Server) -> None:
    """Nothing moves for who asked for that."""
    moving = "[...document.querySelectorAll('*')].some(one => parseFloat(getComputedStyle(one).transitionDuration) > 0)"
    with visiting(browser, server, reduced_motion="reduce") as visit:
        assert not visit.page.evaluate(moving)
    with visiting(browser, server, reduced_motion="no-preference") as visit:
        assert visit.page.evaluate(moving)


def test_first_visit_is_light(browser: Browser, server: Server, record_property: Callable[[str, object], None]) -> None:
    """A first visit, a reading included, transfers less than 100 KB; when the pen is ready is told, not judged."""
    with visiting(browser, server) as visit:
        network = visit.page.context.new_cdp_session(visit.page)
        network.send("Network.enable")
        network.send("Network.setCacheDisabled", {"cacheDisabled": True})
        sizes: list[float] = []
        network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        visit.page.reload()
        visit.draw(DIGITS[7])
        visit.expect_digit(7)
        visit.page.wait_for_load_state("networkidle")
        ready = visit.page.evaluate("performance.getEntriesByName('pen-ready')[0].startTime")
        record_property("bytes_transferred", sum(sizes))
        record_property("milliseconds_to_the_pen", ready)
        print(f"{sum(sizes):,.0f} bytes in {len(sizes)} responses, pen ready after {ready:.0f} ms")  # noqa: T201  # a figure
        assert len(sizes) > 12
        assert sum(sizes) < 100_000


def test_pages_lead_to_each_other(visit: Visit) -> None:
    """The links of both pages lead where they say."""
    visit.page.get_by_role("link", name="About the model").click()
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("About the model")
    visit.page.get_by_role("link", name="API").click()
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("The API")
    visit.page.get_by_role("link", name="Draw a digit").click()
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("Draw a digit.")
