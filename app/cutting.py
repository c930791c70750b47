"""A piece of ink -> the seams along which digits that touch may be cut apart, as pure functions.

A seam is a path from the top to the bottom that crosses as little ink as possible, as in seam carving (Avidan and
Shamir, 2007), but free to go sideways: between digits that overlap, too.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from app.ground import Mask
from app.pieces import Piece

Columns = npt.NDArray[np.int32]
"""int32 (height,): in each row of pixels the first column to the right of a seam."""

Costs = npt.NDArray[np.float32]

WIDE: Final = 0.75
"""A piece wider than this many heights may be several digits that touch."""

SIDEWAYS: Final = 0.02
"""What a pixel sideways costs, in pixels of ink: of equal seams the straightest is best."""

MOST_CROSSED: Final = 0.7
"""No seam crosses more ink, in heights."""

APART: Final = 0.06
"""Least distance between the ink that two seams cross, in heights."""

MOST_SEAMS: Final = 14
"""For each height of a piece's width."""

TRIES: Final = 6
"""For each of these seams: most that are found cut off no digit, or are much like another."""


SAME: Final = 0.015
"""Seams that leave less ink than this on different sides are the same, in squares of the height."""

RIDGE: Final = 0.75
"""In the middle of a stroke the distance to its edge grows by less than this for each pixel."""

LEAST_INK: Final = 0.04
"""Of a digit, in squares of the height."""

LEAST_HEIGHT: Final = 0.45
"""Of a digit, in heights of the row's digits."""


@dataclass(frozen=True, slots=True)
class Seam:
    """Where a piece may be cut."""

    columns: Columns
    crossed: float
    """How much ink it crosses, in heights."""


def find_seams(piece: Piece, height: float) -> list[Seam]:
    """The best seams through a piece of ink, from the left to the right.

    Args:
        piece: of a row.
        height: of the row's digits, in pixels.
    """
    mask = piece.mask
    if mask.shape[1] < WIDE * height:
        return []
    # Where strokes of two digits only just touch, the ink is fainter.
    ink = np.where(mask > 0, np.square(piece.strokes / np.float32(255.0)), np.float32(0.0))
    down, down_steps = _cheapest(ink)
    up, up_steps = _cheapest(ink[::-1])
    # The cheapest way from top to bottom through the middle of each stroke.
    through = np.where(_middles(mask), down + up[::-1] - ink, np.float32(np.inf))
    reach = max(1, round(APART * height))
    # Ink to the left of each column.
    before = np.pad(np.cumsum(mask > 0, axis=1, dtype=np.int32), ((0, 0), (1, 0)))
    rows = np.arange(len(mask))
    seams: list[Seam] = []
    parts: list[Columns] = []
    most = round(MOST_SEAMS * mask.shape[1] / height)
    tried = 0
    starts = np.flatnonzero(through <= MOST_CROSSED * height)
    for start in starts[np.argsort(through.flat[starts], kind="stable")]:
        row, column = divmod(int(start), mask.shape[1])
        cost = float(through[row, column])
        if np.isinf(cost):
            continue
        tried += 1
        columns, crossed = _trace(down_steps, row, column)
        columns_up, crossed_up = _trace(up_steps, len(mask) - 1 - row, column)
        columns[row:] = columns_up[::-1][row:]
        crossed += [(len(mask) - 1 - y, x) for y, x in crossed_up]
        for y, x in crossed:
            if mask[y, x]:
                through[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1] = np.inf
        left = before[rows, columns]
        if not (_may_be_digit(left, height) and _may_be_digit(before[:, -1] - left, height)):
            continue
        if all(np.abs(left - part).sum() >= SAME * height * height for part in parts):
            seams.append(Seam(columns, cost / height))
            parts.append(left)
        if len(seams) == most or tried == TRIES * most:
            break
    seams.sort(key=lambda seam: float(seam.columns.mean()))
    return seams


def _middles(mask: Mask) -> npt.NDArray[np.bool_]:
    """The pixels around the middle of strokes, where the distance to the ink's edge hardly changes."""
    depth = cv2.distanceTransform(cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0), cv2.DIST_L2, 5)
    slope = cv2.magnitude(cv2.Sobel(depth, cv2.CV_32F, 1, 0), cv2.Sobel(depth, cv2.CV_32F, 0, 1))[1:-1, 1:-1] / 8.0
    return np.asarray((mask > 0) & (slope < RIDGE), np.bool_)


def _may_be_digit(part: Columns, height: float) -> bool:
    """Whether a part, told by its pixels in each row, has a digit's height and ink."""
    rows = np.flatnonzero(part)
    return bool(
        part.sum() >= LEAST_INK * height * height and rows.size and rows[-1] - rows[0] + 1 >= LEAST_HEIGHT * height
    )


def _cheapest(ink: Costs) -> tuple[Costs, npt.NDArray[np.int8]]:
    """The cost of the cheapest path from the top to each pixel, and the step to it from the left or right.

    Steps: 0 from above, -1 and 1 from the same row, -2 and 2 from the row above.
    """
    costs = np.empty_like(ink)
    steps = np.zeros(ink.shape, np.int8)
    above = np.zeros(ink.shape[1], np.float32)
    aside = np.full(ink.shape[1] + 2, np.inf, np.float32)
    for row, here in enumerate(ink):
        aside[1:-1] = above + np.float32(SIDEWAYS)
        start = np.minimum(above, np.minimum(aside[:-2], aside[2:]))
        step = np.where(start == above, 0, np.where(aside[:-2] <= aside[2:], -2, 2))
        start = start + here
        # Going sideways costs the difference of these sums.
        each = here + np.float32(SIDEWAYS)
        sums = np.cumsum(each)
        before = sums - each
        rightwards = sums + np.minimum.accumulate(start - sums)
        leftwards = np.minimum.accumulate((start + before)[::-1])[::-1] - before
        best = np.minimum(rightwards, leftwards)
        gain = best < start - 1e-4
        steps[row] = np.where(gain, np.where(rightwards < leftwards, -1, 1), step)
        above = np.where(gain, best, start)
        costs[row] = above
    return costs, steps


def _trace(steps: npt.NDArray[np.int8], row: int, column: int) -> tuple[Columns, list[tuple[int, int]]]:
    """Follow a path back to the top: the column in which it leaves each row, and its pixels."""
    columns = np.zeros(len(steps), np.int32)
    pixels = []
    while row >= 0:
        columns[row] = column
        pixels.append((row, column))
        # Rounding may have two neighbours point at each other.
        heading = int(steps[row, column])
        while abs(heading) == 1 and steps[row, column] == heading:
            column += heading
            pixels.append((row, column))
        row, column = row - 1, column + int(steps[row, column]) // 2
    return columns, pixels
