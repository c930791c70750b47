"""What the network for rows learns from: strips of composed strings, and what each column is the middle of."""

import io
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from app.artifact import write_atomically
from app.contract import NOTHING, OTHER, STRIP_HEIGHT, STRIP_STEP
from app.errors import PictureError
from app.page import find_ink_rows
from app.strip import lay_out
from model_training.augmentation import change_pen
from model_training.data import Digits
from model_training.drawing import draw_digits
from model_training.outliers import draw_letters
from model_training.recipe import RowRecipe
from model_training.strings import LENGTHS, NO_DIGIT, SPACINGS, Grey, String, compose

Random = np.random.Generator

CHUNK: Final = 2000
"""Strips made in one go, and kept in one file."""

POOL: Final = 8000
"""Digits that the strings of a chunk are composed of."""

WIDTHS: Final = (64, 96, 128, 160, 208, 256, 320, 416)
"""Strips are learnt from in batches of one of these widths, in pixels; wider ones are left out."""

NEAR: Final = 1.0
"""A column no farther from a digit's middle is its middle, in pixels."""

AROUND: Final = 4.0
"""Beyond this distance it is none; between, either answer is right."""

MIDDLE_WEIGHT: Final = 2.0
"""How much a column in the middle of a digit counts: most columns are not."""

BEYOND_WEIGHT: Final = 0.1
"""How much a column beyond the strip's end counts."""


@dataclass(frozen=True, slots=True)
class LabelledStrip:
    """A strip, and where in it which symbol stands."""

    pixels: Grey
    """uint8 (STRIP_HEIGHT, width), white ink on black."""
    symbols: npt.NDArray[np.uint8]
    """uint8 (n,), of the string from the left; OTHER is no digit."""
    middles: npt.NDArray[np.float32]
    """float32 (n,): the middle of each one's ink, in pixels from the left."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Strips of one width to learn from at once."""

    strips: npt.NDArray[np.uint8]
    """uint8 (n, STRIP_HEIGHT, width, 1)."""
    targets: npt.NDArray[np.int32]
    """int32 (n, width / STRIP_STEP): the symbol of each column."""
    weights: npt.NDArray[np.float32]
    """float32 (n, width / STRIP_STEP): how much each column counts."""


def make_strips(digits: Digits, recipe: RowRecipe, count: int, folder: Path) -> list[LabelledStrip]:
    """Compose strings of digits, of digits drawn in code and of a few letters, and find them as the service does.

    The work is divided between the processors, and what is done is kept in files: an interrupted call goes on there.

    Args:
        digits: to compose strings of.
        recipe: how many of what, and the seed.
        count: how many strips, a multiple of CHUNK.
        folder: where the files are kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{chunk:04}.npz" for chunk in range(count // CHUNK)]
    missing = [(chunk, path) for chunk, path in enumerate(paths) if not path.is_file()]
    if missing:
        # Processes that are forked beside TensorFlow's threads may hang.
        with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
            for future in [pool.submit(_make_chunk, digits, recipe, chunk, path) for chunk, path in missing]:
                future.result()
    return [strip for path in paths for strip in _load(path)]


def _make_chunk(digits: Digits, recipe: RowRecipe, chunk: int, path: Path) -> None:
    strips = list(compose_strips(digits, recipe, CHUNK, np.random.default_rng([recipe.seed, chunk])))
    content = io.BytesIO()
    np.savez(
        content,
        pixels=np.concatenate([strip.pixels for strip in strips], axis=1),
        widths=[strip.pixels.shape[1] for strip in strips],
        symbols=np.concatenate([strip.symbols for strip in strips]),
        middles=np.concatenate([strip.middles for strip in strips]),
        lengths=[len(strip.symbols) for strip in strips],
    )
    # What a killed training's processes still make is made again meanwhile: both may end at once.
    write_atomically(path, content.getvalue())


def _load(path: Path) -> list[LabelledStrip]:
    with np.load(path, allow_pickle=False) as archive:
        pixels = np.split(archive["pixels"], np.cumsum(archive["widths"])[:-1], axis=1)
        ends = np.cumsum(archive["lengths"])[:-1]
        symbols, middles = np.split(archive["symbols"], ends), np.split(archive["middles"], ends)
    return [
        LabelledStrip(np.ascontiguousarray(part), *rest) for part, *rest in zip(pixels, symbols, middles, strict=True)
    ]


def compose_strips(digits: Digits, recipe: RowRecipe, count: int, random: Random) -> Iterator[LabelledStrip]:
    """Strips of strings that the service finds as one row."""
    seed = int(random.integers(1 << 31))
    drawn = draw_digits(round(recipe.drawn_share * POOL), seed)
    letters = draw_letters(digits, round(recipe.letter_share * POOL), seed)
    picked = random.permutation(len(digits))[: POOL - len(drawn) - len(letters)]
    pictures = np.concatenate([digits.pictures[picked], drawn.pictures, letters])[..., 0]
    labels = np.concatenate([digits.labels[picked], drawn.labels, np.full(len(letters), NO_DIGIT, np.uint8)])
    made = 0
    while made < count:
        spacing = "touching" if random.random() < recipe.touching_share else SPACINGS[random.integers(len(SPACINGS))]
        strip = strip_of(compose(pictures, labels, random, spacing, lengths=(1, LENGTHS[1])))
        if strip is not None:
            yield strip
            made += 1


def strip_of(string: String) -> LabelledStrip | None:
    """A string's strip; None where the service does not find it as one row, or finds nothing of a digit."""
    try:
        page = find_ink_rows(string.picture)
    except PictureError:
        return None
    owned = [np.flatnonzero((string.owners == place).any(axis=0)) for place in range(len(string.labels))]
    if len(page.rows) != 1 or not all(map(len, owned)):
        return None
    strip = lay_out(page.rows[0].pieces, page.rows[0].height)
    factor = page.shape[1] / string.picture.shape[1]
    middles = [((columns[0] + columns[-1] + 1) / 2 * factor - strip.left) * strip.scale for columns in owned]
    symbols = np.where(string.labels == NO_DIGIT, OTHER, string.labels).astype(np.uint8)
    return LabelledStrip(strip.pixels, symbols, np.array(middles, np.float32))


def batches(strips: list[LabelledStrip], recipe: RowRecipe, random: Random | None) -> Iterator[Batch]:
    """Each strip once, among others of about its width; in random order and varied, unless `random` is None."""
    widths = np.array([strip.pixels.shape[1] for strip in strips])
    groups = []
    for least, width in zip((0, *WIDTHS), WIDTHS, strict=False):
        members = np.flatnonzero((widths > least) & (widths <= width))
        if random is not None:
            random.shuffle(members)
        size = max(1, recipe.batch_pixels // width)
        groups += [(width, members[first : first + size]) for first in range(0, len(members), size)]
    order = range(len(groups)) if random is None else random.permutation(len(groups))
    for index in order:
        width, members = groups[index]
        chosen = [strips[member] for member in members]
        yield _batch(chosen if random is None else [_varied(strip, width, random) for strip in chosen], width)


def _batch(strips: list[LabelledStrip], width: int) -> Batch:
    pixels = np.zeros((len(strips), STRIP_HEIGHT, width, 1), np.uint8)
    targets = np.empty((len(strips), width // STRIP_STEP), np.int32)
    weights = np.empty(targets.shape, np.float32)
    for index, strip in enumerate(strips):
        pixels[index, :, : strip.pixels.shape[1], 0] = strip.pixels
        targets[index], weights[index] = columns_of(strip, width)
    return Batch(pixels, targets, weights)


def columns_of(strip: LabelledStrip, width: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """What each column of a strip of this width is the middle of, int32 (n,), and how much it counts, float32 (n,)."""
    places = (np.arange(width // STRIP_STEP) + 0.5) * STRIP_STEP
    distances = np.abs(places - strip.middles[:, None])
    nearest = distances.argmin(axis=0)
    distance = distances[nearest, np.arange(len(places))]
    # The column nearest to a middle is its own, however far apart columns are.
    middle = (distance <= NEAR) | (distance == distances.min(axis=1)[nearest])
    targets = np.where(middle, strip.symbols[nearest], NOTHING)
    weights = np.where(middle, MIDDLE_WEIGHT, np.where(distance < AROUND, 0.0, 1.0))
    weights[strip.pixels.shape[1] // STRIP_STEP :] *= BEYOND_WEIGHT
    return targets.astype(np.int32), weights.astype(np.float32)


def _varied(strip: LabelledStrip, width: int, random: Random) -> LabelledStrip:
    """As another hand with another pen would have written it."""
    strength = random.uniform(0.05, 1.0)
    height, present = strip.pixels.shape
    scale_x = min(1.0 + strength * random.uniform(-0.12, 0.12), width / present)
    scale_y = 1.0 + strength * random.uniform(-0.15, 0.15)
    slant, shift = strength * random.uniform(-0.25, 0.25), strength * random.uniform(-2.5, 2.5)
    change = np.array([[scale_x, slant, -slant * height / 2], [0.0, scale_y, height / 2 * (1.0 - scale_y) + shift]])
    size = (min(width, max(1, round(present * scale_x))), height)
    pixels = np.asarray(cv2.warpAffine(strip.pixels, change, size, flags=cv2.INTER_LINEAR), np.uint8)
    chance = random.random(3)
    if chance[0] < 0.5 * strength:
        pixels = change_pen(pixels, random)
    if chance[1] < 0.4 * strength:
        pixels = np.asarray(cv2.convertScaleAbs(pixels, alpha=random.uniform(0.6, 1.6)), np.uint8)
    if chance[2] < 0.15 * strength:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (3, 3), random.uniform(0.3, 0.9)), np.uint8)
    return LabelledStrip(pixels, strip.symbols, np.clip(strip.middles * np.float32(scale_x), 0, size[0] - 1))
