"""Pencil that is fainter than the print of its form is read; print alone, and ink beside something faint, stay."""

import cv2
import numpy as np
import pytest

from app.ink import find_writing
from app.normalization import normalize
from tests.pictures import Grey, canvas, likeness, with_stroke

Strokes = list[list[tuple[int, int]]]

SEVEN: Strokes = [[(120, 70), (175, 70), (140, 160)]]
"""On a sheet of 300 x 260."""

PRINT: dict[str, Strokes] = {
    "line": [[(40, 186), (260, 186)]],
    "leaning line": [[(40, 186), (260, 198)]],
    "near line": [[(40, 170), (260, 170)]],
    "lines above and below": [[(40, 40), (260, 40)], [(40, 190), (260, 190)]],
    "box": [[(90, 40), (205, 40), (205, 190), (90, 190), (90, 40)]],
    "leaning box": [[(94, 36), (209, 44), (201, 194), (86, 186), (94, 36)]],
    "ring": [[(148 + round(80 * np.cos(turn)), 115 + round(80 * np.sin(turn))) for turn in np.linspace(0, 6.3, 60)]],
    "corner": [[(90, 30), (90, 190), (240, 190)]],
    "cells": [
        [(20, 40), (280, 40)],
        [(20, 190), (280, 190)],
        *[[(side, 40), (side, 190)] for side in (20, 100, 190, 280)],
    ],
    "comb": [[(20, 190), (280, 190)], *[[(side, 130), (side, 190)] for side in (20, 100, 190, 280)]],
    "margin": [[(60, 0), (60, 259)]],
    "line that the edge cuts": [[(20, 259), (299, 236)]],
    "table's corner": [[(0, 252), (40, 258)], [(0, 256), (30, 259)]],
    "blot": [[(240, 40), (246, 40), (246, 46), (240, 46)]],
    "specks": [[(30, 40), (32, 40)], [(250, 200), (252, 201)], [(60, 220), (61, 222)]],
}
"""Print, dirt, and what the picture's edge cuts, by name."""


def sheet(*layers: tuple[Strokes, int, int]) -> Grey:
    """Strokes, ink and pen of each layer, softly drawn."""
    drawn = canvas(300, 260, 235)
    for strokes, ink, pen in layers:
        for stroke in strokes:
            drawn = with_stroke(drawn, stroke, ink, pen)
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), 0.8), np.uint8)


class TestFainterInk:
    @pytest.mark.parametrize("kind", PRINT)
    @pytest.mark.parametrize("ink", [130, 165, 190])
    def test_is_read(self, ink: int, kind: str) -> None:
        """Otsu's threshold parts the print from all else: what is fainter beside it is looked for."""
        written = (SEVEN, ink, 9)
        alone = normalize(sheet(written))
        found = normalize(sheet(written, (PRINT[kind], 30, 12 if kind == "blot" else 3)))
        assert likeness(alone.pixels, found.pixels) > 0.9
        assert found.left_out < 0.1

    def test_is_read_where_light_is_ink(self) -> None:
        """Chalk in a box that is painted on the board."""
        form = 255 - sheet((SEVEN, 150, 9), (PRINT["box"], 30, 3))
        assert likeness(normalize(sheet((SEVEN, 150, 9))).pixels, normalize(form).pixels) > 0.9

    def test_is_found_in_rows_too(self) -> None:
        """Whole numbers are written on such lines as well."""
        rows, _ = np.nonzero(find_writing(sheet((SEVEN, 165, 9), (PRINT["line"], 30, 3))).mask)
        assert rows.max() < 175


class TestOtherInk:
    def test_a_dash_with_dirt_on_the_paper(self) -> None:
        """A line alone is all there is."""
        box = normalize(sheet(([[(40, 120), (260, 120)]], 30, 3), ([[(100, 60), (102, 60)]], 150, 3))).crop_box
        assert box.width > 200
        assert box.height < 12

    def test_a_zero_with_a_smudge_inside(self) -> None:
        """It is broader than the smudge, which print is not."""
        zero = [[(150 + round(45 * np.cos(turn)), 130 + round(60 * np.sin(turn))) for turn in np.linspace(0, 6.3, 60)]]
        smudge = [[(140, 115), (160, 120), (150, 150)]]
        alone, smudged = (normalize(sheet((zero, 30, 14), *more)) for more in ([], [(smudge, 200, 5)]))
        assert likeness(alone.pixels, smudged.pixels) > 0.98

    @pytest.mark.parametrize("faint", [190, 215])
    @pytest.mark.parametrize("pen", [3, 9])
    def test_a_digit_upon_a_large_pale_one(self, pen: int, faint: int) -> None:
        """What shines through from the other side is larger, but the ink is more than print."""
        pale = [[(60, 30), (250, 30), (150, 240)]]
        alone, upon = (normalize(sheet(*more, (SEVEN, 30, pen))) for more in ([], [(pale, faint, 30)]))
        assert likeness(alone.pixels, upon.pixels) > 0.9

    def test_a_small_digit_where_light_falls_off(self) -> None:
        """At the picture's edges, what a ground misses of that is larger than the digit; the edge cuts it."""
        rows, columns = np.indices((260, 300))
        light = 0.55 + 0.45 * np.exp(-((columns - 110) ** 2 + (rows - 150) ** 2) / (2 * 90**2))
        small = [[(x // 3 + 60, y // 3 + 100) for x, y in stroke] for stroke in SEVEN]
        box = normalize((sheet((small, 30, 4)) * light).astype(np.uint8)).crop_box
        assert (box.width, box.height) == pytest.approx((22, 34), abs=4)

    @pytest.mark.parametrize("pen", [9, 40])
    def test_a_digit_in_a_pale_box(self, pen: int) -> None:
        """The box is fainter than a bold digit, which is no blot."""
        alone, boxed = (normalize(sheet((SEVEN, 30, pen), *more)) for more in ([], [(PRINT["box"], 120, 4)]))
        assert likeness(alone.pixels, boxed.pixels) > 0.95

    def test_a_cut_out_digit(self) -> None:
        """The grey paper that was left around a digit on a white page is its ground, not ink."""
        page = canvas(400, 400)
        page[80:320, 60:340] = sheet((SEVEN, 30, 9))[:240, :280]
        assert likeness(normalize(page).pixels, normalize(sheet((SEVEN, 30, 9))).pixels) > 0.95
