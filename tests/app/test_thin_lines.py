"""Lines below, beside and across a digit are no ink where they are thinner than its strokes; a digit's strokes stay."""

import cv2
import numpy as np
import pytest

from app.errors import NoInkError
from app.normalization import normalize
from app.thin_lines import may_have_lines, without_thin_lines
from tests.pictures import Grey, canvas, likeness, with_stroke

SEVEN = [(40, 25), (75, 25), (55, 85)]
"""On a sheet of 120 x 120."""

LOW_SEVEN = [(40, 40), (75, 40), (55, 100)]
"""The same, down to the line below."""

FIELDS = {
    "line below": [[(15, 100), (105, 100)]],
    "line below, from edge to edge": [[(0, 100), (119, 100)]],
    "cell of a comb": [[(15, 15), (15, 100), (105, 100), (105, 15)]],
    "low cell of a comb": [[(15, 75), (15, 100), (105, 100), (105, 75)]],
    "its left half": [[(15, 15), (15, 100), (105, 100)]],
    "lines beside": [[(15, 10), (15, 110)], [(105, 10), (105, 110)]],
    "cell of a table": [[(15, 0), (15, 119)], [(0, 100), (119, 100)], [(105, 0), (105, 119)]],
    "leaning line": [[(12, 103), (108, 98)]],
}
"""Lines of forms, by name."""


def drawn(strokes: list[list[tuple[int, int]]], pen: int = 8, sheet: Grey | None = None) -> Grey:
    """Strokes on a sheet, on an empty one of 120 x 120 if none is given."""
    picture = canvas(120, 120) if sheet is None else sheet
    for stroke in strokes:
        picture = with_stroke(picture, stroke, pen=pen)
    return picture


class TestFields:
    @pytest.mark.parametrize("field", FIELDS)
    @pytest.mark.parametrize("pen", [1, 2, 4])
    def test_around_a_digit(self, field: str, pen: int) -> None:
        """Lines that the digit does not touch are gone without a trace, on dark ground too."""
        picture = drawn(FIELDS[field], pen, drawn([SEVEN]))
        for seen in (picture, 255 - picture):
            digit = normalize(seen)
            assert likeness(digit.pixels, normalize(drawn([SEVEN])).pixels) > 0.98
            assert digit.left_out < 0.2

    @pytest.mark.parametrize("field", FIELDS)
    def test_that_the_digit_touches(self, field: str) -> None:
        """Lines that it stands on are gone too; it loses no more than what lies on them."""
        digit = normalize(drawn(FIELDS[field], 2, drawn([LOW_SEVEN])))
        alone = normalize(drawn([LOW_SEVEN]))
        assert likeness(digit.pixels, alone.pixels) > 0.95

    def test_that_a_stroke_crosses(self) -> None:
        """Where the stroke goes on beyond a line it is whole."""
        digit = normalize(drawn([[(0, 55), (119, 55)]], 2, drawn([SEVEN])))
        assert likeness(digit.pixels, normalize(drawn([SEVEN])).pixels) > 0.97

    @pytest.mark.parametrize("pen", [2, 4])
    @pytest.mark.parametrize("end", [104, 109])
    def test_box_that_the_digit_crosses(self, pen: int, end: int) -> None:
        """It is a box however far the digit goes on below."""
        seven = [(40, 35), (75, 35), (55, end)]
        box = [(15, 15), (15, 98), (105, 98), (105, 15), (15, 15)]
        digit = normalize(drawn([box], pen, drawn([seven])))
        assert likeness(digit.pixels, normalize(drawn([seven])).pixels) > 0.95

    @pytest.mark.parametrize("column", [45, 58, 70])
    def test_margin_that_the_digit_crosses(self, column: int) -> None:
        """A line that goes on far above and below it, from edge to edge of a large sheet or nearly so."""
        seven = [(40, 125), (75, 125), (55, 185)]
        sheet = canvas(120, 300)
        digit = normalize(drawn([[(column, 0), (column, 299)]], 2, drawn([seven], sheet=sheet)))
        assert likeness(digit.pixels, normalize(drawn([seven], sheet=sheet)).pixels) > 0.95

    def test_squared_paper(self) -> None:
        """Squares as dark as the ink, printed in thin lines."""
        squares = canvas(120, 120)
        squares[::24], squares[:, ::24] = 0, 0
        digit = normalize(drawn([SEVEN], sheet=squares))
        assert likeness(digit.pixels, normalize(drawn([SEVEN])).pixels) > 0.9

    def test_as_wide_as_strokes(self) -> None:
        """A line below that touches nothing may be as wide as the pen."""
        digit = normalize(drawn([[(10, 105), (110, 105)]], 7, drawn([SEVEN])))
        assert digit.crop_box == normalize(drawn([SEVEN])).crop_box

    @pytest.mark.parametrize("lean", [2, 5, 8, 10])
    def test_as_wide_and_leaning(self, lean: int) -> None:
        """Its edges are ragged, but touch nothing."""
        seven = [(120, 60), (165, 60), (140, 120)]
        alone = drawn([seven], 7, canvas(300, 200))
        lined = drawn([[(40, 150), (260, 150 + lean)]], 5, alone)
        soft, lined = (np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.0), np.uint8) for picture in (alone, lined))
        assert likeness(normalize(lined).pixels, normalize(soft).pixels) > 0.95

    def test_one_in_a_cell(self) -> None:
        """The one is a straight line itself, and wider than the cell's."""
        one = drawn([[(60, 22), (60, 92)]])
        digit = normalize(drawn(FIELDS["cell of a comb"], 2, one))
        assert digit.crop_box == normalize(one).crop_box


class TestStrokes:
    """What is no form's line stays, to the pixel."""

    @pytest.mark.parametrize(
        "strokes",
        [
            [[(55, 20), (75, 40), (30, 95)], [(15, 95), (100, 95)]],
            [[(60, 20), (60, 95)], [(30, 95), (90, 95)]],
            [[(30, 15), (25, 65), (95, 65)], [(80, 10), (80, 110)]],
            [[(20, 20), (95, 20)], [(90, 35), (50, 105)]],
            [[(20, 25), (100, 25), (55, 105)], [(40, 65), (95, 65)]],
            [[(20, 20), (20, 100), (100, 100), (100, 20), (20, 20)]],
        ],
        ids=["two on a wide base", "one with a foot", "open four", "bar beside a stem", "crossed seven", "square zero"],
    )
    def test_of_digits(self, strokes: list[list[tuple[int, int]]]) -> None:
        """Strokes of one pen, straight and long."""
        ink = 255 - drawn(strokes, 6)
        mask = np.where(ink > 127, np.uint8(255), np.uint8(0))
        assert np.array_equal(without_thin_lines(mask), mask)

    @pytest.mark.parametrize("width", [3, 4, 5, 6, 7])
    @pytest.mark.parametrize(
        ("bold", "fine"),
        [
            ([(30, 30), (48, 17), (73, 19), (78, 37), (30, 93)], [(21, 93), (93, 93)]),
            ([(85, 20), (50, 105)], [(20, 20), (95, 20)]),
            ([(40, 15), (28, 65)], [(15, 65), (105, 65)]),
        ],
        ids=["two's base", "seven's bar", "four's bar"],
    )
    def test_of_a_broad_nib(self, bold: list[tuple[int, int]], fine: list[tuple[int, int]], width: int) -> None:
        """Strokes of a broad pen may be as thin as lines; they end soon beyond the others, or lie above them."""
        sheet = drawn([bold], 12)
        if fine[0][1] == 65:
            sheet = drawn([[(75, 15), (75, 105)]], 12, sheet)
        mask = np.where(drawn([fine], width, sheet) < 128, np.uint8(255), np.uint8(0))
        assert np.array_equal(without_thin_lines(mask), mask)

    @pytest.mark.parametrize("width", [3, 5, 7])
    def test_stem_of_a_broad_nib(self, width: int) -> None:
        """In a tight crop a four's stem goes from edge to edge, but the rest of it begins where the stem does."""
        sheet = drawn([[(40, 8), (28, 65), (105, 65)]], 12)
        mask = np.where(drawn([[(75, 0), (75, 119)]], width, sheet) < 128, np.uint8(255), np.uint8(0))
        assert np.array_equal(without_thin_lines(mask), mask)

    @pytest.mark.parametrize("field", FIELDS)
    def test_empty_field(self, field: str) -> None:
        """Lines with nothing among them are all that there is."""
        mask = 255 - drawn(FIELDS[field], 3)
        mask = np.where(mask > 127, np.uint8(255), np.uint8(0))
        assert np.array_equal(without_thin_lines(mask), mask)
        try:
            assert normalize(255 - mask).crop_box.width > 0
        except NoInkError:
            pytest.fail("An empty field is something, whatever it is.")

    @pytest.mark.parametrize("shape", [(1, 1), (120, 120)])
    def test_nothing(self, shape: tuple[int, int]) -> None:
        """Where no ink is, none is dropped."""
        mask = np.zeros(shape, np.uint8)
        assert without_thin_lines(mask) is mask

    def test_anything(self) -> None:
        """Whatever is drawn, ink only goes, and none of it comes."""
        random = np.random.default_rng(1)
        for _ in range(200):
            height, width = (int(side) for side in random.integers(1, 150, 2))
            mask = np.zeros((height, width), np.uint8)
            for _ in range(random.integers(0, 10)):
                start, end = random.integers(0, (width, height), (2, 2))
                end[random.integers(2)] = start[random.integers(2)]
                cv2.line(mask, start.tolist(), end.tolist(), 255, int(random.integers(1, 12)))
            assert not (without_thin_lines(mask) & ~mask).any()

    def test_few_pixels(self) -> None:
        """Too small to have a width."""
        mask = np.zeros((28, 28), np.uint8)
        mask[10:16, 14] = mask[16, 8:20] = 255
        assert without_thin_lines(mask) is mask

    def test_what_goes_through_the_picture(self) -> None:
        """A table's edge beside a sheet is nothing written, and what lies along another edge no line of a form."""
        mask = np.zeros((120, 120), np.uint8)
        mask[:, :12], mask[:, -2:] = 255, 255
        assert without_thin_lines(mask) is mask


class TestFirstLook:
    def test_most_digits_have_nothing_like_it(self) -> None:
        """A seven stands on a point."""
        assert not may_have_lines(255 - drawn([SEVEN]))

    def test_box_that_a_digit_crosses(self) -> None:
        """Its lines lie neither at the bottom nor at an edge."""
        box = [(15, 15), (15, 90), (105, 90), (105, 15), (15, 15)]
        assert may_have_lines(255 - drawn([box], 2, drawn([[(40, 35), (75, 35), (55, 110)]])))

    @pytest.mark.parametrize("field", ["line below", "cell of a comb"])
    def test_lines_that_a_digit_touches(self, field: str) -> None:
        """They make one piece with it, which is looked at more closely."""
        mask = np.where(drawn(FIELDS[field], 2, drawn([LOW_SEVEN])) < 128, np.uint8(255), np.uint8(0))
        assert cv2.connectedComponents(mask)[0] == 2
        assert may_have_lines(mask)
