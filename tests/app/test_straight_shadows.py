"""Shadows with straight edges are ground, whatever their direction; strokes and lines from edge to edge are not."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from app.normalization import normalize
from app.straight_shadows import shaded_ground
from tests.pictures import pixels_of, seven

Grey = npt.NDArray[np.uint8]
Level = npt.NDArray[np.float64]

ANGLES = [0, 20, 45, 71, 90, 112, 135, 160, 230, 290]
"""Along none of the edges lies a stroke that would hide it."""


def shadowed(angle: float, width: float = np.inf, depth: float = 0.5, side: int = 240, height: int = 200) -> Level:
    """White paper in a shadow that begins in the picture's middle: float64 (height, side), grey levels."""
    rows, columns = np.indices((height, side), float)
    across = (columns - side / 2) * np.cos(np.radians(angle)) + (rows - height / 2) * np.sin(np.radians(angle))
    edge = np.clip(across / 3 + 0.5, 0, 1) * np.clip((width - across) / 3 + 0.5, 0, 1)
    return np.asarray(220 * (1 - depth * edge), np.float64)


def written(ground: Level, light: float = 0.3) -> Grey:
    """A seven on it, with grain."""
    height, width = ground.shape
    ink = pixels_of(seven(width, height)) < 128
    noise = np.random.default_rng(1).normal(0.0, 2.0, ground.shape)
    return np.clip(np.where(ink, light * ground, ground) + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize("width", [20.0, 60.0, np.inf])
def test_ground_is_paper_and_shadow(angle: float, width: float) -> None:
    """Under the ink, too: but for its edges, within a few grey levels; the same digit is found as without it."""
    ground = shadowed(angle, width)
    found = shaded_ground(written(ground))
    assert found is not None
    assert (np.abs(found - ground) <= 10).mean() > 0.94
    assert (found > ground + 10).mean() < 0.01
    digit, plain = normalize(written(ground)), normalize(written(np.full_like(ground, 220.0)))
    assert np.abs(digit.pixels.astype(int) - plain.pixels).mean() < 6


def test_pages() -> None:
    """A large picture has a ground of its own size, found in a smaller one."""
    ground = shadowed(30, side=1200, height=1600)
    found = shaded_ground(written(ground))
    assert found is not None
    assert found.shape == ground.shape
    assert (np.abs(found - ground) <= 10).mean() > 0.94
    assert (found > ground + 10).mean() < 0.01


@pytest.mark.parametrize("angle", [0, 30])
def test_faint_ink_in_a_deep_shadow(angle: float) -> None:
    """What is far darker than the ink may be a stroke: it is left to others."""
    assert shaded_ground(written(shadowed(angle, 20.0, depth=0.7), light=0.75)) is None


def test_even_paper() -> None:
    """Without a shadow there is nothing to find."""
    assert shaded_ground(written(np.full((200, 240), 220.0))) is None


@pytest.mark.parametrize("thickness", [1, 2, 4])
@pytest.mark.parametrize("ends", [((0, 120), (239, 120)), ((60, 0), (60, 199)), ((0, 30), (239, 110))])
def test_lines_from_edge_to_edge(ends: tuple[tuple[int, int], tuple[int, int]], thickness: int) -> None:
    """They are none, faint or not."""
    paper = np.full((200, 240), 220, np.uint8)
    cv2.line(paper, *ends, 120, thickness)
    assert shaded_ground(written(paper.astype(float))) is None


@pytest.mark.parametrize("angle", [0, 10])
def test_strokes_from_edge_to_edge(angle: float) -> None:
    """A one with a flag that fills its crop."""
    crop = np.full((200, 120), 220, np.uint8)
    lean = round(100 * np.tan(np.radians(angle)))
    cv2.line(crop, (80 + lean, 0), (80 - lean, 199), 60, 24)
    cv2.line(crop, (80 + lean, 0), (10, 70), 60, 24)
    assert shaded_ground(crop) is None


def test_light_ink() -> None:
    """On a board, what is lighter is ink."""
    assert shaded_ground(255 - written(shadowed(30))) is None


def test_nothing_but_a_shadow() -> None:
    """Without ink there is no telling a shadow from a stroke."""
    assert shaded_ground(shadowed(30).astype(np.uint8)) is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (23, 300), (24, 24), (24, 384), (384, 25), (24, 1587), (36, 1896)])
def test_narrow_pictures(shape: tuple[int, int]) -> None:
    """Whatever the shape, there is an answer."""
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert shaded_ground(noise) is None
    striped = np.where(np.arange(shape[1])[None, :] < shape[1] // 2, 90, 220) * np.ones(shape)
    assert shaded_ground(striped.astype(np.uint8)) is None


@pytest.mark.parametrize("radius", [60, 100, 200])
def test_curved_shadows(radius: int) -> None:
    """A chord of a shadow's arc is no edge of it: the rest of the shadow would be ink."""
    rows, columns = np.indices((200, 240), float)
    edge = np.clip((radius - np.hypot(columns - 120, rows - 230 - radius / 2 + 60)) / 3 + 0.5, 0, 1)
    assert shaded_ground(written(220 * (1 - 0.5 * edge))) is None
