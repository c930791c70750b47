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


def bent(picture: Grey, sag: float) -> Grey:
    """A page that curls: its middle lies lower by so much of its height."""
    rows, columns = np.indices(picture.shape)
    moved = rows - sag * len(picture) * np.sin(np.pi * columns / picture.shape[1])
    across, down = np.asarray(columns, np.float32), np.asarray(moved, np.float32)
    return np.asarray(cv2.remap(picture, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def likeness(one: Grey, other: Grey) -> float:
    """Correlation of two prepared pictures."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


class TestForms:
    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("degrees", [-7.0, -4.0, -2.0, 2.0, 4.0, 7.0])
    @pytest.mark.parametrize("ink", [40, 150])
    def test_askew(self, ink: int, degrees: float, form: str) -> None:
        """Either way, in ink or in pencil: the digit alone is read."""
        alone, found = (normalize(sheet(SEVEN, lines, degrees, ink)) for lines in ([], FORMS[form]))
        assert likeness(alone.pixels, found.pixels) > 0.9
        assert found.left_out < 0.1

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("sag", [-0.06, -0.03, 0.03, 0.06])
    @pytest.mark.parametrize("ink", [40, 150])
    def test_curled(self, ink: int, sag: float, form: str) -> None:
        """Lines bend, up or down."""
        alone, found = (normalize(bent(sheet(SEVEN, lines, 0.0, ink), sag)) for lines in ([], FORMS[form]))
        assert likeness(alone.pixels, found.pixels) > 0.9
        assert found.left_out < 0.1

    @pytest.mark.parametrize("warp", [-6.0, 6.0, -0.04, 0.04])
    def test_rules_as_dark(self, warp: float) -> None:
        """Three rules from edge to edge, turned or curled, one of them across the digit."""

        def warped(rules: Strokes) -> Grey:
            picture = sheet(SEVEN, rules, warp if abs(warp) > 1 else 0.0)
            return bent(picture, warp) if abs(warp) < 1 else picture

        rules = [[(-40, row), (460, row)] for row in (80, 190, 300)]
        alone, found = normalize(warped([])), normalize(warped(rules))
        assert likeness(alone.pixels, found.pixels) > 0.9

    @pytest.mark.parametrize("degrees", [-5.0, -2.5, 2.5, 5.0])
    def test_line_that_it_stands_on(self, degrees: float) -> None:
        """It touches the line, and loses no more than what lies on it."""
        alone, found = (normalize(sheet(SEVEN, lines, degrees)) for lines in ([], [[(120, 216), (310, 216)]]))
        assert likeness(alone.pixels, found.pixels) > 0.95


class TestSkew:
    @staticmethod
    def lines(degrees: float) -> Mask:
        """Two lines, far longer than what is written between them."""
        ink = 255 - sheet(SEVEN, FORMS["lines above and below"], degrees)
        return np.where(ink > 128, np.uint8(255), np.uint8(0))

    @pytest.mark.parametrize("degrees", [-12.0, -6.0, -3.0, 3.0, 6.0, 12.0])
    def test_slope_is_found(self, degrees: float) -> None:
        """In rows for each column, which grow downwards."""
        assert skew_of(self.lines(degrees)) == pytest.approx((-np.tan(np.radians(degrees)), 0.0), abs=0.02)

    @pytest.mark.parametrize("sag", [-0.06, -0.03, 0.03, 0.06])
    def test_bend_is_found(self, sag: float) -> None:
        """As a share of the line's columns: these lines end where the page has sunk by 0.8 of its middle."""
        ink = np.where(bent(self.lines(0.0), sag) > 128, np.uint8(255), np.uint8(0))
        width = cv2.boundingRect(ink)[2]
        slope, bend = skew_of(ink)
        assert slope == pytest.approx(0.0, abs=0.02)
        assert bend * width == pytest.approx(sag * 360 * (1 - np.sin(np.pi * 120 / 420)), abs=2.5)

    @pytest.mark.parametrize("degrees", [-0.7, 0.0, 0.7])
    def test_level_lines_have_none(self, degrees: float) -> None:
        """Nor do those that lean so little that they pass for level."""
        assert skew_of(self.lines(degrees)) == (0.0, 0.0)

    @pytest.mark.parametrize("picture", [np.zeros((200, 200), np.uint8), np.full((300, 100), 255, np.uint8)])
    def test_nothing_and_everything_have_none(self, picture: Mask) -> None:
        """There are no lines in either."""
        assert skew_of(picture) == (0.0, 0.0)

    def test_small_ink_has_none(self) -> None:
        """Along a few pixels a line goes whatever is written."""
        assert skew_of(
            np.asarray(cv2.resize(self.lines(9.0), (60, 51), interpolation=cv2.INTER_NEAREST), np.uint8)
        ) == (0.0, 0.0)

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
