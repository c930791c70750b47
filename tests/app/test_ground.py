"""The ground of crops that ink fills is what strokes cut; that of photographs with shadows is not."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from app.contrast import ink_response
from app.ground import (
    FRAME_PERCENTILE,
    fit_surface,
    has_clean_frame,
    parted_ground,
    percentile,
    plain_ground,
    quadratic_basis,
    smooth_ground,
)
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
    found = parted_ground(picture)
    assert found is not None
    ground, dark = found
    assert dark
    assert ground == pytest.approx(190, abs=8)
    digit = normalize(picture)
    assert digit.inverted
    assert digit.crop_box.height == picture.shape[0]


@pytest.mark.parametrize(("ink", "ground"), [(0, 255), (255, 0), (60, 200), (200, 60)])
def test_tight_crop_with_soft_edges(ink: int, ground: int) -> None:
    """A small picture that was enlarged has hardly any full ink; its ground is what the strokes cut, all the same."""
    soft = np.asarray(cv2.GaussianBlur(tight(ink, ground, 240), (0, 0), 6), np.uint8)
    found = parted_ground(soft)
    assert found is not None
    level, dark = found
    assert dark == (ground > ink)
    assert level == pytest.approx(ground, abs=12)


def test_tight_crop_in_sidelight() -> None:
    """The ground follows the light; what is dark on its dark side is still ink."""
    light = np.linspace(230, 140, 200)
    drawn = tight(0, 255, 200) / 255
    picture = (light[: drawn.shape[1]] * (0.3 + 0.7 * drawn)).astype(np.uint8)
    found = parted_ground(noisy(picture))
    assert found is not None
    level, dark = found
    assert dark
    assert np.abs(level[100] - light[: drawn.shape[1]]).max() < 10


def test_thick_pen_in_a_small_crop() -> None:
    """Most of it is ink: it is in one piece, the ground in its hole and its corners is not."""
    ring = np.full((18, 16), 255, np.uint8)
    cv2.ellipse(ring, (7, 8), (6, 7), 0, 0, 360, 0, 5)
    found = parted_ground(ring)
    assert found is not None
    assert found[1]


@pytest.mark.parametrize(("ink", "ground"), [(60, 200), (200, 60)])
def test_bold_pen_in_a_tight_crop(ink: int, ground: int) -> None:
    """As thick as a shadow may be, but all of one grey."""
    ring = np.full((120, 100), ground, np.uint8)
    cv2.ellipse(ring, (50, 60), (28, 38), 0, 0, 360, ink, 46)
    found = parted_ground(noisy(ring))
    assert found is not None
    assert found[1] == (ink < ground)


@pytest.mark.parametrize("turned", [False, True])
def test_padding_is_no_ink(turned: bool) -> None:
    """White bars to the left and right of a photograph are thin, and light on its grey; nothing else is there."""
    padded = np.full((200, 260), 150, np.uint8)
    padded[:, :30] = padded[:, -30:] = 255
    padded = noisy(padded)
    assert parted_ground(np.ascontiguousarray(padded.T) if turned else padded) is None


@pytest.mark.parametrize("height", [250, 256, 512])
def test_bar_in_sidelight(height: int) -> None:
    """As many pixels of ground in each row as in any other: the samples lie in all columns nevertheless."""
    light = np.linspace(225, 140, 200)
    bar = np.tile(light, (height, 1))
    bar[:, 90:112] *= 0.3
    found = parted_ground(noisy(bar.astype(np.uint8)))
    assert found is not None
    assert np.abs(found[0] - light).max() < 10


def test_grain_in_a_small_crop() -> None:
    """Noise is no slope."""
    picture = tight(60, 200, 30)
    noise = np.random.default_rng(1).normal(0.0, 10.0, picture.shape)
    found = parted_ground(np.clip(picture + noise, 0, 255).astype(np.uint8))
    assert found is not None
    assert found[1]


@pytest.mark.parametrize("dark", [True, False])
def test_ground_that_is_all_edge(dark: bool) -> None:
    """Nothing of it is two pixels away from ink: it has no surface, but one grey."""
    stripes = np.full((4, 28), 255, np.uint8)
    stripes[:, ::3] = 0
    picture = stripes if dark else 255 - stripes
    assert parted_ground(picture) is None
    found = plain_ground(picture)
    assert found is not None
    assert found[0] == (255 if dark else 0)
    assert found[1] == dark


def test_part_in_the_light_is_not_ink() -> None:
    """Most of the sheet lies in a shadow: the rest is paper too."""
    picture = np.full((300, 300), 90, np.uint8)
    picture[:, 180:] = 210
    picture[140:160, :] -= 40
    assert parted_ground(noisy(picture)) is None


def test_broad_shadow_is_not_ink() -> None:
    """A shadow is as dark all over as ink is, but broader than strokes."""
    picture = np.full((300, 300), 200, np.uint8)
    picture[:, 200:] = 60
    picture[100:110, 20:240] = 30
    assert parted_ground(noisy(picture)) is None


def test_shadow_is_paler_than_ink() -> None:
    """Two levels beside the ground are a shadow and ink."""
    picture = np.full((300, 300), 200, np.uint8)
    picture[:, 270:] = 120
    picture[100:200, 100:110] = 30
    assert parted_ground(noisy(picture)) is None


def test_dark_strip_beside_ink_is_a_shadow() -> None:
    """It is as thin as strokes and nearly as dark, but lies along a whole edge."""
    picture = np.array(seven(200, 200, ink=50, ground=200), np.uint8)
    picture[:, 170:] = picture[:, 170:] * 0.35
    assert parted_ground(noisy(picture)) is None


def test_many_greys_are_no_plain_ground() -> None:
    """Uneven light has no single grey."""
    slope = np.tile(np.linspace(40, 220, 300), (300, 1)).astype(np.uint8)
    assert plain_ground(slope[:40, ::8]) is None
    assert parted_ground(slope) is None


LEVELS = st.floats(-1000.0, 1000.0, width=32)


class TestPercentile:
    @given(
        values=arrays.arrays(
            st.sampled_from([np.float32, np.float64]), arrays.array_shapes(max_dims=2, max_side=40), elements=LEVELS
        ),
        share=st.one_of(st.sampled_from([0.0, 30.0, 50.0, 70.0, 99.0, 100.0]), st.floats(0.0, 100.0)),
    )
    def test_as_numpy(self, values: npt.NDArray[np.floating], share: float) -> None:
        """It is NumPy's percentile, of any shape and kind, and leaves the values as they are."""
        before = values.copy()
        expected = float(np.percentile(values.astype(np.float64), share))
        assert percentile(values, share) == pytest.approx(expected, rel=1e-9, abs=1e-9)
        assert np.array_equal(values, before)

    def test_median_of_few(self) -> None:
        """One value is its own percentile, two have theirs between them."""
        assert percentile(np.array([3.0]), 70.0) == 3.0
        assert percentile(np.array([4.0, 2.0], np.float32), 50.0) == 3.0
        assert percentile(np.array([4.0, 2.0]), 100.0) == 4.0


class TestFlatSurface:
    @pytest.mark.parametrize("level", [0, 7, 128, 255])
    def test_flat_frame(self, level: int) -> None:
        """A frame of one grey is its own surface, which nothing leaves, whatever lies inside."""
        picture = np.full((50, 40), level, np.uint8)
        picture[20:30, 15:20] = 255 - level
        surface = smooth_ground(picture)
        assert not surface.rest.any()
        assert np.array_equal(
            np.broadcast_to(surface.picture, picture.shape), np.full(picture.shape, level, np.float32)
        )

    @pytest.mark.parametrize("level", [0, 200])
    def test_is_what_the_fit_tends_to(self, level: int) -> None:
        """A frame with a single other pixel, which is fitted, gets the same surface and the same response."""
        flat = np.full((60, 60), level, np.uint8)
        flat[20:40, 28:32] = 255 - level
        nearly = flat.copy()
        # The first sample of the frame.
        nearly[0, 0] += 1
        assert smooth_ground(flat).picture.shape == (1, 1)
        surface = smooth_ground(nearly)
        assert surface.picture.shape == nearly.shape
        assert np.abs(surface.picture - level).max() < 0.1
        assert percentile(surface.rest, FRAME_PERCENTILE) < 0.1
        (response, dark), (expected, expected_dark) = ink_response(flat), ink_response(nearly)
        assert dark == expected_dark
        assert response.shape == expected.shape
        assert response == pytest.approx(expected, abs=0.5)

    def test_blank_picture_has_a_response_of_its_size(self) -> None:
        """A picture of one grey stands out nowhere, pixel by pixel."""
        response, _ = ink_response(np.full((30, 50), 90, np.uint8))
        assert np.array_equal(response, np.zeros((30, 50), np.float32))

    @given(level=st.integers(0, 255), count=st.integers(1, 50))
    def test_samples_of_one_grey(self, level: int, count: int) -> None:
        """Equal samples leave nothing over, however many they are."""
        places = np.linspace(0.0, 1.0, count)
        surface = fit_surface(quadratic_basis(places, places), np.full(count, float(level)), (3, 4))
        assert np.array_equal(np.broadcast_to(surface.picture, (3, 4)), np.full((3, 4), level))
        assert np.array_equal(surface.rest, np.zeros(count))


@pytest.mark.parametrize("side", [200, 272, 276, 280, 320, 384])
def test_all_sides_are_sampled(side: int) -> None:
    """What lies on a fifth of any one edge shows in the surface's rest, whatever the picture's size."""
    for turns in range(4):
        grey = np.full((side, side), 200, np.uint8)
        grey[: side // 4, : side // 3] = 90
        assert not has_clean_frame(
            smooth_ground(np.ascontiguousarray(np.rot90(np.roll(grey, side // 3, axis=1), turns)))
        )
