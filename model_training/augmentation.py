"""Variation of the training digits: what hands, pens, cameras and the preparation do to them. Training only."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import cv2
import keras
import numpy as np
import numpy.typing as npt

from app.contract import LABELS, SIDE
from app.feedback.corrections import NO_DIGIT
from model_training.corruption import corrupt_digits
from model_training.data import Corrections, Digits, Pictures
from model_training.drawing import draw_digits
from model_training.outliers import draw_outliers
from model_training.recipe import Recipe

Targets = npt.NDArray[np.float32]
"""Probabilities to be learnt, float32 (n, 10)."""

Batch = tuple[Pictures, Targets]
"""Pictures, uint8 (n, 28, 28, 1), and their targets."""

Random = np.random.Generator

POOL_SIZES: Final = MappingProxyType({"drawn": 30_000, "corrupted": 60_000, "outliers": 40_000})
"""How many pictures of each kind are made once a training, to pick each batch's share from."""

SAMPLE: Final = 200
"""One in so many of those is enough to see whether the code that makes them has changed."""

CORRECTION_REPETITIONS: Final = 5
"""How many training digits each correction stands for."""

MOST_CORRECTIONS: Final = 0.05
"""Share of the training pictures that corrections are at most, however many there are."""

_COLUMNS, _ROWS = np.meshgrid(np.arange(SIDE, dtype=np.float32), np.arange(SIDE, dtype=np.float32))
_MIDDLE: Final = (SIDE - 1) / 2


def steps_per_epoch(train: Digits, recipe: Recipe) -> int:
    """Batches in one pass over the training digits; the last one may be smaller."""
    return -(-len(train) // recipe.batch_size)


def stream(
    train: Digits, recipe: Recipe, first_step: int = 0, corrections: Corrections | None = None
) -> Iterator[Batch]:
    """Endless batches, each a pure function of the digits, the recipe's seed and its own number.

    So a training that resumes at `first_step` sees just what an uninterrupted one would have seen.
    """
    pools = _pools(train, recipe)
    if corrections is not None:
        share = min(MOST_CORRECTIONS, CORRECTION_REPETITIONS * len(corrections) / len(train))
        pools.append(_Pool(share, corrections.pictures, _targets(corrections)))
    steps = steps_per_epoch(train, recipe)
    step = first_step
    while True:
        epoch, first = divmod(step, steps)
        order = np.random.default_rng([recipe.seed, epoch]).permutation(len(train))
        for index in range(first, steps):
            picked = order[index * recipe.batch_size : (index + 1) * recipe.batch_size]
            yield _batch(train, pools, picked, recipe, np.random.default_rng([recipe.seed, epoch, index]))
            step += 1


def sample(train: Digits, recipe: Recipe) -> Pictures:
    """Some of what a training makes, uint8 (n, 28, 28, 1): from other code, or another recipe, others would come."""
    pools = _pools(train, recipe, SAMPLE)
    picked = np.arange(min(len(train), recipe.batch_size))
    batch, _ = _batch(train, pools, picked, recipe, np.random.default_rng(recipe.seed))
    return np.concatenate([batch, *(pool.pictures for pool in pools)])


def one_hot(labels: npt.NDArray[np.uint8]) -> Targets:
    """uint8 (n,) -> float32 (n, 10)."""
    return np.asarray(keras.utils.to_categorical(labels, len(LABELS)), np.float32)


@dataclass(frozen=True, slots=True)
class _Pool:
    """Pictures that take the place of some training digits."""

    share: float
    """Of each batch."""
    pictures: Pictures
    targets: Targets


def _pools(train: Digits, recipe: Recipe, one_in: int = 1) -> list[_Pool]:
    """All pools; of each, only one in so many pictures."""
    pools = []
    if recipe.drawn_share:
        drawn = draw_digits(POOL_SIZES["drawn"] // one_in, recipe.seed)
        pools.append(_Pool(recipe.drawn_share, drawn.pictures, one_hot(drawn.labels)))
    if recipe.corrupted_share:
        corrupted = corrupt_digits(train, POOL_SIZES["corrupted"] // one_in, recipe.seed)
        pools.append(_Pool(recipe.corrupted_share, corrupted.pictures, one_hot(corrupted.labels)))
    if recipe.outlier_share:
        outliers = draw_outliers(train, POOL_SIZES["outliers"] // one_in, recipe.seed)
        pools.append(_Pool(recipe.outlier_share, outliers, _unsure(len(outliers))))
    return pools


def _unsure(count: int) -> Targets:
    """What is to be answered to pictures that are no digits."""
    return np.full((count, len(LABELS)), 1.0 / len(LABELS), np.float32)


def _targets(corrections: Corrections) -> Targets:
    targets = _unsure(len(corrections))
    digits = [index for index, label in enumerate(corrections.labels) if label != NO_DIGIT]
    targets[digits] = one_hot(np.array([corrections.labels[index] for index in digits], np.uint8))
    return targets


def _batch(train: Digits, pools: list[_Pool], picked: npt.NDArray[np.int64], recipe: Recipe, random: Random) -> Batch:
    pictures, targets = train.pictures[picked], one_hot(train.labels[picked])
    lot = random.random(len(picked))
    for pool in pools:
        replaced = np.flatnonzero((lot >= 0.0) & (lot < pool.share))
        chosen = random.integers(len(pool.pictures), size=len(replaced))
        pictures[replaced], targets[replaced] = pool.pictures[chosen], pool.targets[chosen]
        lot -= pool.share
    if recipe.augment:
        pictures = np.stack([deform(picture[..., 0], random) for picture in pictures])[..., None]
    return pictures, targets


def deform(picture: npt.NDArray[np.uint8], random: Random) -> npt.NDArray[np.uint8]:
    """One random variation of a prepared picture, uint8 (28, 28): shape, pen, ink, lens and paper.

    How strongly anything varies is drawn once a picture, so that many stay close to what was written.
    """
    strength = random.uniform(0.1, 1.0)
    varied = np.asarray(cv2.remap(picture, *_displacement(strength, random), interpolation=cv2.INTER_LINEAR), np.uint8)
    chance = random.random(5)
    if chance[0] < 0.5 * strength:
        varied = change_pen(varied, random)
    if chance[1] < 0.4 * strength:
        varied = np.asarray(cv2.convertScaleAbs(varied, alpha=random.uniform(0.6, 1.8)), np.uint8)
    if chance[2] < 0.2 * strength:
        varied = np.asarray(cv2.GaussianBlur(varied, (3, 3), random.uniform(0.3, 1.0)), np.uint8)
    if chance[3] < 0.12 * strength:
        noise = random.normal(0.0, random.uniform(5.0, 30.0), varied.shape)
        varied = np.clip(varied + noise, 0, 255).astype(np.uint8)
    if chance[4] < 0.1 * strength:
        varied = _cover(varied, random)
    return varied


def _displacement(strength: float, random: Random) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Where each pixel comes from: an affine map and an elastic field (Simard et al., 2003)."""
    angle = strength * np.radians(random.uniform(-15.0, 15.0))
    slant = strength * random.uniform(-0.35, 0.35)
    scale_x, scale_y = 1.0 + strength * random.uniform(-0.16, 0.2, 2)
    shift_x, shift_y = strength * random.uniform(-2.2, 2.2, 2)
    x, y = (_COLUMNS - _MIDDLE) * scale_x, (_ROWS - _MIDDLE) * scale_y
    x = x + slant * y
    from_x = np.cos(angle) * x - np.sin(angle) * y + (_MIDDLE + shift_x)
    from_y = np.sin(angle) * x + np.cos(angle) * y + (_MIDDLE + shift_y)
    coarse = random.normal(0.0, strength * random.uniform(0.2, 1.1), (6, 6, 2)).astype(np.float32)
    elastic = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return (from_x + elastic[..., 0]).astype(np.float32), (from_y + elastic[..., 1]).astype(np.float32)


def change_pen(picture: npt.NDArray[np.uint8], random: Random) -> npt.NDArray[np.uint8]:
    """A wider or a finer pen, by a share of one step of grey-scale dilation or erosion."""
    shape = (3, 3) if random.random() < 0.5 else (2, 2)
    # A whole step of erosion would leave nothing of a fine pen.
    change, most = (cv2.dilate, 1.0) if random.random() < 0.6 else (cv2.erode, 0.6)
    share = random.uniform(0.2, most)
    return np.asarray(
        cv2.addWeighted(change(picture, np.ones(shape, np.uint8)), share, picture, 1 - share, 0), np.uint8
    )


def _cover(picture: npt.NDArray[np.uint8], random: Random) -> npt.NDArray[np.uint8]:
    """Ink missing in a small rectangle, as where a pen ran dry or an edge cut it."""
    width, height = random.integers(2, 8, 2)
    left, top = random.integers(0, SIDE - 8, 2)
    covered = picture.copy()
    covered[top : top + height, left : left + width] = 0
    return covered
