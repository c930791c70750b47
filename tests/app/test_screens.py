"""Bars of a screenshot and the page around a drawing are none of the picture that they show."""

import cv2
import numpy as np
import pytest

from app.ground import Grey
from app.normalization import normalize
from app.screens import Window, shown
from tests.pictures import pixels_of, seven


def photograph() -> Grey:
    """A seven on paper in sidelight, (200, 300)."""
    light = np.linspace(0.95, 0.7, 300)
    return np.asarray(pixels_of(seven(300, 200, 60, 230)) * light, np.uint8)


def with_bars(level: int, top: int, bottom: int) -> Grey:
    """A screenshot of a photograph, with the time in its upper bar."""
    bars = [np.full((height, 300), level, np.uint8) for height in (top, bottom)]
    if top > 30:
        cv2.putText(bars[0], "12:34", (20, 25), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255 - level, 2)
    return np.concatenate([bars[0], photograph(), bars[1]])


def on_page(page: int, ground: int, ink: int, margin: int) -> Grey:
    """A drawing on a page."""
    return np.pad(pixels_of(seven(300 - 2 * margin, 300 - 2 * margin, ink, ground)), margin, constant_values=page)


def is_nearly(found: Window | None, expected: Window) -> bool:
    """But for some pixels at each edge."""
    return found is not None and all(
        0 <= one.start - other.start <= 3 and 0 <= other.stop - one.stop <= 3
        for one, other in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize(("top", "bottom"), [(80, 60), (0, 100), (20, 0), (140, 140)])
def test_bars(level: int, top: int, bottom: int) -> None:
    """Above and below, to the left and the right, or on one side alone; with an icon or two."""
    picture = with_bars(level, top, bottom)
    rows, columns = slice(top, top + 200), slice(0, 300)
    assert is_nearly(shown(picture), (rows, columns))
    assert is_nearly(shown(np.ascontiguousarray(picture.T)), (columns, rows))


@pytest.mark.parametrize(("page", "ground", "ink"), [(255, 0, 255), (240, 30, 230), (0, 255, 0), (60, 255, 0)])
@pytest.mark.parametrize("margin", [5, 40, 90])
def test_page(page: int, ground: int, ink: int, margin: int) -> None:
    """Around a dark canvas or a white card, however wide."""
    window = slice(margin, 300 - margin)
    assert is_nearly(shown(on_page(page, ground, ink, margin)), (window, window))


def test_plot() -> None:
    """Ticks, numbers and a title beside it do not count."""
    picture = on_page(255, 0, 255, 50)
    picture[100:103, 44:50] = picture[200:203, 44:50] = 0
    cv2.putText(picture, "28 x 28", (90, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 0, 2)
    assert is_nearly(shown(picture), (slice(50, 250), slice(50, 250)))


def test_other_pictures_are_no_screenshots() -> None:
    """Drawings with a margin, bold ones, crops, a thin border, small ones, and a sheet in uneven light."""
    bold = np.full((300, 300), 255, np.uint8)
    cv2.line(bold, (60, 60), (240, 60), 0, 50)
    cv2.line(bold, (240, 60), (120, 270), 0, 50)
    disc = np.full((300, 300), 255, np.uint8)
    cv2.circle(disc, (150, 150), 100, 0, -1)
    light = np.full((300, 300), 200.0) * np.linspace(1.0, 0.6, 300)[:, None]
    for picture in (
        pixels_of(seven(300, 300)),
        bold,
        disc,
        pixels_of(seven(300, 300))[60:, 100:],
        light.astype(np.uint8),
        np.full((300, 300), 255, np.uint8),
    ):
        assert shown(picture) is None
    assert shown(with_bars(0, 80, 60)[::4, ::4]) is None


@pytest.mark.parametrize("rows", [1, 2, 3, 95, 96, 200])
@pytest.mark.parametrize("ground", [0, 120, 255])
def test_nearly_empty(rows: int, ground: int) -> None:
    """Thin pictures, and those with something along one edge alone, have no bars and no page."""
    for change in (slice(0, 0), slice(-1, None), slice(-2, None), slice(rows // 2, None)):
        picture = np.full((rows, 300), ground, np.uint8)
        picture[change] = 255 - ground
        if change.start != rows // 2:
            assert shown(picture) is None
            assert shown(np.ascontiguousarray(picture.T)) is None
        shown(picture)
        shown(picture[:, 2:-2])


@pytest.mark.parametrize("picture", [with_bars(0, 80, 60), with_bars(255, 80, 60), on_page(255, 0, 255, 60)])
def test_digit_is_read_where_it_is(picture: Grey) -> None:
    """It is prepared as without what is around it, and found in the pixels of the whole picture."""
    window = shown(picture)
    assert window is not None
    alone, found = normalize(picture[window]), normalize(picture)
    assert np.abs(alone.pixels.astype(int) - found.pixels).mean() <= 2
    box = found.crop_box
    assert window[0].start < box.top < box.bottom < window[0].stop
    assert window[1].start < box.left < box.right < window[1].stop
    assert abs((box.top + box.bottom) / 2 - (window[0].start + window[0].stop) / 2) < 20
