"""Strokes that grain would hide are found, and pictures without such grain stay as they are."""

import numpy as np
import pytest

from app.grain import without_grain
from app.normalization import normalize
from tests.pictures import Grey, canvas, with_stroke

SEVEN = [(70, 60), (170, 60), (110, 190)]


def noisy(paper: float, ink: float, grain: float, side: int = 240) -> Grey:
    """A seven on paper, with noise of this standard deviation."""
    sheet = with_stroke(canvas(side, side, round(paper)), SEVEN, ink=round(ink), pen=10)
    noise = np.random.default_rng(1).normal(0.0, grain, sheet.shape)
    return np.clip(sheet + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("paper", "ink", "grain"), [(22, 10, 5), (40, 25, 7), (190, 145, 18), (190, 100, 30), (60, 120, 25)]
)
def test_ink_is_found(paper: int, ink: int, grain: float) -> None:
    """In the dark, in faint pencil, by a poor camera, light on dark; it looks as without noise."""
    clean, found = normalize(noisy(paper, ink, 0.0)), normalize(noisy(paper, ink, grain))
    assert found.inverted == clean.inverted
    assert found.left_out < 0.05
    for side in ("left", "top", "right", "bottom"):
        assert getattr(found.crop_box, side) == pytest.approx(getattr(clean.crop_box, side), abs=4)
    assert float(np.abs(found.pixels.astype(float) - clean.pixels).mean()) < 12


@pytest.mark.parametrize("grain", [0, 3, 6])
def test_common_grain_stays(grain: float) -> None:
    """What is no threat to strokes is not blurred."""
    picture = noisy(200, 60, grain)
    assert without_grain(picture) is picture


def test_fine_lines_are_no_grain() -> None:
    """Squared paper is all edges on a tenth of its pixels, and even on the others."""
    paper = noisy(220, 60, 0.0)
    paper[::10] = paper[:, ::10] = 150
    assert without_grain(paper) is paper


def test_one_grey() -> None:
    """Nothing is not divided by."""
    picture = np.full((200, 300), 77, np.uint8)
    assert without_grain(picture) is picture


@pytest.mark.parametrize("shape", [(1, 200), (2, 126), (98, 1)])
def test_slivers(shape: tuple[int, int]) -> None:
    """There is too little to tell grain from."""
    sliver = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    assert without_grain(sliver) is sliver
