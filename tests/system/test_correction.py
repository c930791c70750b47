"""Corrections from the page to the next training's lessons, with a real browser, a real server and a real database."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Route, expect

from app.feedback.store import Store
from tests.system.conftest import Server, serve
from tests.system.strokes import DIGITS, STAR
from tests.system.test_page import CHROMIUM, PHONE, browser, chromium, visiting

__all__ = ["browser", "chromium"]

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium, or put Chrome on the PATH"
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the corrections are."""
    return f"sqlite:///{tmp_path_factory.mktemp('corrections') / 'corrections.db'}"


@pytest.fixture(scope="module")
def taking(address: str) -> Iterator[Server]:
    """A service of two processes that takes corrections."""
    with serve(DIGITS_DATABASE=address, DIGITS_FEEDBACK_DAYS=7, DIGITS_WORKERS=2) as running:
        yield running


@pytest.fixture
def store(address: str) -> Iterator[Store]:
    """What is kept; nothing yet."""
    opened = Store(address)
    opened.purge(0)
    yield opened
    opened.close()


def test_not_offered(browser: Browser, server: Server) -> None:
    """A service that takes no corrections does not ask for any, and says that nothing is kept."""
    with visiting(browser, server) as visit:
        visit.draw(DIGITS[7])
        visit.expect_digit(7)
        expect(visit.part("correction")).to_be_hidden()
        expect(visit.page.locator("footer")).to_contain_text("never kept")


def test_drawing_is_corrected(browser: Browser, taking: Server, store: Store) -> None:
    """A drawing, and what its drawer says it is, are kept as the model saw it; then there is no more to say."""
    with visiting(browser, taking) as visit:
        expect(visit.part("correction")).to_be_hidden()
        visit.draw(DIGITS[7])
        visit.expect_digit(7)
        expect(visit.part("labels")).to_be_hidden()
        visit.page.get_by_text("Was this right?").click()
        expect(visit.part("correction-words")).to_contain_text("kept for 7 days")
        assert Axe().run(visit.page).violations_count == 0
        visit.show("correction")
        visit.part("labels").get_by_role("button", name="1", exact=True).click()
        expect(visit.part("correction-status")).to_have_text("Thank you. It is kept.")
        expect(visit.part("labels")).to_be_hidden()
        [kept] = store.kept()
        assert (kept.correction.label, kept.correction.digit, kept.state) == ("1", 7, "waiting")
        seen = visit.part("seen").evaluate(
            "canvas => [...canvas.getContext('2d').getImageData(0, 0, 28, 28).data].filter((_, byte) => byte % 4 === 0)"
        )
        assert kept.correction.picture.ravel().tolist() == seen
        # The next drawing is offered anew, closed.
        visit.part("clear").click()
        expect(visit.part("correction")).to_be_hidden()
        visit.draw(DIGITS[4])
        visit.expect_digit(4)
        expect(visit.part("correction")).to_be_visible()
        expect(visit.part("labels")).to_be_hidden()


def test_no_digit(browser: Browser, taking: Server, store: Store) -> None:
    """On a phone, and of something that is no digit."""
    with visiting(browser, taking, viewport=PHONE) as visit:
        visit.draw(STAR)
        visit.page.get_by_text("Was this right?").click()
        visit.part("labels").get_by_role("button", name="No digit").click()
        expect(visit.part("correction-status")).to_contain_text("Thank you")
        visit.show("correction-phone")
        assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert [kept.correction.label for kept in store.kept()] == ["not_a_digit"]


def test_trouble(browser: Browser, taking: Server, store: Store) -> None:
    """What could not be kept may be sent again."""
    with visiting(browser, taking) as visit:
        visit.draw(DIGITS[3])
        visit.expect_digit(3)
        busy = True

        def answer(route: Route) -> None:
            if busy:
                route.fulfill(status=503, json={"code": "feedback_unavailable", "detail": "Try again later."})
            else:
                route.continue_()

        visit.page.route("**/feedback*", answer)
        visit.page.get_by_text("Was this right?").click()
        visit.part("labels").get_by_role("button", name="3").click()
        expect(visit.part("correction-status")).to_contain_text("It was not kept")
        assert store.kept() == []
        busy = False
        visit.part("labels").get_by_role("button", name="3").click()
        expect(visit.part("correction-status")).to_contain_text("Thank you")
        assert [kept.correction.label for kept in store.kept()] == ["3"]
        # Chromium tells of every refusal.
        visit.complaints.clear()
