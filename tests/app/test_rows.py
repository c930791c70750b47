"""Whole numbers: what is found, cut apart, put together and left out, with the committed model."""

import contextlib
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from app.errors import NoInkError, TooMuchWritingError
from app.loading import load_model
from app.rows import Page, read_page
from app.settings import PROJECT_FOLDER
from tests.pictures import Grey, canvas, with_stroke

ReadPage = Callable[[Grey], Page]


@pytest.fixture(scope="module", params=["with the network for rows", "without"])
def page_of(request: pytest.FixtureRequest) -> ReadPage:
    """Reads pictures with the committed model."""
    model = load_model(PROJECT_FOLDER / "artifacts" / "default")
    assert model.row_reader is not None
    read_strip = model.row_reader.read if request.param != "without" else None
    return lambda picture: read_page(picture, model.classifier.classify, read_strip)


def texts(page: Page) -> list[str]:
    """What each row says."""
    return ["".join(str(int(digit.probabilities.argmax())) for digit in row) for row in page.rows]


def read(picture: Grey, page_of: ReadPage) -> list[str]:
    return texts(page_of(picture))


def written(text: str, places: list[tuple[int, int]], width: int, height: int, pen: int = 6) -> Grey:
    """Digits as strokes on paper, 40x64 pixels each, their upper left corners at places."""
    sheet = canvas(width, height)
    for digit, (left, top) in zip(text, places, strict=True):
        for stroke in STROKES[digit]:
            sheet = with_stroke(sheet, [(left + x, top + y) for x, y in stroke], pen=pen)
    return sheet


def curve(x: int, y: int, width: int, height: int, start: int, end: int) -> list[tuple[int, int]]:
    """An arc of an ellipse round a point, in degrees clockwise from the right."""
    return [(int(point[0]), int(point[1])) for point in cv2.ellipse2Poly((x, y), (width, height), 0, start, end, 6)]


STROKES = {
    "0": [curve(20, 32, 18, 31, 0, 360)],
    "1": [[(20, 0), (20, 63)]],
    "2": [[*curve(20, 16, 18, 16, 190, 380), (2, 63), (40, 63)]],
    "3": [curve(18, 16, 18, 15, 200, 450) + curve(18, 47, 20, 16, 270, 520)],
    "4": [[(26, 0), (0, 42), (40, 42)], [(30, 24), (30, 63)]],
    "5": [[(36, 0), (6, 0), (4, 28), *curve(16, 44, 20, 19, 240, 490)]],
    "7": [[(2, 0), (38, 0), (14, 63)]],
}


class TestRows:
    @pytest.mark.parametrize("width", [1, 4, 8])
    def test_line_along_all_edges(self, page_of: ReadPage, width: int) -> None:
        """A crop just around a form's field has the field's lines at its edges; they are neither ground nor digits."""
        row = written("2047", [(20, 20), (90, 24), (160, 18), (230, 22)], 300, 110)
        bordered = np.pad(row[width:-width, width:-width], width, constant_values=40)
        for picture in (bordered, 255 - bordered):
            assert read(picture, page_of) == ["2047"]

    def test_one_row(self, page_of: ReadPage) -> None:
        """Digits apart are read from left to right; each box holds its strokes."""
        picture = written("2047", [(20, 20), (90, 24), (160, 18), (230, 22)], 300, 110)
        page = page_of(picture)
        assert texts(page) == ["2047"]
        assert page.inverted
        boxes = [digit.box for digit in page.rows[0]]
        assert [box.left for box in boxes] == pytest.approx([18, 89, 157, 229], abs=4)
        assert [box.top for box in boxes] == pytest.approx([17, 20, 15, 19], abs=4)
        assert [box.bottom for box in boxes] == pytest.approx([86, 91, 84, 88], abs=4)

    def test_light_ink(self, page_of: ReadPage) -> None:
        """White on black is read too, and said to be so."""
        page = page_of(255 - written("47", [(20, 20), (90, 20)], 150, 110))
        assert texts(page) == ["47"]
        assert not page.inverted

    def test_rows_come_from_the_top(self, page_of: ReadPage) -> None:
        """Each line of digits is a row, however uneven."""
        places = [(30, 150), (100, 158), (170, 150), (20, 20), (95, 28)]
        assert read(written("72024", places, 260, 260), page_of) == ["24", "720"]

    @pytest.mark.parametrize("factor", [0.4, 3.0])
    def test_size_does_not_matter(self, page_of: ReadPage, factor: float) -> None:
        """Small and large pictures of the same digits read alike, with boxes in their own pixels."""
        picture = written("2047", [(20, 20), (90, 24), (160, 18), (230, 22)], 300, 110)
        resized = np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
        page = page_of(resized)
        assert texts(page) == ["2047"]
        assert page.rows[0][3].box.left == pytest.approx(229 * factor, abs=4 * max(1.0, factor))

    def test_blank(self, page_of: ReadPage) -> None:
        """Where nothing is written there is no ink."""
        with pytest.raises(NoInkError):
            page_of(canvas(300, 200))


class TestInk:
    def test_touching_digits_are_cut(self, page_of: ReadPage) -> None:
        """Where the strokes of two digits meet they are cut apart."""
        assert read(written("20", [(20, 20), (58, 20)], 140, 110), page_of) == ["20"]

    def test_broken_digit_is_joined(self, page_of: ReadPage) -> None:
        """A 5 whose bar was drawn apart is one digit."""
        picture = written("2", [(20, 20)], 190, 110)
        five = with_stroke(picture, [(104, 32), (100, 48), *curve(116, 64, 20, 19, 240, 490)], pen=6)
        five = with_stroke(five, [(108, 20), (138, 20)], pen=6)
        assert read(five, page_of) == ["25"]

    @pytest.mark.parametrize("spacing", [26, 70])
    def test_ruled_paper(self, page_of: ReadPage, spacing: int) -> None:
        """The lines of ruled paper are no digits and spoil none."""
        picture = written("2047", [(20, 20), (90, 24), (160, 18), (230, 22)], 300, 110)
        lines = np.full_like(picture, 255)
        lines[12::spacing] = 180
        assert read(np.minimum(picture, lines), page_of) == ["2047"]

    def test_line_to_write_on(self, page_of: ReadPage) -> None:
        """A black line under the digits, shorter than the picture and a little askew, is left out."""
        picture = written("2047", [(60, 20), (130, 24), (200, 18), (270, 22)], 400, 130)
        lined = with_stroke(picture, [(20, 102), (370, 108)], pen=3)
        assert read(lined, page_of) == ["2047"]

    def test_dots_and_specks(self, page_of: ReadPage) -> None:
        """A dotted line and dirt are left out."""
        picture = written("2047", [(20, 20), (90, 24), (160, 18), (230, 22)], 300, 130)
        for left in range(10, 290, 12):
            picture = with_stroke(picture, [(left, 104), (left + 1, 104)], pen=4)
        assert read(picture, page_of) == ["2047"]

    def test_letters_are_no_digits(self, page_of: ReadPage) -> None:
        """A letter among digits keeps its place, and its probability is spread."""
        picture = written("24", [(20, 20), (180, 20)], 260, 110)
        letter = with_stroke(picture, [(106, 83), (120, 20), (134, 83)], pen=6)
        letter = with_stroke(letter, [(111, 62), (129, 62)], pen=6)
        [row] = page_of(letter).rows
        assert [int(digit.probabilities.argmax()) for digit in (row[0], row[-1])] == [2, 4]
        assert len(row) == 3
        assert row[1].probabilities.max() < 0.9

    def test_far_apart(self, page_of: ReadPage) -> None:
        """A digit that could be cut is read whole however far its neighbours are."""
        picture = written("2050", [(20, 20), (240, 20), (460, 20), (680, 20)], 760, 110)
        assert read(np.asarray(cv2.resize(picture, None, fx=1.3, fy=1.0), np.uint8), page_of) == ["2050"]

    @pytest.mark.parametrize("gap", [0, 12])
    def test_boxes_of_a_form(self, gap: int, page_of: ReadPage) -> None:
        """Boxes around digits, one for each or a row of them, are none."""
        lefts = [30 + index * (80 + gap) for index in range(4)]
        picture = written("2047", [(left + 20, 40) for left in lefts], 420, 150)
        for left in lefts:
            cv2.rectangle(picture, (left, 26), (left + 80, 118), 30, 5)
        assert read(picture, page_of) == ["2047"]

    def test_comb_of_a_form(self, page_of: ReadPage) -> None:
        """A comb to write digits into is none."""
        picture = written("2047", [(50 + 80 * index, 30) for index in range(4)], 400, 150)
        cv2.line(picture, (30, 115), (350, 115), 60, 3)
        for left in range(30, 351, 80):
            cv2.line(picture, (left, 80), (left, 115), 60, 3)
        assert read(picture, page_of) == ["2047"]

    @pytest.mark.parametrize("degrees", [-6.0, -3.0, 3.0, 6.0])
    @pytest.mark.parametrize("teeth", [False, True])
    def test_forms_askew(self, teeth: bool, degrees: float, page_of: ReadPage) -> None:
        """Nor is one in a photograph that is turned, or a line to write on."""
        picture = written("2047", [(100 + 80 * index, 60) for index in range(4)], 500, 220)
        cv2.line(picture, (80, 145), (400, 145), 60, 3)
        for left in range(80, 401, 80) if teeth else ():
            cv2.line(picture, (left, 110), (left, 145), 60, 3)
        turn = cv2.getRotationMatrix2D((250, 110), degrees, 1.0)
        turned = cv2.warpAffine(picture, turn, (500, 220), borderMode=cv2.BORDER_REPLICATE)
        assert read(np.asarray(turned, np.uint8), page_of) == ["2047"]

    def test_angular_zero_is_no_box(self, page_of: ReadPage) -> None:
        """A rectangle with nothing in it stays."""
        picture = written("77", [(20, 20), (160, 20)], 230, 110)
        cv2.rectangle(picture, (90, 20), (126, 83), 30, 6)
        assert [len(row) for row in page_of(picture).rows] == [3]

    def test_table_beside_the_paper(self, page_of: ReadPage) -> None:
        """A dark strip along the picture's edge is no digit."""
        picture = written("20", [(40, 20), (110, 20)], 300, 110)
        picture[:, :8] = 30
        picture[30:, 292:] = 30
        assert read(picture, page_of) == ["20"]


class TestBounds:
    def test_noise(self) -> None:
        """A picture of noise is answered: with nothing, or that it is too much."""
        noise = np.random.default_rng(0).integers(0, 256, (600, 800), dtype=np.uint8)
        assert counted(noise) <= 4000

    def test_page_of_text(self, page_of: ReadPage) -> None:
        """A page of hundreds of letters is refused before it is read."""
        page = canvas(1200, 1600)
        for top in range(30, 1600, 40):
            cv2.putText(page, "the quick brown fox jumps over the lazy dog", (20, top), 0, 1.0, 0, 2)
        with pytest.raises(TooMuchWritingError):
            page_of(page)
        assert counted(page) == 0

    def test_scribble(self) -> None:
        """One piece of ink that fills the picture has only so many places to cut."""
        random = np.random.default_rng(1)
        points = [
            (int(x), int(y)) for x, y in zip(np.linspace(10, 1990, 400), random.integers(5, 75, 400), strict=True)
        ]
        assert counted(with_stroke(canvas(2000, 80), points, pen=4)) <= 4000


def counted(picture: Grey) -> int:
    """How many pictures the model is shown."""
    shown = 0

    def classify(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        nonlocal shown
        shown += len(pictures)
        return np.full((len(pictures), 10), 0.1, np.float32)

    with contextlib.suppress(NoInkError, TooMuchWritingError):
        read_page(picture, classify)
    return shown
