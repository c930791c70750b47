"""Forms that lie askew in a photograph are read as if they were level, and what is drawn by hand is left as it is."""

import cv2
import numpy as np
import pytest

from app.ground import Mask
from app.ink import find_ink, find_writing
from app.normalization import normalize
from app.skew import skew_of, without_skew
from tests.pictures import Grey, canvas, likeness, with_stroke

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

    @pytest.mark.parametrize("wide", [1, 2, 3])
    def test_page_with_one_rule(self, wide: int) -> None:
        """Nothing else is on it, either way round."""
        page = canvas(900, 1200, 235)
        page[2:-2, 450 : 450 + wide] = 30
        for seen in (page, page.T.copy()):
            box = normalize(seen).crop_box
            assert min(box.width, box.height) <= 8
            assert max(box.width, box.height) >= max(seen.shape) - 304
            assert find_writing(seen).mask.any()

    @pytest.mark.parametrize("step", [12, 20, 30])
    def test_line_that_wavers(self, step: int) -> None:
        """By two pixels up and down: between them there is a row that no ink is in."""
        wavering = sheet(SEVEN, [], 0.0)
        columns = np.arange(60, 380)
        wavering[240 + 2 * (columns // step % 2), columns] = 30
        assert likeness(normalize(wavering).pixels, normalize(sheet(SEVEN, [], 0.0)).pixels) > 0.9

    @pytest.mark.parametrize("degrees", [-5.0, -2.5, 2.5, 5.0])
    def test_line_that_it_stands_on(self, degrees: float) -> None:
        """It touches the line, and loses no more than what lies on it."""
        alone, found = (normalize(sheet(SEVEN, lines, degrees)) for lines in ([], [[(120, 216), (310, 216)]]))
        assert likeness(alone.pixels, found.pixels) > 0.95


class TestHands:
    @pytest.mark.parametrize(
        "strokes",
        [
            [[(60, 70), (240, 92), (130, 240)]],
            [[(60, 92), (240, 70), (130, 240)]],
            [[(140, 40), (160, 240)]],
            [[(160, 40), (140, 240)], [(90, 235), (210, 245)]],
            [[(60, 60), (80, 150), (220, 165)], [(190, 40), (170, 250)]],
            [[(60, 70), (240, 92), (130, 240)], [(110, 150), (220, 160)]],
        ],
        ids=["seven", "seven that falls", "one", "one with a foot", "open four", "crossed seven"],
    )
    @pytest.mark.parametrize("pen", [6, 14])
    def test_strokes_stay(self, pen: int, strokes: Strokes) -> None:
        """What is written by hand leans as well, and is left as it is."""
        drawn = canvas(300, 280, 235)
        for stroke in strokes:
            drawn = with_stroke(drawn, stroke, 40, pen)
        assert (find_ink(drawn).mask[drawn < 60] > 0).mean() > 0.99


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

    @pytest.mark.parametrize("shape", [(384, 1), (1, 384), (1000, 2), (3, 2000)])
    def test_narrow_ink_has_none(self, shape: tuple[int, int]) -> None:
        """However long a line it is."""
        assert skew_of(np.full(shape, 255, np.uint8)) == (0.0, 0.0)

    def test_textures_have_none(self) -> None:
        """Hatching is no form."""
        rows, columns = np.indices((384, 384))
        assert skew_of(np.where((rows + columns // 8) % 6 < 3, np.uint8(255), np.uint8(0))) == (0.0, 0.0)

    @pytest.mark.parametrize("pen", [1, 2, 4])
    def test_large_pages(self, pen: int) -> None:
        """A line of one pixel is seen on a whole page."""
        page = 255 - with_stroke(
            with_stroke(canvas(1200, 900), [(100, 300), (1100, 380)], 0, pen), [(550, 200), (570, 340)], 0, 9
        )
        assert skew_of(page) == pytest.approx((0.08, 0.0), abs=0.02)

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
