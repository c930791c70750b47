"""Strips are strings as the service finds them, each symbol where it stands; batches hold each strip once."""

from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pytest

from app.contract import NOTHING, OTHER, STRIP_HEIGHT, STRIP_STEP
from model_training import strips
from model_training.data import Dataset
from model_training.recipe import RowRecipe
from model_training.strings import String, compose
from model_training.strips import LabelledStrip, batches, columns_of, compose_strips, make_strips, strip_of


@pytest.fixture(scope="module")
def some(few_digits: Dataset, row_recipe: RowRecipe) -> list[LabelledStrip]:
    """Forty strips."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strips, "POOL", 100)
        return list(compose_strips(few_digits.train, row_recipe, 40, np.random.default_rng(1)))


def test_symbols_are_where_their_ink_is(some: list[LabelledStrip]) -> None:
    """Each symbol's middle lies within the strip, from left to right, with ink about it; some are no digits."""
    for strip in some:
        assert strip.pixels.shape[0] == STRIP_HEIGHT
        assert 1 <= len(strip.symbols) == len(strip.middles) <= 8
        assert (strip.middles > 0).all()
        assert (strip.middles < strip.pixels.shape[1]).all()
        for middle in strip.middles:
            assert strip.pixels[:, max(0, int(middle) - 8) : int(middle) + 8].max() > 100
    found = np.concatenate([strip.symbols for strip in some])
    assert set(found.tolist()) <= set(range(OTHER + 1))
    assert OTHER in found
    assert len(set(found.tolist())) >= 8


def test_two_rows_are_no_strip(few_digits: Dataset) -> None:
    """A picture that the service takes for two rows, or for none, is not learnt from."""
    digits, labels = few_digits.train.pictures[..., 0], few_digits.train.labels
    string = compose(digits, labels, np.random.default_rng(2), "normal", "black")
    assert strip_of(string) is not None
    twice = String(np.vstack([string.picture] * 2), string.labels, False, np.vstack([string.owners] * 2))
    assert strip_of(twice) is None
    assert strip_of(String(np.zeros_like(string.picture), string.labels, False, string.owners)) is None


def strip(middles: list[float], symbols: list[int], width: int = 60) -> LabelledStrip:
    pixels = np.zeros((STRIP_HEIGHT, width), np.uint8)
    return LabelledStrip(pixels, np.array(symbols, np.uint8), np.array(middles, np.float32))


class TestColumns:
    def test_middles_and_nothing(self) -> None:
        """Columns at a digit's middle are that digit, those far from all are nothing, those between do not count."""
        targets, weights = columns_of(strip([20.0, 41.0], [7, OTHER]), 80)
        places = (np.arange(40) + 0.5) * STRIP_STEP
        assert targets[np.abs(places - 20.0) <= 1.0].tolist() == [7, 7]
        assert targets[np.abs(places - 41.0) <= 1.0].tolist() == [OTHER]
        away = np.minimum(np.abs(places - 20.0), np.abs(places - 41.0))
        assert set(targets[away > 1.0].tolist()) == {NOTHING}
        assert (weights[(away > 1.0) & (away < 4.0)] == 0).all()
        assert (weights[(away >= 4.0) & (places < 60)] == 1).all()
        assert (weights[places > 60] < 1).all()

    def test_digits_side_by_side(self) -> None:
        """Two digits closer than columns are to each other both have one, in their order."""
        targets, _ = columns_of(strip([20.2, 22.9], [1, 7]), 80)
        assert [symbol for symbol in targets.tolist() if symbol != NOTHING] == [1, 7]


class TestBatches:
    def test_each_strip_once(self, some: list[LabelledStrip], row_recipe: RowRecipe) -> None:
        """Without variation the strips come as they are, each once, black beyond their end."""
        found: list[bytes] = []
        for batch in batches(some, row_recipe, None):
            assert batch.strips.dtype == np.uint8
            count, height, width, _ = batch.strips.shape
            assert (height, batch.targets.shape) == (STRIP_HEIGHT, (count, width // STRIP_STEP))
            assert batch.weights.shape == batch.targets.shape
            assert width in strips.WIDTHS
            assert count <= max(1, row_recipe.batch_pixels // width)
            found += [ink_of(picture[..., 0]) for picture in batch.strips]
        assert sorted(found) == sorted(ink_of(strip.pixels) for strip in some)

    def test_variation(self, some: list[LabelledStrip], row_recipe: RowRecipe) -> None:
        """With it they differ, by the seed, and have their digits all the same."""
        [first, again, other] = [
            np.concatenate([batch.strips.ravel() for batch in batches(some, row_recipe, np.random.default_rng(seed))])
            for seed in (1, 1, 2)
        ]
        assert np.array_equal(first, again)
        assert len(first) == len(other)
        assert not np.array_equal(first, other)
        symbols = sum(len(strip.symbols) for strip in some)
        varied = batches(some, row_recipe, np.random.default_rng(1))
        runs = sum(
            int(np.count_nonzero(np.diff(row, prepend=NOTHING) * (row != NOTHING))) for b in varied for row in b.targets
        )
        assert runs == pytest.approx(symbols, rel=0.05)


def ink_of(pixels: npt.NDArray[np.uint8]) -> bytes:
    """A picture's pixels without black columns at the end."""
    return np.ascontiguousarray(pixels[:, : int(np.flatnonzero(pixels.any(axis=0))[-1]) + 1]).tobytes()


def test_interrupted_making_goes_on(
    tmp_path: Path, few_digits: Dataset, row_recipe: RowRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is made is kept, and read again as it was; only what is missing is made."""
    monkeypatch.setattr(strips, "CHUNK", 10)
    monkeypatch.setattr(strips, "POOL", 100)
    monkeypatch.setattr(strips, "ProcessPoolExecutor", InProcess)
    first = make_strips(few_digits.train, row_recipe, 20, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"0000.npz", "0001.npz"}
    kept = (tmp_path / "0001.npz").stat().st_mtime_ns
    (tmp_path / "0000.npz").unlink()
    again = make_strips(few_digits.train, row_recipe, 20, tmp_path)
    assert (tmp_path / "0001.npz").stat().st_mtime_ns == kept
    assert len(first) == len(again) == 20
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.pixels, other.pixels)
        assert np.array_equal(one.symbols, other.symbols)
        assert np.array_equal(one.middles, other.middles)


def test_two_processes_at_one_file(
    tmp_path: Path, few_digits: Dataset, row_recipe: RowRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the processes of a killed training still finish does not disturb those that make the same strips again."""
    monkeypatch.setattr(strips, "CHUNK", 5)
    monkeypatch.setattr(strips, "POOL", 100)
    monkeypatch.setattr(strips, "ProcessPoolExecutor", InProcess)
    save = np.savez

    def meanwhile(*arguments: Any, **arrays: Any) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(np, "savez", save)
            make_strips(few_digits.train, row_recipe, 5, tmp_path)
        save(*arguments, **arrays)

    monkeypatch.setattr(np, "savez", meanwhile)
    assert len(make_strips(few_digits.train, row_recipe, 5, tmp_path)) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["0000.npz"]


class InProcess:
    """Stands for a pool of processes: does the work at once, here."""

    def __init__(self, *_: object) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, work: object, *arguments: object) -> Self:
        assert callable(work)
        work(*arguments)
        return self

    def result(self) -> None:
        """Nothing is left to wait for."""
