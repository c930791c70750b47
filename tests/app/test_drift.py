"""Features of prepared pictures, and how far their distribution moved."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.artifact import FeatureReference
from app.drift import (
    CONFIDENCE,
    INK_SHARE,
    STROKE_WIDTH,
    VERDICT,
    VERDICTS,
    bin_name,
    bin_of,
    drift,
    features,
    stability_index,
)

SURE = np.array([0.9] + [0.1 / 9] * 9, np.float32)


def bar(width: int) -> np.ndarray:
    """A prepared picture of an upright stroke of 20 pixels, so many wide: uint8 (28, 28, 1)."""
    picture = np.zeros((28, 28, 1), np.uint8)
    picture[4:24, 14 : 14 + width] = 255
    return picture


@pytest.mark.parametrize("width", [2, 4, 6])
def test_features_of_a_stroke(width: int) -> None:
    """Ink share is the share of white, stroke width the stroke's, confidence the best digit's probability."""
    found = features(bar(width), SURE, "uncertain")
    assert found[INK_SHARE] == pytest.approx(20 * width / 784)
    assert found[STROKE_WIDTH] == pytest.approx(width, abs=0.9)
    assert found[CONFIDENCE] == pytest.approx(0.9)
    assert VERDICTS[int(found[VERDICT])] == "uncertain"


def test_no_verdict_is_no_feature() -> None:
    """What was not judged has no verdict to count."""
    assert set(features(bar(3), SURE, None)) == {INK_SHARE, STROKE_WIDTH, CONFIDENCE}


@pytest.mark.parametrize(("value", "place"), [(-1.0, 0), (0.0, 1), (0.5, 1), (1.0, 2), (9.0, 2)])
def test_bins(value: float, place: int) -> None:
    """Bins are open at both ends; a value on an edge belongs above it."""
    assert bin_of(value, (0.0, 1.0)) == place


def test_bins_have_names_of_their_own() -> None:
    """A bin is named by its edges."""
    assert [bin_name(index, (0.25, 1.0)) for index in range(3)] == ["..0.25", "0.25..1", "1.."]


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=12).filter(any))
def test_no_difference_is_zero(counts: list[int]) -> None:
    """The index of a distribution against itself is 0."""
    shares = [count / sum(counts) for count in counts]
    assert stability_index(counts, shares) == pytest.approx(0.0, abs=1e-12)


@given(st.lists(st.integers(0, 1000), min_size=3, max_size=3).filter(any))
def test_never_negative_and_finite(counts: list[int]) -> None:
    """Empty bins, in the reference too, do no harm."""
    assert 0.0 <= stability_index(counts, (1.0, 0.0, 0.0)) < np.inf


def test_known_value() -> None:
    """(0.75 - 0.5) ln(0.75 / 0.5) + (0.25 - 0.5) ln(0.25 / 0.5), for counts that half a picture does not change."""
    assert stability_index((7.5e9, 2.5e9), (0.5, 0.5)) == pytest.approx(0.25 * np.log(3.0))


def test_grows_with_the_difference() -> None:
    """Further away is more drift."""
    indices = [stability_index((500 + moved, 500 - moved), (0.5, 0.5)) for moved in (0, 100, 300, 500)]
    assert indices == sorted(indices)
    assert indices[1] < 0.1
    assert indices[2] > 0.25


def test_chance_alone_is_little() -> None:
    """Of n pictures of the reference itself, the index is about (bins - 1) / n on average."""
    random = np.random.default_rng(1)
    shares = np.full(10, 0.1)
    found = [stability_index(random.multinomial(1000, shares).tolist(), shares.tolist()) for _ in range(200)]
    assert np.mean(found) == pytest.approx(9 / 1000, rel=0.2)


def test_too_few_pictures_have_no_drift() -> None:
    """A feature is told of from so many pictures on."""
    reference = (FeatureReference(name="a", edges=(0.5,), shares=(0.5, 0.5)),)
    assert drift({"a": (1, 1)}, reference, least=3) == {}
    assert drift({}, reference, least=1) == {}
    assert set(drift({"a": (1, 2)}, reference, least=3)) == {"a"}
