"""Pieces of ink -> rows of writing, as pure functions."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from app.normalization import Box
from app.pieces import Piece, united

TALL: Final = 0.55
"""Ink at least this share of the digits' height makes up rows; what is lower joins them."""

BESIDE: Final = 0.25
"""Two pieces stand side by side when this share of the lower one's height is shared."""

NEAR: Final = 0.35
"""A low piece joins a row from which it is no farther away, in heights of the digits."""

ABOVE: Final = 0.5
"""It belongs to a tall piece when this share of the narrower one's width is above, below or inside the other."""

ONE_DIGIT: Final = 1.25
"""Two tall pieces one above the other are one digit, broken, when together they are no higher than this, in heights."""


def find_rows(pieces: Sequence[Piece], height: float) -> list[list[Piece]]:
    """Order pieces by rows from the top, and within a row from the left.

    Low pieces above, below or inside a tall one are united with it: the bar of a 5, the halves of a broken 8.

    Args:
        pieces: of writing.
        height: of most of it, in pixels.
    """
    rows: list[list[Piece]] = []
    tall = _mended([piece for piece in pieces if piece.box.height >= TALL * height], height)
    for piece in sorted(tall, key=lambda one: one.box.left):
        beside = [(shared, row) for row in rows if (shared := _shared_height(row[-1].box, piece.box)) > BESIDE]
        if beside:
            max(beside, key=lambda pair: pair[0])[1].append(piece)
        else:
            rows.append([piece])
    rows.sort(key=lambda row: float(np.median([piece.box.top + piece.box.bottom for piece in row])))
    low: list[list[Piece]] = [[] for _ in rows]
    for piece in pieces:
        if piece.box.height >= TALL * height or not rows:
            continue
        distances = [min(_distance(one.box, piece.box) for one in row) for row in rows]
        nearest = int(np.argmin(distances))
        if distances[nearest] <= NEAR * height:
            low[nearest].append(piece)
    return [_joined(row, parts) for row, parts in zip(rows, low, strict=True)]


def _mended(pieces: list[Piece], height: float) -> list[Piece]:
    """Unite the upper and lower half of broken digits."""
    mended: list[Piece] = []
    for piece in sorted(pieces, key=lambda one: one.box.top):
        for index, one in enumerate(mended):
            narrower = min(one.box.width, piece.box.width)
            shared = min(one.box.right, piece.box.right) - max(one.box.left, piece.box.left)
            both = max(one.box.bottom, piece.box.bottom) - min(one.box.top, piece.box.top)
            apart = _shared_height(one.box, piece.box) <= BESIDE
            if apart and shared >= ABOVE * narrower and both <= ONE_DIGIT * height:
                mended[index] = united([one, piece])
                break
        else:
            mended.append(piece)
    return mended


def _joined(tall: list[Piece], low: list[Piece]) -> list[Piece]:
    parts: list[list[Piece]] = [[piece] for piece in tall]
    alone = []
    for piece in low:
        shares = [_shared_width(one.box, piece.box) for one in tall]
        best = int(np.argmax(shares))
        if shares[best] >= ABOVE:
            parts[best].append(piece)
        else:
            alone.append(piece)
    row = [united(part) for part in parts] + alone
    return sorted(row, key=lambda piece: piece.box.left + piece.box.right)


def _shared_height(one: Box, other: Box) -> float:
    """Shared rows of pixels, as a share of the lower box's."""
    return (min(one.bottom, other.bottom) - max(one.top, other.top)) / min(one.height, other.height)


def _shared_width(one: Box, other: Box) -> float:
    """Shared columns of pixels, as a share of the narrower box's."""
    return (min(one.right, other.right) - max(one.left, other.left)) / min(one.width, other.width)


def _distance(one: Box, other: Box) -> float:
    """Pixels between two boxes."""
    return float(
        np.hypot(
            max(one.left - other.right, other.left - one.right, 0),
            max(one.top - other.bottom, other.top - one.bottom, 0),
        )
    )
