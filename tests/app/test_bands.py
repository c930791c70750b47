"""Straight bands from edge to edge are ground where they must be, and strokes or shadows everywhere else."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from app.bands import MOST_BANDS, banded_ground
from app.normalization import normalize
from tests.pictures import Grey, canvas, pixels_of, seven, with_stroke

SIDE = 200


@pytest.fixture
def plain() -> Grey:
    """A seven on a light sheet, its ink from column 70 to 130 and from row 40 to 160."""
    return pixels_of(seven(SIDE, SIDE))


def inverted(picture: Grey, start: int, end: int) -> Grey:
    """The picture with these columns as their negative."""
    changed = picture.copy()
    changed[:, start:end] = 255 - changed[:, start:end]
    return changed


def barred(picture: Grey, *bars: tuple[int, int]) -> Grey:
    """The picture with these columns black."""
    changed = picture.copy()
    for start, end in bars:
        changed[:, start:end] = 0
    return changed


def grounds(picture: Grey) -> npt.NDArray[np.float32]:
    """The ground of each column of a picture that has upright bands."""
    ground = banded_ground(picture)
    assert ground is not None
    assert ground.dtype == np.float32
    assert ground.shape == (1, picture.shape[1])
    return np.asarray(ground[0], np.float32)


class TestBands:
    @pytest.mark.parametrize(("start", "end"), [(0, 100), (100, 200), (80, 120), (20, 180)])
    def test_inverted_bands_with_ink(self, plain: Grey, start: int, end: int) -> None:
        """Each column's ground is that of its band, exactly, wherever the edges are."""
        columns = np.arange(SIDE)
        expected = np.where((columns >= start) & (columns < end), 0, 255)
        assert np.array_equal(grounds(inverted(plain, start, end)), expected)

    def test_lying_bands(self, plain: Grey) -> None:
        """Bands from the left edge to the right one are the same, turned by a quarter."""
        turned = inverted(plain, 0, 100).T.copy()
        ground = banded_ground(turned)
        assert ground is not None
        assert ground.shape == (SIDE, 1)
        assert np.array_equal(ground[:, 0], np.repeat([0, 255], 100))

    def test_both_edges_barred_without_ink(self, plain: Grey) -> None:
        """Bars of the same ground at both edges are what surrounds the picture, although there is no ink on them."""
        columns = np.arange(SIDE)
        expected = np.where((columns < 30) | (columns >= 165), 0, 255)
        assert np.array_equal(grounds(barred(plain, (0, 30), (165, 200))), expected)

    def test_ink_that_touches_the_edges(self, plain: Grey) -> None:
        """Columns whose ink reaches the upper or the lower edge differ at their ends and are left out."""
        tall = with_stroke(inverted(plain, 0, 100), [(140, 0), (150, 60)], pen=12)
        assert np.array_equal(grounds(tall), np.repeat([0, 255], 100))

    def test_four_levels(self) -> None:
        """Bands may have any greys, as long as neighbours are far apart."""
        levels = [20, 100, 190, 110]
        sheet = np.repeat(np.repeat(np.array(levels, np.uint8), 50)[None, :], SIDE, axis=0)
        for left, level in zip(range(0, SIDE, 50), levels, strict=True):
            sheet[80:120, left + 10 : left + 30] = level + 60
        assert np.array_equal(grounds(sheet), np.repeat(levels, 50))

    def test_the_picture_itself_is_left_alone(self, plain: Grey) -> None:
        """Looking for bands writes nothing into what it is given."""
        picture = inverted(plain, 0, 100)
        picture.flags.writeable = False
        assert banded_ground(picture) is not None


class TestOtherPictures:
    @pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (30, 40)])
    def test_one_level(self, shape: tuple[int, int]) -> None:
        """An empty sheet has no bands, however small it is."""
        assert banded_ground(np.full(shape, 77, np.uint8)) is None

    def test_plain_picture(self, plain: Grey) -> None:
        """Neither has a digit on paper."""
        assert banded_ground(plain) is None

    @pytest.mark.parametrize("bar", [(0, 30), (170, 200), (85, 115)])
    def test_single_bar_without_ink_is_a_stroke(self, bar: tuple[int, int]) -> None:
        """A bar with nothing on it may be a one in a tight crop, wherever it stands."""
        assert banded_ground(barred(canvas(SIDE, SIDE), bar)) is None

    def test_bars_of_different_greys_at_both_edges(self, plain: Grey) -> None:
        """What counts is that both edges differ from the widest band, not that they are alike."""
        picture = barred(plain, (0, 30))
        picture[:, 170:] = 90
        assert np.array_equal(np.unique(grounds(picture)), [0, 90, 255])

    def test_band_that_is_full_of_ink(self) -> None:
        """Where most of a band is ink, its ends do not tell the ground."""
        picture = barred(canvas(SIDE, SIDE), (70, 130))
        picture[20:180, 72:128] = 255
        assert banded_ground(picture) is None

    def test_thin_bars_are_strokes(self, plain: Grey) -> None:
        """A tenth of the picture is the least: thinner bars are lines of paper, or strokes."""
        assert banded_ground(barred(plain, (0, 19), (181, 200))) is None
        assert banded_ground(barred(plain, (0, 20), (180, 200))) is not None

    def test_shadows_with_soft_edges(self, plain: Grey) -> None:
        """Light that falls off over more than two pixels is a shadow's."""
        sharp = inverted(plain, 0, 100)
        soft = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 4.0), np.uint8)
        assert banded_ground(sharp) is not None
        assert banded_ground(soft) is None

    def test_edges_hidden_by_ink(self, plain: Grey) -> None:
        """Where ink hides how wide a band's edge is, it is not taken for sharp."""
        picture = inverted(plain, 0, 100)
        picture[:10, 98:103] = 128
        assert banded_ground(picture) is None

    def test_most_lines_must_look_the_same_at_both_ends(self, plain: Grey) -> None:
        """Where a fifth of an edge is hidden, nothing is certain; a tenth may be ink."""
        for hidden, known in ((20, True), (60, False)):
            picture = inverted(plain, 0, 100)
            picture[:10, 20 : 20 + hidden] = 128
            assert (banded_ground(picture) is not None) is known

    def test_edges_that_differ_at_their_ends(self, plain: Grey) -> None:
        """Bands must be straight: a shadow that crosses the picture aslant is none."""
        slanted = plain.copy()
        for row in range(SIDE):
            slanted[row, : 60 + row // 2] //= 3
        assert banded_ground(slanted) is None

    def test_many_bands_are_a_pattern(self) -> None:
        """One more than may be, ink on each or not."""

        def striped(bands: int) -> Grey:
            levels = np.resize(np.array([255, 0], np.uint8), bands)
            sheet = np.repeat(np.repeat(levels, 30)[None, :], SIDE, axis=0)
            for left in range(10, 30 * bands, 30):
                sheet[80:120, left : left + 10] = 128
            return sheet

        assert banded_ground(striped(MOST_BANDS)) is not None
        assert banded_ground(striped(MOST_BANDS + 1)) is None

    def test_uneven_bands(self, plain: Grey) -> None:
        """A band that grows brighter from one side to the other is light, not ground of one grey."""
        picture = inverted(plain, 0, 100)
        picture[:, 100:] = picture[:, 100:] // 255 * np.linspace(150, 250, 100).astype(np.uint8)
        assert banded_ground(picture) is None


class TestPreparation:
    @pytest.mark.parametrize(("start", "end"), [(0, 100), (100, 200), (80, 120)])
    @pytest.mark.parametrize("lying", [False, True])
    def test_inverted_band_changes_nothing(self, plain: Grey, start: int, end: int, lying: bool) -> None:
        """A digit that is dark on one half and light on the other is prepared like the plain one."""
        picture = inverted(plain, start, end)
        striped = normalize(picture.T.copy() if lying else picture)
        whole = normalize(plain.T.copy() if lying else plain)
        assert np.abs(striped.pixels.astype(int) - whole.pixels).mean() < 1.0
        assert striped.crop_box == whole.crop_box

    def test_bars_beside_a_picture_change_nothing(self, plain: Grey) -> None:
        """Nor do black bars at both edges, as a screenshot has them."""
        framed = normalize(barred(plain, (0, 30), (165, 200)))
        assert framed.inverted
        assert np.abs(framed.pixels.astype(int) - normalize(plain).pixels).mean() < 1.0

    @pytest.mark.parametrize(("end", "dark"), [(95, True), (120, False)])
    def test_polarity_is_that_of_most_ink(self, plain: Grey, end: int, dark: bool) -> None:
        """Whether more of the ink is darker than its ground, or lighter."""
        picture = inverted(plain, 0, end)
        assert banded_ground(picture) is not None
        assert normalize(picture).inverted is dark

    def test_single_bar_is_read_as_ink(self) -> None:
        """A wide stroke from edge to edge is not lost to the ground."""
        digit = normalize(barred(canvas(SIDE, SIDE), (85, 115)))
        assert (digit.crop_box.left, digit.crop_box.right) == (85, 115)
        assert digit.inverted


@pytest.mark.parametrize("dark", [True, False])
def test_strokes_at_both_edges_of_a_tight_crop(dark: bool) -> None:
    """A ring that touches all edges of its crop is no band where it meets them."""
    crop = np.full((19, 14), 255, np.uint8)
    cv2.ellipse(crop, (6, 9), (5, 8), 0, 0, 360, 0, 3)
    picture = crop if dark else 255 - crop
    assert (picture[0] == picture[-1]).mean() >= 0.8
    assert (picture[0] != picture[9]).any()
    assert banded_ground(picture) is None
    assert normalize(picture).inverted is dark
