"""A row becomes one picture of a fixed height, level, in order and in scale."""

import numpy as np
import pytest

from app.contract import STRIP_BOX, STRIP_HEIGHT, STRIP_STEP
from app.normalization import Box
from app.pieces import Piece
from app.strip import MARGIN, ink_climb, lay_out


def block(left: int, top: int, width: int, height: int) -> Piece:
    """A piece that fills its box."""
    ink = np.full((height, width), 255, np.uint8)
    return Piece(ink, ink, Box(left, top, left + width, top + height))


def rows_of_ink(pixels: np.ndarray, column: int) -> tuple[int, int]:
    """First row with ink in a column, and the first one behind it."""
    found = np.flatnonzero(pixels[:, column] > 127)
    return int(found[0]), int(found[-1]) + 1


class TestLayOut:
    def test_geometry(self) -> None:
        """Digits become STRIP_BOX high in the middle of the height, with a margin to the left and right."""
        strip = lay_out([block(100, 50, 40, 80), block(200, 50, 40, 80)], 80.0)
        assert strip.pixels.dtype == np.uint8
        assert strip.pixels.shape == (STRIP_HEIGHT, 140 // 4 + 2 * MARGIN)
        for column in (MARGIN + 2, MARGIN + 27):
            assert rows_of_ink(strip.pixels, column) == (8, 8 + STRIP_BOX)
        assert not strip.pixels[:, : MARGIN - 1].any()
        assert not strip.pixels[:, 1 - MARGIN :].any()

    def test_row_that_climbs(self) -> None:
        """A long row is level in its strip, though it climbs; ink keeps its place from left to right."""
        level = [block(100 * index, 500, 40, 80) for index in range(6)]
        climbing = [block(100 * index, 500 - 15 * index, 40, 80) for index in range(6)]
        one, other = lay_out(level, 80.0), lay_out(climbing, 80.0)
        assert one.pixels.shape == other.pixels.shape
        assert np.abs(one.pixels.astype(int) - other.pixels).max() <= 130
        assert np.mean(one.pixels != other.pixels) < 0.05

    def test_low_pieces_do_not_tilt_it(self) -> None:
        """A dot at the end, low as it is, leaves the line of the digits as it was."""
        digits = [block(100 * index, 500, 40, 80) for index in range(5)]
        strip = lay_out([*digits, block(520, 570, 10, 10)], 80.0)
        assert rows_of_ink(strip.pixels, MARGIN + 2) == (8, 8 + STRIP_BOX)

    def test_too_high(self) -> None:
        """What is far higher than the row is cut off above and below, not squeezed."""
        strip = lay_out([block(0, 100, 20, 40), block(40, 20, 20, 200), block(80, 100, 20, 40)], 40.0)
        assert strip.pixels.shape[0] == STRIP_HEIGHT
        assert rows_of_ink(strip.pixels, MARGIN + 25) == (0, STRIP_HEIGHT)

    def test_hairline(self) -> None:
        """The narrowest row still has a picture."""
        strip = lay_out([block(3, 4, 1, 60)], 60.0)
        assert strip.pixels.shape == (STRIP_HEIGHT, 2 * MARGIN)
        assert strip.pixels.max() > 0


class TestColumn:
    def test_places(self) -> None:
        """A place of the picture is told as a column of the strip; what lies beyond it, as its first or last."""
        strip = lay_out([block(100, 50, 40, 80), block(200, 50, 40, 80)], 80.0)
        assert strip.column(100.0) == MARGIN // STRIP_STEP
        assert strip.column(200.0) == (MARGIN + 25) // STRIP_STEP
        assert (strip.column(-np.inf), strip.column(-50.0)) == (0, 0)
        last = -(-strip.pixels.shape[1] // STRIP_STEP)
        assert (strip.column(np.inf), strip.column(10_000.0)) == (last, last)

    @pytest.mark.parametrize("height", [20.0, 63.7, 300.0])
    def test_scale(self, height: float) -> None:
        """However large the row, a digit's height is as many columns as STRIP_BOX says."""
        strip = lay_out([block(10, 10, round(height), round(height)), block(500, 10, 20, round(height))], height)
        assert strip.column(10 + height) - strip.column(10.0) == pytest.approx(STRIP_BOX / STRIP_STEP, abs=1)


class TestClimb:
    def test_row_of_pieces(self) -> None:
        """A row that climbs by 15 pixels in 100 does so by its ink, wherever it lies on the picture."""
        for left, top in ((0, 200), (900, 1500)):
            row = [block(left + 100 * index, top - 15 * index, 40, 80) for index in range(6)]
            assert ink_climb(row, 80.0) == pytest.approx(-0.15, abs=0.01)

    def test_one_piece(self) -> None:
        """What is one piece of touching digits shows how it climbs all the same."""
        ink = np.zeros((260, 600), np.uint8)
        for index in range(600):
            ink[index // 4 : index // 4 + 80, index] = 255
        row = [Piece(ink, ink, Box(50, 70, 650, 330))]
        assert ink_climb(row, 100.0) == pytest.approx(0.25, abs=0.01)

    def test_level_and_short_rows(self) -> None:
        """A level row does not climb; of a short one nobody can tell."""
        assert ink_climb([block(100 * index, 50, 40, 80) for index in range(6)], 80.0) == pytest.approx(0.0, abs=1e-9)
        assert ink_climb([block(0, 50, 40, 80), block(100, 20, 40, 80)], 80.0) == 0.0
