"""Grey picture -> MNIST's geometry: real digits in every disguise come back as digits, blanks as NoInkError."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.contract import BOX, SIDE
from app.errors import NoInkError
from app.normalization import LONGEST_SIDE, PEN_WIDTH, Box, Digit, normalize, shrink
from tests.pictures import Grey, canvas, enlarged, on_canvas, seven, with_stroke

MIDDLE = SIDE / 2
"""Where MNIST puts the centre of mass, counted from the first pixel's middle."""

SEVEN = [(110, 70), (200, 70), (150, 210)]
"""A seven on a sheet of 280 x 280."""


def bounds(ink: Grey, least: int = 1) -> Box:
    rows, columns = np.nonzero(ink >= least)
    return Box(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)


def longer_side(box: Box) -> int:
    return max(box.width, box.height)


def centre_of_mass(ink: Grey) -> tuple[float, float]:
    moments = cv2.moments(ink)
    return moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]


def assert_mnist_geometry(digit: Digit) -> None:
    """20 pixels long, centred unless that would push ink off the edge, pure black ground, full white ink."""
    assert digit.pixels.shape == (SIDE, SIDE, 1)
    assert digit.pixels.dtype == np.uint8
    ink = digit.pixels[..., 0]
    box = bounds(ink)
    assert longer_side(box) in (BOX - 1, BOX)
    assert ink.max() == 255
    column, row = centre_of_mass(ink)
    assert abs(column - MIDDLE) <= 1.0 or box.left == 0 or box.right == SIDE
    assert abs(row - MIDDLE) <= 1.0 or box.top == 0 or box.bottom == SIDE


def assert_encloses(digit: Digit, ink: Grey, slack: int) -> None:
    """Each side of the crop box lies between the strong ink and the faint ink around it, give or take `slack`."""
    box, strong, faint = digit.crop_box, bounds(ink, 160), bounds(ink)
    assert faint.left - slack <= box.left <= strong.left + slack
    assert faint.top - slack <= box.top <= strong.top + slack
    assert strong.right - slack <= box.right <= faint.right + slack
    assert strong.bottom - slack <= box.bottom <= faint.bottom + slack


def likeness(first: Grey, second: Grey) -> float:
    """Correlation of two pictures' grey levels, at best when one may be moved by a pixel."""
    first, second = first.reshape(first.shape[:2]), second.reshape(second.shape[:2])
    moved = [np.roll(first, (down, right), axis=(0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return max(float(np.corrcoef(picture.ravel(), second.ravel())[0, 1]) for picture in moved)


@pytest.fixture(scope="session")
def some_digits(mnist_digits: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Five pictures of each digit."""
    return mnist_digits[::100]


class TestMnistDigits:
    def test_every_one_passes_unchanged(self, mnist_digits: npt.NDArray[np.uint8]) -> None:
        """A picture that has MNIST's geometry already goes through pixel for pixel, with its own bounding box."""
        assert len(mnist_digits) == 5000
        for picture in mnist_digits:
            digit = normalize(picture)
            assert digit.unchanged
            assert np.array_equal(digit.pixels[..., 0], picture)
            assert not digit.inverted
            assert digit.crop_box == bounds(picture)

    def test_dark_on_light(self, some_digits: npt.NDArray[np.uint8]) -> None:
        """The negative of a digit comes back white on black, much like the original."""
        for picture in some_digits:
            digit = normalize(255 - picture)
            assert not digit.unchanged
            assert digit.inverted
            assert_mnist_geometry(digit)
            assert_encloses(digit, picture, slack=1)
            assert likeness(digit.pixels, picture) > 0.75

    @pytest.mark.parametrize("inverted", [False, True])
    def test_enlarged(self, some_digits: npt.NDArray[np.uint8], inverted: bool) -> None:
        """A digit ten times as large comes back at its size, much like the original, in either polarity."""
        for picture in some_digits:
            large = enlarged(picture, 10)
            digit = normalize(255 - large if inverted else large)
            assert digit.inverted == inverted
            assert_mnist_geometry(digit)
            assert_encloses(digit, large, slack=15)
            assert likeness(digit.pixels, picture) > 0.75

    def test_anywhere_on_a_larger_sheet(self, some_digits: npt.NDArray[np.uint8]) -> None:
        """Where on the sheet a digit was written makes no difference."""
        random = np.random.default_rng(3)
        for picture in some_digits:
            left, top = int(random.integers(0, 360)), int(random.integers(0, 220))
            sheet = on_canvas(enlarged(picture, 10), 640, 500, left, top)
            digit = normalize(sheet)
            assert not digit.inverted
            assert_mnist_geometry(digit)
            assert_encloses(digit, sheet, slack=15)
            assert likeness(digit.pixels, picture) > 0.75

    def test_in_a_corner_of_its_own_grid(self, some_digits: npt.NDArray[np.uint8]) -> None:
        """A 28 x 28 picture whose digit is off centre is centred."""
        for picture in some_digits:
            digit = normalize(np.roll(picture, (3, -2), axis=(0, 1)))
            assert_mnist_geometry(digit)

    @pytest.mark.parametrize("inverted", [False, True])
    def test_on_uneven_light(self, some_digits: npt.NDArray[np.uint8], inverted: bool) -> None:
        """A gradient across the ground is neither ink nor a reason to turn the polarity round."""
        rows, columns = np.mgrid[0:500, 0:640]
        light = 150 + 80 * columns / 640 - 30 * (rows / 500) ** 2
        for picture in some_digits:
            ink = on_canvas(enlarged(picture, 10), 640, 500, 180, 110)
            lit = light * (1 - 0.75 * ink / 255) if inverted else 255 - light * (1 - 0.75 * ink / 255)
            digit = normalize(np.clip(lit, 0, 255).astype(np.uint8))
            assert digit.inverted == inverted
            assert_mnist_geometry(digit)
            assert_encloses(digit, ink, slack=15)
            assert likeness(digit.pixels, picture) > 0.75

    @pytest.mark.parametrize("inverted", [False, True])
    def test_with_noise(self, some_digits: npt.NDArray[np.uint8], inverted: bool) -> None:
        """A camera's noise is not ink: the background comes back exactly black."""
        random = np.random.default_rng(5)
        for picture in some_digits:
            ink = on_canvas(enlarged(picture, 10), 640, 500, 180, 110)
            grey = (235 - 0.8 * ink if inverted else 20 + 0.8 * ink) + random.normal(0, 4, ink.shape)
            digit = normalize(np.clip(grey, 0, 255).astype(np.uint8))
            assert digit.inverted == inverted
            assert_mnist_geometry(digit)
            assert_encloses(digit, ink, slack=15)
            assert likeness(digit.pixels, picture) > 0.75

    def test_in_a_shadow_with_an_edge(self, some_digits: npt.NDArray[np.uint8]) -> None:
        """A shadow's edge beside the digit is not part of it."""
        random = np.random.default_rng(6)
        shadow = np.where(np.arange(640) < 120, 0.65, 1.0)[None, :]
        for picture in some_digits:
            ink = on_canvas(enlarged(picture, 10), 640, 500, 220, 110)
            grey = cv2.GaussianBlur((235 - 0.8 * ink) * shadow, (0, 0), 3.0) + random.normal(0, 2, ink.shape)
            digit = normalize(np.clip(grey, 0, 255).astype(np.uint8))
            assert digit.inverted
            assert_mnist_geometry(digit)
            assert likeness(digit.pixels, picture) > 0.75


class TestPolarity:
    @pytest.mark.parametrize(("ink", "ground"), [(0, 255), (90, 200), (60, 90), (20, 45), (200, 225)])
    def test_either_way_round(self, ink: int, ground: int) -> None:
        """Ink is found whether it is darker or lighter than its ground, also at low contrast."""
        dark = normalize(with_stroke(canvas(280, 280, ground), SEVEN, ink))
        light = normalize(with_stroke(canvas(280, 280, ink), SEVEN, ground))
        assert dark.inverted
        assert not light.inverted
        assert_mnist_geometry(dark)
        assert_mnist_geometry(light)
        assert likeness(dark.pixels, light.pixels) > 0.97

    def test_ink_that_reaches_the_edge(self) -> None:
        """A digit cut by the picture's edge is still the ink, not the ground."""
        digit = normalize(with_stroke(canvas(280, 280), [(60, 0), (220, 40), (120, 280)], pen=16))
        assert digit.inverted
        assert_mnist_geometry(digit)

    def test_tight_crop(self) -> None:
        """A picture cropped to its ink keeps its polarity."""
        sheet = with_stroke(canvas(280, 280), SEVEN, pen=14)
        box = bounds(255 - sheet)
        digit = normalize(sheet[box.top : box.bottom, box.left : box.right])
        assert digit.inverted
        assert_mnist_geometry(digit)


class TestFogAndShadow:
    """Grounds that no smooth surface follows."""

    @staticmethod
    def lit(light: list[list[float]], interpolation: int) -> npt.NDArray[np.float64]:
        """Light or fog on a sheet of 280 x 280, from a coarse grid of it."""
        return np.asarray(cv2.resize(np.array(light), (280, 280), interpolation=interpolation))

    def test_light_ink_in_bright_fog(self) -> None:
        """Clouds of fog, brighter towards a corner, cover the ground more than the ink: the ink is still the light."""
        ink = with_stroke(canvas(280, 280, 0), SEVEN, 255, pen=14)
        density = [[0.0, 0.1, 0.3, 0.2], [0.1, 0.5, 0.2, 0.6], [0.2, 0.3, 0.8, 0.7], [0.4, 0.3, 0.9, 1.0]]
        cloud = self.lit(density, cv2.INTER_CUBIC)
        clear = normalize(ink)
        for share in (0.5, 0.6, 0.7):
            foggy = normalize(np.clip(ink * (1 - share) + 255 * share * cloud, 0, 255).astype(np.uint8))
            assert not foggy.inverted
            assert likeness(foggy.pixels, clear.pixels) > 0.8

    @pytest.mark.parametrize("depth", [0.2, 0.3, 0.4])
    def test_dark_ink_in_a_soft_deep_shadow(self, depth: float) -> None:
        """Dark ink that a shadow's soft edge crosses stays dark, and none of it is lost in the shadow."""
        sheet = with_stroke(canvas(280, 280, 235), SEVEN, 30, pen=14)
        columns = np.arange(280)
        edge = np.where(columns + 0.3 * columns[:, None] < 112, depth, 1.0)
        digit = normalize(np.rint(sheet * cv2.GaussianBlur(edge, (0, 0), 12.0)).astype(np.uint8))
        plain = normalize(sheet)
        assert digit.inverted
        assert likeness(digit.pixels, plain.pixels) > 0.9
        for side in ("left", "top", "right", "bottom"):
            assert getattr(digit.crop_box, side) == pytest.approx(getattr(plain.crop_box, side), abs=4)


class TestPieces:
    def test_specks_are_dropped(self) -> None:
        """Dust beside the digit changes neither where the digit is found nor what it looks like."""
        clean = with_stroke(canvas(280, 280), SEVEN, pen=14)
        dusty = clean.copy()
        for x, y in [(30, 30), (250, 40), (40, 250), (235, 240), (95, 150)]:
            dusty[y : y + 3, x : x + 3] = 0
        assert normalize(dusty).crop_box == normalize(clean).crop_box
        assert likeness(normalize(dusty).pixels, normalize(clean).pixels) > 0.98

    @pytest.mark.parametrize("dot", [4, 10, 24])
    @pytest.mark.parametrize("gap", [1, 2, 4])
    def test_digit_of_dots(self, dot: int, gap: int) -> None:
        """Displays and printers make digits of dots, of which some only meet at their corners."""
        two = np.array([[int(bit) for bit in f"{row:05b}"] for row in (14, 17, 1, 2, 4, 8, 31)])
        square = np.pad(np.ones((dot, dot)), ((0, gap), (0, gap)))
        sheet = np.where(np.pad(np.kron(two, square), 3 * dot) > 0, 0, 255).astype(np.uint8)
        box = normalize(sheet).crop_box
        assert (box.width, box.height) == (5 * dot + 4 * gap, 7 * dot + 6 * gap)

    def test_dots_that_are_far_apart(self) -> None:
        """Dots all over a picture are no digit."""
        sheet = canvas(240, 240)
        for column in range(20, 240, 60):
            for row in range(20, 240, 60):
                sheet[row : row + 10, column : column + 10] = 0
        assert normalize(sheet).left_out > 0.5

    def test_many_specks_are_noise(self) -> None:
        """On a small noisy picture a single pixel is a larger share of the ink; where there are many, none counts."""
        clean = canvas(48, 48)
        cv2.polylines(clean, [np.array([(17, 12), (30, 12), (22, 36)], np.int32)], isClosed=False, color=0)
        noisy = clean.copy()
        for x, y in np.random.default_rng(1).integers(2, 46, (30, 2)):
            noisy[y, x] = 0
        assert normalize(noisy).crop_box == normalize(clean).crop_box

    def test_clutter_at_the_edge_is_dropped(self) -> None:
        """Something dark that the edge cuts off, far from the digit, is not part of it."""
        clean = with_stroke(canvas(280, 280), SEVEN, pen=14)
        cluttered = clean.copy()
        cluttered[60:200, :8] = 40
        assert normalize(cluttered).crop_box == normalize(clean).crop_box

    def test_detached_bar_of_a_five_is_kept(self) -> None:
        """A stroke that does not touch the rest belongs to the digit when it is near."""
        body = [(110, 80), (105, 135), (150, 125), (175, 160), (150, 200), (105, 195)]
        five = with_stroke(with_stroke(canvas(280, 280), body, pen=12), [(130, 72), (180, 66)], pen=12)
        box = normalize(five).crop_box
        assert box.right >= 180
        assert box.top <= 66

    def test_stroke_broken_by_a_skipping_pen_is_kept(self) -> None:
        """A one whose middle is missing is still one digit."""
        one = with_stroke(canvas(280, 280), [(140, 60), (140, 125)], pen=12)
        one = with_stroke(one, [(141, 150), (142, 220)], pen=12)
        box = normalize(one).crop_box
        assert box.top <= 60
        assert box.bottom >= 220


class TestRules:
    @staticmethod
    def sheet(width: int, height: int, lean: int = 0, squared: bool = False, rule: int = 190) -> Grey:
        """Paper with faint lines."""
        paper = canvas(width, height, 240)
        for row in range(25, height, 45):
            paper = with_stroke(paper, [(0, row), (width - 1, row + lean)], rule, pen=2)
        for column in range(30, width if squared else 0, 45):
            paper = with_stroke(paper, [(column, 0), (column, height - 1)], rule, pen=2)
        return paper

    @pytest.mark.parametrize("squared", [False, True])
    @pytest.mark.parametrize("lean", [0, 3])
    def test_lines_of_paper_are_not_ink(self, lean: int, squared: bool) -> None:
        """A digit on ruled or squared paper is found as on plain paper, also when the lines lean a little."""
        plain = normalize(with_stroke(canvas(280, 280, 240), SEVEN, 30, pen=14))
        digit = normalize(with_stroke(self.sheet(280, 280, lean, squared), SEVEN, 30, pen=14))
        assert digit.inverted
        assert_mnist_geometry(digit)
        for side in ("left", "top", "right", "bottom"):
            assert getattr(digit.crop_box, side) == pytest.approx(getattr(plain.crop_box, side), abs=3)
        assert likeness(digit.pixels, plain.pixels) > 0.9

    @pytest.mark.parametrize("squared", [False, True])
    @pytest.mark.parametrize("rule", [60, 190])
    def test_empty_sheets_are_blank(self, rule: int, squared: bool) -> None:
        """Ruled and squared paper with nothing on it holds no ink, however strong its lines."""
        with pytest.raises(NoInkError):
            normalize(self.sheet(280, 280, squared=squared, rule=rule))

    def test_strokes_as_strong_as_a_line_stay(self) -> None:
        """A stroke from edge to edge that is the ink itself is no rule."""
        digit = normalize(with_stroke(canvas(200, 60), [(0, 30), (199, 30)], 30, pen=6))
        assert digit.crop_box.width == 200

    @pytest.mark.parametrize("pen", [6, 24, 40])
    def test_pens_wider_than_the_squares_lines(self, pen: int) -> None:
        """Straight strokes that cross lines look like parts of them, but for their darkness."""
        strokes = [(80, 40), (80, 150), (200, 150)], [(160, 90), (160, 250)]
        plain, paper = canvas(280, 280, 240), self.sheet(280, 280, squared=True)
        for stroke in strokes:
            plain, paper = (with_stroke(sheet, stroke, 40, pen) for sheet in (plain, paper))
        assert likeness(normalize(paper).pixels, normalize(plain).pixels) > 0.9

    def test_wide_strokes_from_edge_to_edge(self) -> None:
        """Bars as wide as strokes are no ruled paper, however many."""
        picture = canvas(160, 160)
        for row in (20, 70, 120):
            picture[row : row + 20] = 0
        assert normalize(picture).crop_box.width == 160

    def test_small_pictures_have_no_rules(self) -> None:
        """On a grid of a few pixels, a bar across is part of the digit."""
        picture = canvas(28, 28)
        picture[8, :] = 120
        picture[8:24, 13:15] = 0
        assert normalize(picture).crop_box.width == 28


class TestHairlines:
    @staticmethod
    def width_of(pixels: Grey) -> float:
        """Mean width of a single stroke, in pixels of the prepared picture."""
        return float(pixels.sum()) / 255 / BOX

    @pytest.mark.parametrize("pen", [1, 2, 4, 8])
    @pytest.mark.parametrize("lean", [0, 6, 40])
    def test_get_the_width_of_a_pen(self, lean: int, pen: int) -> None:
        """A stroke that would end thinner than a pen's is widened to it, upright or leaning."""
        digit = normalize(with_stroke(canvas(280, 280), [(140, 70), (140 + lean, 210)], pen=pen))
        assert_mnist_geometry(digit)
        assert self.width_of(digit.pixels) >= 0.8 * PEN_WIDTH

    @pytest.mark.parametrize("pen", [1, 2, 4, 8])
    @pytest.mark.parametrize("lying", [False, True])
    def test_sharp_straight_strokes_too(self, lying: bool, pen: int) -> None:
        """A stroke without soft edges, straight along the pixels, fills its own box and is widened all the same."""
        sheet = canvas(280, 280)
        sheet[70:210, 140 : 140 + pen] = 0
        digit = normalize(sheet.T.copy() if lying else sheet)
        assert_mnist_geometry(digit)
        assert self.width_of(digit.pixels) >= 0.8 * PEN_WIDTH

    def test_thin_and_thick_pens_write_alike(self) -> None:
        """A seven in hairlines ends much like the same seven in pen strokes."""
        thin = normalize(with_stroke(canvas(280, 280), SEVEN, pen=2)).pixels
        pen = normalize(with_stroke(canvas(280, 280), SEVEN, pen=16)).pixels
        assert likeness(thin, pen) > 0.8

    def test_thick_strokes_stay_thick(self) -> None:
        """What is wider than a pen's stroke keeps its width."""
        digit = normalize(with_stroke(canvas(280, 280), [(140, 70), (141, 210)], pen=40))
        assert self.width_of(digit.pixels) == pytest.approx(40 / 180 * BOX, rel=0.15)


class TestBlanks:
    @pytest.mark.parametrize("level", [0, 1, 77, 128, 254, 255])
    @pytest.mark.parametrize("shape", [(28, 28), (280, 200), (1, 1), (1, 50), (50, 1)])
    def test_one_level_is_blank(self, shape: tuple[int, int], level: int) -> None:
        """An empty sheet of any shade and size holds no ink."""
        with pytest.raises(NoInkError, match="blank"):
            normalize(np.full(shape, level, np.uint8))

    @pytest.mark.parametrize("seed", range(5))
    @pytest.mark.parametrize("level", [10, 128, 240])
    def test_mild_noise_is_blank(self, level: int, seed: int) -> None:
        """A photo of an empty sheet holds no ink, for all its noise."""
        noisy = np.random.default_rng(seed).normal(level, 2.0, (300, 240))
        with pytest.raises(NoInkError):
            normalize(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))

    def test_a_gradient_is_blank(self) -> None:
        """Light that falls off across an empty sheet is no ink."""
        rows, columns = np.mgrid[0:300, 0:240]
        with pytest.raises(NoInkError):
            normalize((240 - 100 * columns / 240 - 60 * (rows / 300) ** 2).astype(np.uint8))


class TestAnyPicture:
    @staticmethod
    def normalized(picture: Grey) -> Digit | None:
        """The digit, or None where there is none; whatever else happens fails the test."""
        try:
            digit = normalize(picture)
        except NoInkError:
            return None
        assert digit.pixels.shape == (SIDE, SIDE, 1)
        assert digit.pixels.dtype == np.uint8
        box = digit.crop_box
        assert 0 <= box.left < box.right <= picture.shape[1]
        assert 0 <= box.top < box.bottom <= picture.shape[0]
        return digit

    @pytest.mark.parametrize("length", [1, 2, 3, 17, 400])
    @pytest.mark.parametrize("thickness", [1, 2])
    def test_thin_pictures(self, thickness: int, length: int) -> None:
        """Pictures of a row or two, standing or lying, are digits or blank, and never break anything."""
        levels = np.random.default_rng(length).integers(0, 256, (thickness, length), np.uint8)
        self.normalized(levels)
        self.normalized(levels.T.copy())

    @given(
        height=st.integers(1, 200),
        width=st.integers(1, 200),
        ground=st.integers(0, 255),
        strokes=st.lists(
            st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.integers(0, 255)),
            max_size=5,
        ),
    )
    def test_rectangles(
        self,
        height: int,
        width: int,
        ground: int,
        strokes: list[tuple[float, float, float, float, int]],
    ) -> None:
        """Rectangles of any size, shape and polarity are a digit or blank, the same each time, and settle.

        What comes out with MNIST's geometry passes unchanged when it is sent in again.
        """
        picture = canvas(width, height, ground)
        for x, y, right, bottom, level in strokes:
            top, left = int(min(y, bottom) * height), int(min(x, right) * width)
            picture[top : int(max(y, bottom) * height) + 1, left : int(max(x, right) * width) + 1] = level
        digit, again = self.normalized(picture), self.normalized(picture)
        if digit is None or again is None:
            assert digit is again
            return
        assert np.array_equal(digit.pixels, again.pixels)
        assert (digit.inverted, digit.crop_box) == (again.inverted, again.crop_box)
        ink = digit.pixels[..., 0]
        centred = all(abs(coordinate - MIDDLE) < 0.5 for coordinate in centre_of_mass(ink))
        if centred and longer_side(bounds(ink)) in (BOX - 1, BOX) and ink.max() == 255:
            assert np.array_equal(normalize(ink).pixels, digit.pixels)

    @given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1), st.sampled_from([2, 40, 256]))
    def test_noise(self, height: int, width: int, seed: int, levels: int) -> None:
        """Pure noise is a digit or blank, and never breaks anything."""
        self.normalized(np.random.default_rng(seed).integers(0, levels, (height, width), np.uint8))

    def test_digits_settle(self, some_digits: npt.NDArray[np.uint8]) -> None:
        """A prepared picture sent in again comes back the same."""
        for picture in some_digits:
            prepared = normalize(255 - enlarged(picture, 4)).pixels
            assert np.array_equal(normalize(prepared[..., 0]).pixels, prepared)

    def test_the_picture_itself_is_left_alone(self) -> None:
        """Normalising writes nothing into what it is given."""
        picture = with_stroke(canvas(280, 280), SEVEN)
        picture.flags.writeable = False
        assert_mnist_geometry(normalize(picture))


class TestShrink:
    def test_small_pictures_stay_as_they_are(self) -> None:
        """Nothing is done to a picture whose longer side is short enough."""
        picture = with_stroke(canvas(LONGEST_SIDE, 100), SEVEN)
        assert shrink(picture) is picture

    @pytest.mark.parametrize(
        ("width", "height", "expected"),
        [
            (2 * LONGEST_SIDE, 200, (100, LONGEST_SIDE)),
            (300, 3 * LONGEST_SIDE, (LONGEST_SIDE, 100)),
            (5000, 1, (1, LONGEST_SIDE)),
        ],
    )
    def test_large_pictures_keep_their_shape(self, width: int, height: int, expected: tuple[int, int]) -> None:
        """The longer side becomes LONGEST_SIDE, the other one in proportion, never less than a pixel."""
        small = shrink(canvas(width, height, 200))
        assert small.dtype == np.uint8
        assert small.shape == expected
        assert (small == 200).all()

    def test_shrinking_averages(self) -> None:
        """Every pixel is the mean of those it stands for, so that fine noise vanishes."""
        checked = np.resize(np.array([0, 200], np.uint8), (2 * LONGEST_SIDE, 2 * LONGEST_SIDE + 1))
        checked = checked[:, : 2 * LONGEST_SIDE]
        assert (shrink(checked) == 100).all()


class TestBox:
    sides = st.integers(1, 5000)

    @given(source=st.tuples(sides, sides), target=st.tuples(sides, sides), data=st.data())
    def test_scaled(self, source: tuple[int, int], target: tuple[int, int], data: st.DataObject) -> None:
        """A scaled box lies inside the target, is never empty and encloses the place it came from."""
        top = data.draw(st.integers(0, source[0] - 1))
        bottom = data.draw(st.integers(top + 1, source[0]))
        left = data.draw(st.integers(0, source[1] - 1))
        right = data.draw(st.integers(left + 1, source[1]))
        box = Box(left, top, right, bottom).scaled(source, target)
        assert 0 <= box.left < box.right <= target[1]
        assert 0 <= box.top < box.bottom <= target[0]
        assert box.left * source[1] <= left * target[1]
        assert box.right * source[1] >= right * target[1]
        assert box.top * source[0] <= top * target[0]
        assert box.bottom * source[0] >= bottom * target[0]
        assert (box.left + 1) * source[1] > left * target[1]
        assert (box.right - 1) * source[1] < right * target[1]

    def test_scaled_to_its_own_size(self) -> None:
        """Scaling by one changes nothing; width and height are those of the pixels inside."""
        box = Box(3, 5, 20, 9)
        assert box.scaled((30, 40), (30, 40)) == box
        assert (box.width, box.height) == (17, 4)


def test_what_is_left_out_is_told() -> None:
    """Two sevens far apart: one is read, and the other is as large; a speck is next to nothing; alone it is zero."""
    one = np.asarray(seven(200, 200), np.uint8)
    both = np.hstack([one, np.full((200, 200), 255, np.uint8), one])
    assert normalize(both).left_out == pytest.approx(1.0, abs=0.1)
    speck = both.copy()
    speck[:, 400:] = 255
    speck[100:103, 500:503] = 0
    assert 0.0 < normalize(speck).left_out < 0.05
    assert normalize(one).left_out == 0.0


class TestCutNeighbours:
    """A seven in the middle of a picture whose edges cut others."""

    def test_narrow_digit_at_an_edge(self) -> None:
        """A one that happens to reach the picture's edge was not cut: "10" is no zero."""
        picture = canvas(120, 110)
        cv2.ellipse(picture, (75, 55), (25, 42), 0, 0, 360, 0, 8)
        picture[14:96, :9] = 0
        assert normalize(picture).left_out > 0.2

    @staticmethod
    def row(shown: int, room: int = 60) -> Grey:
        """The last and the first columns of its neighbours, so many of each."""
        one = np.asarray(seven(200, 200), np.uint8)
        columns = np.flatnonzero((one < 128).any(axis=0))
        ink = one[:, columns[0] : columns[-1] + 1]
        gap = np.full((200, room), 255, np.uint8)
        return np.hstack([ink[:, ink.shape[1] - shown :], gap, ink, gap, ink[:, :shown]])

    @pytest.mark.parametrize("turned", [False, True])
    def test_little_is_what_the_crop_has_left(self, turned: bool) -> None:
        """It is no other thing on the picture, beside the digit, above or below; the digit is found as without it."""
        picture, alone = self.row(20), self.row(20)
        alone[:, :20] = alone[:, -20:] = 255
        digit, undisturbed = (normalize(part.T if turned else part) for part in (picture, alone))
        assert digit.left_out == 0.0
        assert digit.crop_box == undisturbed.crop_box

    def test_nearly_all_is_another_digit(self) -> None:
        """Nearly all of a neighbour was not cut off by chance."""
        assert normalize(self.row(64)).left_out > 0.5

    def test_crop_around_two(self) -> None:
        """Where the digit reaches the edges as well, the crop was made around both of them."""
        row = self.row(20)
        both = row[:, np.flatnonzero((row < 128).any(axis=0))[20] :]
        assert normalize(both).left_out > 0.1


def test_what_runs_along_a_side_is_no_other_thing() -> None:
    """A bar from edge to edge is dropped without a word."""
    picture = np.array(seven(300, 300, ink=60, ground=200), np.uint8)
    picture[:, 285:] = 90
    assert normalize(picture).left_out < 0.05


class TestTightCrops:
    @staticmethod
    def scan(scale: int) -> Grey:
        """A nine cropped to its ink, black and white, in coarse pixels."""
        rows = (
            "..######",
            ".##...##",
            "##....##",
            "##...###",
            ".#####..",
            "....##..",
            "...##...",
            "..##....",
            ".##.....",
        )
        coarse = np.array([[0 if pixel == "#" else 255 for pixel in row] for row in rows], np.uint8)
        return np.kron(coarse, np.ones((scale, scale), np.uint8))

    @pytest.mark.parametrize("scale", [2, 4, 16, 32])
    @pytest.mark.parametrize("dark", [True, False])
    def test_black_and_white(self, dark: bool, scale: int) -> None:
        """What takes half of a picture and is as wide as a shadow is ink all the same, where all its edges are hard."""
        scan = self.scan(scale)
        digit = normalize(scan if dark else 255 - scan)
        wide = normalize(np.pad(scan, 8 * scale, constant_values=255))
        assert digit.inverted is dark
        assert likeness(digit.pixels, wide.pixels) > 0.95

    def test_pieces_that_the_edges_cut(self) -> None:
        """A stroke that came off in the scan belongs to the digit, as all of it is cut by the edge."""
        scan = self.scan(4)
        scan[20:22] = 255
        digit = normalize(scan)
        assert digit.crop_box.height == scan.shape[0]
        assert digit.left_out == 0.0

    @pytest.mark.parametrize("gap", [6, 15, 30])
    def test_neighbours_in_a_row_stay_out(self, gap: int) -> None:
        """A crop as high as the digit shows a part of the one before: that is not stacked on anything."""
        nine = self.scan(8)
        sheet = canvas(20 + gap + nine.shape[1] + 20, nine.shape[0])
        sheet[:, 20 + gap : -20] = nine
        alone = normalize(sheet)
        sheet[10:50, :20] = 0
        digit = normalize(sheet)
        assert digit.crop_box == alone.crop_box
        assert digit.left_out > 0
        sheet[10:30, :20] = 255
        assert normalize(sheet).left_out == 0.0
