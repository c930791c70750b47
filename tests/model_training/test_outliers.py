"""Outliers are prepared like digits and are none."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from app.contract import SIDE
from app.normalization import normalize
from model_training import outliers
from model_training.data import Dataset, Digits
from model_training.drawing import CANVAS, Canvas
from model_training.outliers import Random, draw_outliers

KINDS = {kind.__name__.strip("_"): kind for kind in outliers._KINDS}
"""Every kind once."""


def test_outliers_have_the_contracts_geometry(few_digits: Dataset) -> None:
    """Prepared pictures, hardly two alike, none of them a digit it was given."""
    drawn = draw_outliers(few_digits.train, 200, seed=2)
    assert drawn.shape == (200, 28, 28, 1)
    assert drawn.dtype == np.uint8
    assert len(np.unique(drawn.reshape(200, -1), axis=0)) >= 190
    known = {picture.tobytes() for picture in few_digits.train.pictures}
    assert not any(picture.tobytes() in known for picture in drawn)


def test_same_seed_same_outliers(few_digits: Dataset) -> None:
    """A seed promises its pictures."""
    first, again, other = (draw_outliers(few_digits.train, 20, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_there_are_many_kinds() -> None:
    """Letters and curls most often, and everything else besides."""
    assert set(KINDS) == {
        *("glyph", "scribble", "curls", "squiggle", "hook", "crossing", "blot", "texture"),
        *("joined", "mirrored", "halved"),
    }


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_has_ink(few_digits: Dataset, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Thirty of one kind alone are prepared pictures with ink, of many shapes, the same for the same seed."""
    monkeypatch.setattr(outliers, "_KINDS", (KINDS[name],))
    drawn = draw_outliers(few_digits.train, 30, seed=3)
    assert (drawn.max(axis=(1, 2, 3)) == 255).all()
    assert len(np.unique(drawn.reshape(30, -1), axis=0)) >= 20
    assert np.array_equal(draw_outliers(few_digits.train, 30, seed=3), drawn)
    assert not np.array_equal(draw_outliers(few_digits.train, 30, seed=4), drawn)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_has_to_be_prepared(few_digits: Dataset, name: str) -> None:
    """None has MNIST's geometry from the start: they are judged like pictures that people send."""
    random = np.random.default_rng(1)
    assert not any(normalize(KINDS[name](few_digits.train, random)).unchanged for _ in range(20))


def test_blanks_are_drawn_again(few_digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drawing without ink is no picture: another one takes its place."""
    blanks = 0

    def blank(_digits: Digits, _random: Random) -> Canvas:
        nonlocal blanks
        blanks += 1
        return np.zeros((CANVAS, CANVAS), np.uint8)

    monkeypatch.setattr(outliers, "_KINDS", (blank, KINDS["blot"]))
    drawn = draw_outliers(few_digits.train, 20, seed=1)
    assert blanks > 0
    assert (drawn.max(axis=(1, 2, 3)) == 255).all()


def ink_pieces(canvas: Canvas) -> int:
    """How many separate pieces of ink there are."""
    return cv2.connectedComponents((canvas > 0).astype(np.uint8), connectivity=8)[0] - 1


def test_blots_are_filled(few_digits: Dataset) -> None:
    """One piece without holes, much thicker than a stroke, not of one grey."""
    random = np.random.default_rng(1)
    for _ in range(20):
        blot = KINDS["blot"](few_digits.train, random)
        assert ink_pieces(blot) == 1
        holes = cv2.connectedComponents((blot == 0).astype(np.uint8), connectivity=4)[0] - 2
        assert holes == 0
        assert cv2.distanceTransform((blot > 0).astype(np.uint8), cv2.DIST_L2, 3).max() > 8
        assert len(np.unique(blot)) > 10


def test_curls_are_a_few_strokes(few_digits: Dataset) -> None:
    """At least one piece and at most four, all within the canvas."""
    random = np.random.default_rng(1)
    pieces = []
    for _ in range(40):
        curls = KINDS["curls"](few_digits.train, random)
        pieces.append(ink_pieces(curls))
        assert not curls[0].any()
        assert not curls[:, 0].any()
    assert min(pieces) >= 1
    assert max(pieces) <= 4
    assert len(set(pieces)) > 1


def test_hooks_are_wider_than_high(few_digits: Dataset) -> None:
    """One stroke within the canvas, which no narrow 7 is; it ends below where it began."""
    random = np.random.default_rng(1)
    for _ in range(40):
        hook = KINDS["hook"](few_digits.train, random)
        assert ink_pieces(hook) == 1
        rows, columns = np.nonzero(hook)
        assert 0 < rows.min() < rows.max() < CANVAS - 1
        assert 0 < columns.min() < columns.max() < CANVAS - 1
        assert np.ptp(columns) > np.ptp(rows)
        assert columns[rows.argmax()] > columns.min()


@pytest.mark.parametrize(
    ("label", "rows", "columns"),
    [
        (0, slice(0, 13), slice(0, 28)),
        (2, slice(15, 28), slice(0, 28)),
        (3, slice(15, 28), slice(0, 28)),
        (4, slice(0, 28), slice(0, 13)),
        (5, slice(0, 13), slice(0, 28)),
        (8, slice(0, 28), slice(0, 13)),
    ],
)
def test_halves_are_no_digits(
    few_digits: Dataset, monkeypatch: pytest.MonkeyPatch, label: int, rows: slice, columns: slice
) -> None:
    """The promised half of each label; digits of which every half is some digit are passed over."""
    monkeypatch.setattr(outliers, "_KINDS", (KINDS["halved"],))
    train = few_digits.train
    chosen = [int(np.flatnonzero(train.labels == digit)[0]) for digit in (1, 6, label, 7, 9)]
    drawn = draw_outliers(Digits(train.pictures[chosen], train.labels[chosen]), 6, seed=1)
    half = train.pictures[chosen[2], rows, columns, 0]
    expected = normalize(np.pad(half, SIDE // 2)).pixels
    assert all(np.array_equal(picture, expected) for picture in drawn)


@pytest.mark.parametrize("name", ["mirrored", "halved"])
def test_digits_that_stay_digits_are_passed_over(few_digits: Dataset, name: str) -> None:
    """Of ones and threes only threes are taken: a one is a one in a mirror, and half a one."""
    train = few_digits.train
    kind: Callable[[Digits, Random], Canvas] = KINDS[name]
    threes = train.pictures[np.flatnonzero(train.labels == 3)[:1]]
    ones = np.full((5, 28, 28, 1), 255, np.uint8)
    digits = Digits(np.concatenate([ones, threes]), np.array([1] * 5 + [3], np.uint8))
    random = np.random.default_rng(2)
    for _ in range(20):
        canvas = kind(digits, random)
        assert set(np.unique(canvas)) <= set(np.unique(threes))
        assert (canvas == 255).sum() <= (threes == 255).sum()
