"""Forms that lie askew in a photograph are read as if they were level, and what is drawn by hand is left as it is."""

import cv2
import numpy as np
import pytest

from app.ground import Mask
from app.normalization import normalize
from app.skew import skew_of, without_skew
from tests.pictures import Grey, canvas, with_stroke

Strokes = list[list[tuple[int, int]]]

SEVEN: Strokes = [[(200, 150), (240, 150), (215, 215)]]
"""On a sheet of 420 x 360."""

FORMS: dict[str, Strokes] = {
    "line": [[(120, 235), (310, 235)]],
    "line as wide as the pen": [[(120, 235 + row), (310, 235 + row)] for row in (0, 3, 6)],
    "lines above and below": [[(120, 130), (310, 130)], [(120, 235), (310, 235)]],
    "cells": [
        [(90, 130), (350, 130)],
        [(90, 235), (350, 235)],
        *[[(side, 130), (side, 235)] for side in (90, 175, 260, 350)],
    ],
    "comb": [[(90, 235), (350, 235)], *[[(side, 195), (side, 235)] for side in (90, 175, 260, 350)]],
}
"""By name."""


def sheet(strokes: Strokes, form: Strokes, degrees: float, ink: int = 40) -> Grey:
    """Written with a pen of 10 pixels on a form printed in lines of 3, turned, softly drawn."""
    drawn = canvas(420, 360, 235)
    for stroke in form:
        drawn = with_stroke(drawn, stroke, 40, 3)
    for stroke in strokes:
        drawn = with_stroke(drawn, stroke, ink, 10)
    turn = cv2.getRotationMatrix2D((210, 180), degrees, 1.0)
    turned = cv2.warpAffine(drawn, turn, (420, 360), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.GaussianBlur(turned, (0, 0), 0.8), np.uint8)


def likeness(one: Grey, other: Grey) -> float:
    """Correlation of two prepared pictures."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


class TestForms:
    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("degrees", [-9.0, -5.0, -2.5, 2.5, 5.0, 9.0])
    @pytest.mark.parametrize("ink", [40, 150])
    def test_askew(self, ink: int, degrees: float, form: str) -> None:
        """Either way, in ink or in pencil: the digit alone is read."""
        alone, found = (normalize(sheet(SEVEN, lines, degrees, ink)) for lines in ([], FORMS[form]))
        assert likeness(alone.pixels, found.pixels) > 0.9
        assert found.left_out < 0.1

    @pytest.mark.parametrize("degrees", [-5.0, -2.5, 2.5, 5.0])
    def test_line_that_it_stands_on(self, degrees: float) -> None:
        """It touches the line, and loses no more than what lies on it."""
        alone, found = (normalize(sheet(SEVEN, lines, degrees)) for lines in ([], [[(120, 216), (310, 216)]]))
        assert likeness(alone.pixels, found.pixels) > 0.95


class TestSkew:
    @staticmethod
    def lines(degrees: float, *, upright: bool = False) -> Mask:
        """Two lines, far longer than what is written between them."""
        ink = 255 - sheet(SEVEN, FORMS["lines above and below"], degrees)
        ink = np.where(ink > 128, np.uint8(255), np.uint8(0))
        return np.ascontiguousarray(ink.T) if upright else ink

    @pytest.mark.parametrize("degrees", [-12.0, -6.0, -3.0, 3.0, 6.0, 12.0])
    def test_is_found(self, degrees: float) -> None:
        """In rows for each column, which grow downwards; upright lines of a form lean the other way."""
        slope = np.tan(np.radians(degrees))
        assert skew_of(self.lines(degrees)) == pytest.approx(-slope, abs=0.02)
        assert skew_of(self.lines(degrees, upright=True)) == pytest.approx(slope, abs=0.02)

    @pytest.mark.parametrize("degrees", [-0.7, 0.0, 0.7])
    def test_level_lines_have_none(self, degrees: float) -> None:
        """Nor do those that lean so little that they pass for level."""
        assert skew_of(self.lines(degrees)) == 0.0

    @pytest.mark.parametrize("picture", [np.zeros((200, 200), np.uint8), np.full((300, 100), 255, np.uint8)])
    def test_nothing_and_everything_have_none(self, picture: Mask) -> None:
        """There are no lines in either."""
        assert skew_of(picture) == 0.0

    def test_small_ink_has_none(self) -> None:
        """Along a few pixels a line goes whatever is written."""
        assert (
            skew_of(np.asarray(cv2.resize(self.lines(9.0), (60, 51), interpolation=cv2.INTER_NEAREST), np.uint8)) == 0.0
        )

    @pytest.mark.parametrize("degrees", [-11.0, -4.0, 0.0, 4.0, 11.0])
    def test_no_pixel_is_lost(self, degrees: float) -> None:
        """What a change leaves comes back where it was."""
        ink = self.lines(degrees)
        assert np.array_equal(without_skew(ink, lambda level: level), ink)

    @pytest.mark.parametrize("degrees", [-11.0, -4.0, 4.0, 11.0])
    def test_change_sees_level_lines(self, degrees: float) -> None:
        """To a degree: their ends are some 3 of 200 pixels apart."""
        heights: list[int] = []

        def change(level: Mask) -> Mask:
            heights.extend(cv2.connectedComponentsWithStats(level, connectivity=8)[2][1:, cv2.CC_STAT_HEIGHT])
            return level

        without_skew(self.lines(degrees), change)
        assert sorted(heights)[1] <= 9
