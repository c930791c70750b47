"""Forms' lines around a single digit are no ink, and digits that look like them are no lines."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from app.frames import without_border, without_edge_lines
from app.normalization import normalize
from tests.pictures import Grey, canvas, enlarged, with_stroke

SEVEN = [(40, 30), (75, 30), (55, 90)]
"""On a sheet of 120 x 120."""


@pytest.fixture
def written() -> Grey:
    """A seven on white paper."""
    return with_stroke(canvas(120, 120), SEVEN)


def boxed(picture: Grey, pen: int = 2, inset: int = 8) -> Grey:
    """The picture with a box drawn inside its edges."""
    last = len(picture) - 1 - inset
    return np.asarray(cv2.rectangle(picture.copy(), (inset, inset), (last, last), 0, pen), np.uint8)


def ringed(picture: Grey, axes: tuple[int, int] = (54, 50), start: int = 0, end: int = 360, pen: int = 3) -> Grey:
    """The picture of 120 x 120 with an ellipse in its middle, or an arc of one, in degrees."""
    return np.asarray(cv2.ellipse(picture.copy(), (60, 60), axes, 0, start, end, 0, pen), np.uint8)


class TestBoxes:
    @pytest.mark.parametrize("pen", [1, 2, 4])
    @pytest.mark.parametrize("inset", [0, 8, 15])
    def test_box_around_a_digit(self, written: Grey, pen: int, inset: int) -> None:
        """The digit is prepared as without the box, and is the only thing on the picture."""
        plain, digit = normalize(written), normalize(boxed(written, pen, inset))
        assert digit.crop_box == plain.crop_box
        assert digit.left_out == 0.0
        assert np.abs(digit.pixels.astype(int) - plain.pixels).mean() < 3

    @pytest.mark.parametrize(
        ("size", "degrees"), [((200, 200), 5.0), ((230, 230), 12.0), ((180, 180), 5.0), ((240, 140), 12.0)]
    )
    def test_leaning_box_around_a_small_digit(self, size: tuple[int, int], degrees: float) -> None:
        """A card's printed edge is none of the digit on it, however it lies and however small the digit is."""
        plain = with_stroke(canvas(300, 300), [(135, 130), (165, 130), (145, 175)])
        corners = np.rint(cv2.boxPoints(((150, 150), size, degrees))).astype(np.int32)
        digit = normalize(np.asarray(cv2.polylines(plain.copy(), [corners], True, 0, 5, cv2.LINE_AA), np.uint8))
        assert abs(digit.crop_box.width - normalize(plain).crop_box.width) <= 2
        assert abs(digit.crop_box.height - normalize(plain).crop_box.height) <= 2
        assert digit.left_out == 0.0

    @pytest.mark.parametrize("degrees", [0.0, 8.0, -14.0])
    def test_shadow_of_a_white_sheet_on_a_white_desk(self, degrees: float) -> None:
        """The shadow below and beside a sheet is none of the digit on it."""
        desk = np.full((360, 360), 225, np.float32)
        sheet = cv2.fillPoly(desk * 0, [cv2.boxPoints(((170, 170), (240, 200), degrees)).astype(np.int32)], 1.0)
        shadow = cv2.GaussianBlur(np.roll(sheet, (6, 6), (0, 1)), (0, 0), 6)
        written = with_stroke(canvas(360, 360), [(155, 140), (185, 140), (165, 195)])
        light = np.where(sheet > 0, 225 - 0.4 * (255.0 - written), desk * (1 - 0.5 * shadow))
        digit = normalize(cv2.GaussianBlur(light, (0, 0), 1.0).astype(np.uint8))
        assert abs(digit.crop_box.width - normalize(written).crop_box.width) <= 4
        assert abs(digit.crop_box.height - normalize(written).crop_box.height) <= 4
        assert digit.left_out == 0.0

    def test_dotted_zero_of_a_display(self) -> None:
        """Its ring is angular and has something in it, but is no fine line."""
        zero = canvas(300, 300)
        cv2.rectangle(zero, (90, 60), (210, 240), 0, 24)
        cv2.rectangle(zero, (138, 130), (162, 170), 0, -1)
        assert normalize(zero).crop_box.height > 180

    def test_box_that_the_digit_touches(self, written: Grey) -> None:
        """Ink that reaches the box loses no more than what lies on the box's line."""
        picture = boxed(with_stroke(written, [(55, 90), (50, 112)]))
        box = normalize(picture).crop_box
        assert box.width == normalize(written).crop_box.width
        assert 75 <= box.height <= 85

    @pytest.mark.parametrize("label", [2, 3, 5, 7])
    @pytest.mark.parametrize("pen", [2, 3])
    def test_box_that_a_digit_fills(self, mnist_digits: npt.NDArray[np.uint8], label: int, pen: int) -> None:
        """Strokes along the lines of its box hide them in part; in most cases all of the box goes."""
        cleaned = 0
        for picture in mnist_digits[500 * label : 500 * label + 40]:
            digit = enlarged(picture, 4)
            left, top, width, height = cv2.boundingRect(np.where(digit > 100, np.uint8(255), np.uint8(0)))
            sheet = np.pad(digit[top : top + height, left : left + width], 20)
            box = cv2.rectangle(sheet.copy(), (19, 19), (width + 20, height + 20), 255, pen)
            difference = np.abs(normalize(np.asarray(box, np.uint8)).pixels.astype(int) - normalize(sheet).pixels)
            cleaned += difference.mean() < 20
        assert cleaned >= 30

    def test_angular_zero(self) -> None:
        """A box with nothing in it is what was written."""
        assert normalize(boxed(canvas(120, 120), pen=6, inset=25)).crop_box.width >= 65

    def test_sides_of_angular_zeros(self) -> None:
        """A side that is not straight enough for a line of a box is not written in a box of the other three."""
        random = np.random.default_rng(1)
        for pen in (4, 6, 8, 10):
            for width in (45, 55, 65):
                for lean in (-3, -2, 0, 2, 3):
                    left, right = 60 - width // 2, 60 + width // 2
                    corners = [(left, 20), (right, 20), (right + lean, 100), (left + lean, 100)]
                    zero = (np.array(corners) + random.integers(-1, 2, (4, 2))).tolist()
                    box = normalize(with_stroke(canvas(120, 120), [*zero, zero[0]], pen)).crop_box
                    assert box.width >= width
                    assert box.height >= 78

    def test_square_eight(self) -> None:
        """A stroke from side to side in a box is a part of it."""
        picture = with_stroke(boxed(canvas(120, 120), pen=6, inset=25), [(25, 60), (94, 60)], pen=6)
        assert normalize(picture).crop_box.height >= 65

    @pytest.mark.parametrize("dark", [True, False])
    def test_empty_comb(self, dark: bool) -> None:
        """Three teeth with nothing beside them are what was written, a reversed E perhaps."""
        comb = canvas(110, 90)
        for column in (20, 53, 86):
            comb[20:70, column : column + 3] = 0
        comb[67:70, 20:89] = 0
        digit = normalize(comb if dark else 255 - comb)
        assert (digit.crop_box.width, digit.crop_box.height) == (69, 50)


class TestRings:
    @pytest.mark.parametrize("end", [360, 350])
    @pytest.mark.parametrize("dark", [True, False])
    def test_ring_around_a_digit(self, written: Grey, dark: bool, end: int) -> None:
        """The digit is prepared as without the ring, whether its ends meet or nearly."""
        picture = ringed(written, end=end)
        plain, digit = normalize(written), normalize(picture if dark else 255 - picture)
        assert digit.crop_box == plain.crop_box
        assert digit.left_out == 0.0

    def test_open_ring(self, written: Grey) -> None:
        """A bracket is no ring."""
        picture = ringed(written, start=60, end=300)
        assert normalize(picture).crop_box != normalize(written).crop_box

    @pytest.mark.parametrize("inside", [[(57, 58), (63, 62)], [(80, 25), (40, 95)]])
    def test_zero(self, inside: list[tuple[int, int]]) -> None:
        """A zero with a dot in it, and one with a slash through it, are what was written."""
        zero = ringed(canvas(120, 120), axes=(34, 45), pen=7)
        assert normalize(with_stroke(zero, inside)).crop_box.height >= 90

    @pytest.mark.parametrize("scale", [1, 4])
    @pytest.mark.parametrize("label", [6, 8, 9])
    def test_outlines(self, mnist_digits: npt.NDArray[np.uint8], label: int, scale: int) -> None:
        """Where only the edges of strokes are drawn, the outer one goes round the inner ones and is no ring."""
        for digit in mnist_digits[500 * label : 500 * label + 60]:
            large = cv2.resize(digit, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
            edges = np.pad(np.asarray(cv2.Canny(large, 100, 200), np.uint8), scale)
            _, _, width, height = cv2.boundingRect(edges)
            box = normalize(edges).crop_box
            assert min(box.width / width, box.height / height) > 0.9


class TestBorder:
    @pytest.mark.parametrize("width", [1, 3, 8])
    @pytest.mark.parametrize("dark", [True, False])
    def test_drawn_along_all_edges(self, written: Grey, dark: bool, width: int) -> None:
        """It is not taken for the ground, on dark ground neither."""
        bordered = np.pad(written[width:-width, width:-width], width, constant_values=40)
        picture = bordered if dark else 255 - bordered
        digit = normalize(picture)
        assert digit.inverted is dark
        assert digit.crop_box == normalize(written).crop_box

    @pytest.mark.parametrize("margin", [2, 4, 6])
    def test_bold_digit_in_a_margin(self, margin: int) -> None:
        """A margin around strokes as wide as the room between them is no line, and they are no ground."""
        zero = canvas(60, 110, 30)
        zero[16:94, 16:44] = 235
        digit = normalize(np.pad(zero, margin, constant_values=235))
        assert digit.inverted
        assert (digit.crop_box.width, digit.crop_box.height) == (60, 110)

    def test_wide(self, written: Grey) -> None:
        """What is wider than a line is what lies around a sheet."""
        picture = np.pad(written, 30, constant_values=40)
        assert without_border(picture) is picture

    def test_soft(self) -> None:
        """Nothing that is only a little darker is a line."""
        picture = np.pad(canvas(100, 100, 200), 3, constant_values=160)
        assert without_border(picture) is picture

    def test_plain(self, written: Grey) -> None:
        """Ground that goes on from the edges is no line."""
        assert without_border(written) is written

    def test_around_more_than_a_digit(self) -> None:
        """Where most of what it surrounds is something else again, nothing is known of the ground."""
        picture = np.pad(np.pad(canvas(80, 80, 128), 4, constant_values=255), 3, constant_values=0)
        assert without_border(picture) is picture


class TestEdgeLines:
    @pytest.fixture
    def ink(self) -> Grey:
        """A piece of ink in the middle."""
        mask = canvas(100, 100, 0)
        mask[30:70, 40:50] = 255
        return mask

    def test_lines_along_edges(self, ink: Grey) -> None:
        """Lines from edge to edge, and those that meet in a corner, go; the ink between them stays."""
        lined = ink.copy()
        lined[2:5], lined[:, 95:97] = 255, 255
        assert np.array_equal(without_edge_lines(lined), ink)

    def test_line_that_ink_touches(self, ink: Grey) -> None:
        """What is joined to a line may be a digit that was cropped tightly: a seven's bar."""
        lined = ink.copy()
        lined[2:5], lined[5:30, 40:50] = 255, 255
        assert np.array_equal(without_edge_lines(lined), lined)

    def test_lines_alone(self) -> None:
        """With nothing between them they are all the ink there is."""
        lines = canvas(100, 100, 0)
        lines[2:5] = 255
        assert np.array_equal(without_edge_lines(lines), lines)

    def test_bar_of_a_seven(self) -> None:
        """A digit's own bar, apart from its stem, ends before the picture does."""
        picture = with_stroke(with_stroke(canvas(64, 104), [(5, 3), (58, 3)], pen=3), [(55, 14), (25, 102)], pen=3)
        assert normalize(picture).crop_box.height >= 100

    def test_short_lines(self, ink: Grey) -> None:
        """A stroke along a part of an edge is no line of a form."""
        lined = ink.copy()
        lined[2:5, :60] = 255
        assert np.array_equal(without_edge_lines(lined), lined)

    def test_picture(self, written: Grey) -> None:
        """On a picture: the digit is prepared as without the lines."""
        lined = written.copy()
        lined[:, 3:6], lined[-2:] = 60, 60
        digit = normalize(lined)
        assert digit.crop_box == normalize(written).crop_box
        assert digit.left_out == 0.0
