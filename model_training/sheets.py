"""Contact sheets: what was uploaded beside what the model saw, so that people see what went wrong where."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from app.contract import MAX_PIXELS
from app.decoding import decode, open_upload
from app.ink import find_ink
from app.normalization import normalize, shrink
from model_training.real_pictures import RealPicture, RealSet

Grey = npt.NDArray[np.uint8]

MOST: Final = 48
"""Pictures on a sheet."""

_COLUMNS: Final = 8
_STEPS: Final = ("grey, shrunk", "contrast to the ground", "ink", "strokes alone", "28x28, as the model sees it")


def worst_mistakes(sets: Sequence[RealSet]) -> list[RealPicture]:
    """The digits read wrongly and the others taken for digits, the most confident first."""
    wrong = [picture for part in sets for picture in part.pictures if not picture.is_right]
    return sorted(wrong, key=lambda picture: -picture.confidence)[:MOST]


def most_uncertain(sets: Sequence[RealSet]) -> list[RealPicture]:
    """The digits read with the least confidence."""
    read = [picture for part in sets for picture in part.pictures if picture.is_digit and picture.reading is not None]
    return sorted(read, key=lambda picture: picture.confidence)[:MOST]


def contact_sheet(pictures: Sequence[RealPicture], title: str) -> Figure:
    """Each picture as it was uploaded, and beside it what the model saw of it."""
    rows = max(1, -(-len(pictures) // _COLUMNS))
    figure, grid = plt.subplots(
        rows, _COLUMNS, figsize=(2 * _COLUMNS, 1.35 * rows + 0.5), layout="constrained", squeeze=False
    )
    for axes in grid.flat:
        axes.axis("off")
    for axes, picture in zip(grid.flat, pictures, strict=False):
        axes.imshow(_pair(picture), cmap="gray", vmin=0, vmax=255)
        axes.set_title(_caption(picture), fontsize=7)
    figure.suptitle(title, fontsize=10)
    return figure


def preparation_steps(sets: Sequence[RealSet]) -> Figure:
    """One picture of each set on its way to 28x28, a step a column."""
    shown = [picture for part in sets for picture in part.pictures[:1] if picture.reading is not None]
    figure, grid = plt.subplots(
        max(1, len(shown)),
        len(_STEPS),
        figsize=(2 * len(_STEPS), 2 * max(1, len(shown))),
        layout="constrained",
        squeeze=False,
    )
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
    for row, picture in zip(grid, shown, strict=False):
        for axes, step in zip(row, _steps(picture), strict=True):
            axes.imshow(step, cmap="gray", vmin=0, vmax=255)
        row[0].set_ylabel(f"{picture.path.parent.parent.name}: {picture.label}", fontsize=8)
    for axes, name in zip(grid[0], _STEPS, strict=True):
        axes.set_title(name, fontsize=9)
    return figure


def _steps(picture: RealPicture) -> tuple[Grey, ...]:
    grey = _grey(picture)
    small = shrink(grey)
    ink = find_ink(small)
    contrast = np.clip(ink.response * (255.0 / max(float(ink.response.max()), 1.0)), 0, 255).astype(np.uint8)
    return small, contrast, ink.mask, ink.strokes, normalize(grey).pixels[..., 0]


def _pair(picture: RealPicture) -> Grey:
    """Upload and prepared picture side by side, each in a square of 96 pixels."""
    square = 96
    pair = np.full((square, 2 * square + 4), 90, np.uint8)
    if picture.reading is None:
        return pair
    grey = _grey(picture)
    factor = square / max(grey.shape)
    size = max(1, round(grey.shape[1] * factor)), max(1, round(grey.shape[0] * factor))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST)
    pair[: small.shape[0], : small.shape[1]] = small
    pair[:, square + 4 :] = cv2.resize(picture.reading.pixels, (square, square), interpolation=cv2.INTER_NEAREST)
    return pair


def _grey(picture: RealPicture) -> Grey:
    return decode(open_upload(picture.path.read_bytes(), MAX_PIXELS)).pixels


def _caption(picture: RealPicture) -> str:
    if picture.reading is None:
        return f"{picture.label}: refused"
    said = f"{picture.label} read {picture.reading.digit}, {picture.confidence:.0%}"
    return f"{said}\n{picture.verdict or ''} {picture.path.name[-22:]}"
