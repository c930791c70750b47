"""Drawn digits look like what the preparation gives."""

import cv2
import numpy as np
import pytest

from app.contract import BOX, LABELS
from model_training import drawing
from model_training.drawing import CANVAS, angular, bent, draw_digits
from model_training.glyphs import INK, TILE, digit_glyphs, other_glyphs


def test_drawn_digits_have_the_contracts_geometry() -> None:
    """White ink on black, the longer side of its box 20 pixels, at most two less where the soft edge fades."""
    drawn = draw_digits(200, seed=4)
    assert drawn.pictures.shape == (200, 28, 28, 1)
    assert drawn.pictures.dtype == np.uint8
    for picture in drawn.pictures[..., 0]:
        rows, columns = np.nonzero(picture)
        longest = max(np.ptp(rows), np.ptp(columns)) + 1
        assert BOX - 2 <= longest <= BOX
        assert picture.max() == 255


def test_labels_are_balanced() -> None:
    """As many of each digit."""
    assert np.bincount(draw_digits(50, seed=1).labels).tolist() == [5] * 10


def test_same_seed_same_digits() -> None:
    """A seed promises its digits; another seed gives others."""
    first, again, other = draw_digits(20, seed=1), draw_digits(20, seed=1), draw_digits(20, seed=2)
    assert np.array_equal(first.pictures, again.pictures)
    assert not np.array_equal(first.pictures, other.pictures)


def test_no_two_drawings_are_alike() -> None:
    """Every drawing is a hand's, not a stamp's."""
    drawn = draw_digits(300, seed=9).pictures.reshape(300, -1)
    assert len(np.unique(drawn, axis=0)) == 300


def test_half_are_digits_of_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each label about half the pictures are a font's glyph of this very label, the others drawn stroke by stroke.

    Here the only font shows a filled square for the 5 and upright lines for all others.
    """
    font = np.zeros((1, 10, TILE, TILE), np.uint8)
    border = (TILE - INK) // 2
    font[0, :, border:-border, 30:34] = 255
    font[0, 5, border:-border, border:-border] = 255
    monkeypatch.setattr(drawing, "digit_glyphs", lambda: font)
    drawn = draw_digits(400, seed=1)
    squares = np.zeros(len(drawn), bool)
    for index, picture in enumerate(drawn.pictures[..., 0]):
        rows, columns = np.nonzero(picture)
        box = picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        squares[index] = min(box.shape) >= 9 and (box >= 128).mean() > 0.7
    assert 0.25 <= squares[drawn.labels == 5].mean() <= 0.75
    assert squares[drawn.labels != 5].mean() < 0.05


class TestBent:
    def test_every_glyph_keeps_its_ink(self) -> None:
        """However a glyph is bent, there is ink on the canvas, and hardly any of it is lost at the edges."""
        random = np.random.default_rng(1)
        for glyph in np.concatenate([digit_glyphs()[::10].reshape(-1, TILE, TILE), other_glyphs()[::20]]):
            canvas = bent(glyph, 3.0, random)
            assert canvas.shape == (CANVAS, CANVAS)
            assert canvas.dtype == np.uint8
            assert canvas.max() >= 128
            edge = np.concatenate([canvas[0], canvas[-1], canvas[:, 0], canvas[:, -1]])
            assert (edge > 0).mean() < 0.25

    def test_same_random_numbers_same_glyph(self) -> None:
        """The generator decides everything, and two turns of it give two hands."""
        glyph = digit_glyphs()[0, 7]
        random = np.random.default_rng(3)
        first, second = bent(glyph, 1.0, random), bent(glyph, 1.0, random)
        assert np.array_equal(bent(glyph, 1.0, np.random.default_rng(3)), first)
        assert not np.array_equal(first, second)

    def test_without_waver_lines_stay_straight(self) -> None:
        """A bar's slant, width and pen vary; its edges waver only as far as they are asked to."""
        bar = np.zeros((TILE, TILE), np.uint8)
        bar[8:56, 28:36] = 255

        def crookedness(waver: float) -> float:
            """Mean distance of the bar's middle from a straight line, over twenty hands."""
            rests = []
            for seed in range(20):
                canvas = bent(bar, waver, np.random.default_rng(seed))[32:64].astype(float)
                middle = (canvas * np.arange(CANVAS)).sum(axis=1) / canvas.sum(axis=1)
                rows = np.arange(len(middle))
                rests.append(np.abs(middle - np.polyval(np.polyfit(rows, middle, 1), rows)).mean())
            return float(np.mean(rests))

        assert crookedness(0.0) < 0.15
        assert crookedness(3.0) > 0.3

    def test_the_glyph_itself_is_left_alone(self) -> None:
        """Fonts' glyphs are shared and must not be written to."""
        assert not digit_glyphs().flags.writeable
        assert bent(digit_glyphs()[0, 0], 1.0, np.random.default_rng(1)).flags.writeable


@pytest.mark.parametrize("label", LABELS)
def test_every_shape_is_drawn_in_many_ways(label: int) -> None:
    """Forty drawings of a label all have ink, and their sizes and styles differ."""
    drawn = draw_digits(400, seed=label)
    pictures = drawn.pictures[drawn.labels == label].reshape(40, -1)
    assert (pictures.max(axis=1) == 255).all()
    assert len(np.unique(pictures, axis=0)) == 40
    assert pictures.mean(axis=1).std() > 3


@pytest.mark.parametrize(
    ("label", "holes"), [(0, 1), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 1), (7, 0), (8, 2), (9, 1)]
)
def test_angular_digits_enclose_what_theirs_enclose(label: int, holes: int) -> None:
    """Block letters and displays write each digit with as many closed loops as anybody; segments apart close none."""
    random = np.random.default_rng(1)
    counted = []
    for _ in range(60):
        canvas = np.zeros((120, 120), np.uint8)
        for stroke in angular(label, random):
            points = np.rint(stroke * 80 + 20).astype(np.int32)
            cv2.polylines(canvas, [points], isClosed=False, color=255, thickness=3)
        _, hierarchy = cv2.findContours(canvas, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        counted.append(int((hierarchy[0, :, 3] >= 0).sum()))
    assert np.mean(np.array(counted) == holes) >= (0.6 if holes else 1.0)
