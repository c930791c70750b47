"""The ground of crops that ink fills is one grey; that of photographs with shadows is not."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from app.ground import plain_ground
from app.normalization import normalize
from tests.pictures import seven

Grey = npt.NDArray[np.uint8]


def tight(ink: int, ground: int, side: int = 120) -> Grey:
    """A thick seven whose strokes reach all four edges."""
    picture = np.asarray(seven(400, 400, ink=ink, ground=ground), np.uint8)
    left, top, width, height = cv2.boundingRect(np.asarray(picture != ground, np.uint8))
    crop = picture[top : top + height, left : left + width]
    factor = side / max(width, height)
    return np.asarray(cv2.resize(crop, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def noisy(picture: Grey) -> Grey:
    noise = np.random.default_rng(1).normal(0.0, 2.0, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("side", [16, 120])
@pytest.mark.parametrize(("ink", "ground"), [(0, 255), (255, 0)])
def test_tight_crop_of_a_drawing(ink: int, ground: int, side: int) -> None:
    """It becomes what the roomy picture becomes, in either polarity."""
    digit = normalize(tight(ink, ground, side))
    roomy = normalize(np.asarray(seven(400, 400), np.uint8))
    assert digit.inverted == (ground == 255)
    assert np.abs(digit.pixels.astype(int) - roomy.pixels).mean() < 14


def test_tight_crop_of_a_photograph() -> None:
    """Grey paper with some grain, ink at every edge."""
    picture = noisy(tight(50, 190))
    assert plain_ground(picture) == pytest.approx(190, abs=8)
    digit = normalize(picture)
    assert digit.inverted
    assert digit.crop_box.height == picture.shape[0]


def test_part_in_the_light_is_not_ink() -> None:
    """Most of the sheet lies in a shadow: the rest is paper too."""
    picture = np.full((300, 300), 90, np.uint8)
    picture[:, 180:] = 210
    assert plain_ground(noisy(picture)) is None


def test_broad_shadow_is_not_ink() -> None:
    """A shadow is as dark all over as ink is, but broader than strokes."""
    picture = np.full((300, 300), 200, np.uint8)
    picture[:, 200:] = 60
    assert plain_ground(noisy(picture)) is None


def test_shadow_is_paler_than_ink() -> None:
    """Two levels beside the ground are a shadow and ink."""
    picture = np.full((300, 300), 200, np.uint8)
    picture[:, 270:] = 120
    picture[100:200, 100:110] = 30
    assert plain_ground(noisy(picture)) is None


def test_many_greys_are_no_plain_ground() -> None:
    """Uneven light has no single grey."""
    slope = np.tile(np.linspace(40, 220, 300), (300, 1)).astype(np.uint8)
    assert plain_ground(slope) is None
