"""Ink -> connected pieces, without the lines of forms, specks and dots, as pure functions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from app.contrast import Response
from app.ground import Grey, Mask
from app.ink import Writing, stroke_picture
from app.normalization import Box

LEAST_HEIGHT: Final = 8
"""Pixels; what is lower is grain, not writing."""

SPECK: Final = 0.22
"""Ink whose longer side is shorter than this share of the digits' height is a speck, or a dot of a dotted line."""

ALONG: Final = 0.5
"""What lies along the picture's edge with this share of its longer side is no ink."""

LINE_RUN: Final = 1.0
"""A line is made of straight runs at least this long, in heights of the digits."""

LINE_LENGTH: Final = 2.5
"""A straight line at least this long, in heights of the digits, is the form's and none of a digit."""

LINE_WIDTH: Final = 0.12
"""Where it is wider than this, in heights of the digits, ink crosses it."""

MOST_PIECES: Final = 20_000
"""Connected pieces of ink, specks too; beyond, it is a texture, and only the larger ones are looked at."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Connected ink, or several pieces of it that belong together."""

    mask: Mask
    """0 or 255, cropped to the piece."""
    strokes: Grey
    """The same, white on black, soft where the ink is faint."""
    box: Box
    """Where that is on the picture."""

    @property
    def longer(self) -> int:
        """The longer side, in pixels."""
        return max(self.box.width, self.box.height)


def find_pieces(writing: Writing) -> tuple[list[Piece], float]:
    """The pieces of writing and the usual height of its digits, in pixels; 0.0 where there is none."""
    height = typical_height(_boxes(writing.mask, LEAST_HEIGHT)[1].values())
    if height == 0.0:
        return [], height
    ink = _without_lines(writing.mask, height)
    height = typical_height(_boxes(ink, LEAST_HEIGHT)[1].values())
    labels, boxes = _boxes(ink, max(LEAST_HEIGHT / 2, SPECK * height))
    pieces = (_piece(labels, label, box, writing.response) for label, box in boxes.items())
    return [piece for piece in pieces if not _lies_along_edge(piece, ink.shape)], height


def typical_height(boxes: Iterable[Box]) -> float:
    """The height of most of the ink, in pixels: the median, each piece counted by its height; 0.0 without any."""
    heights = np.sort(np.array([box.height for box in boxes if box.height >= LEAST_HEIGHT], np.float64))
    return float(heights[np.searchsorted(np.cumsum(heights), heights.sum() / 2)]) if heights.size else 0.0


def united(pieces: Sequence[Piece]) -> Piece:
    """Several pieces as one."""
    box = Box(
        min(piece.box.left for piece in pieces),
        min(piece.box.top for piece in pieces),
        max(piece.box.right for piece in pieces),
        max(piece.box.bottom for piece in pieces),
    )
    mask = np.zeros((box.height, box.width), np.uint8)
    strokes = np.zeros_like(mask)
    for piece in pieces:
        top, left = piece.box.top - box.top, piece.box.left - box.left
        here = np.s_[top : top + piece.box.height, left : left + piece.box.width]
        mask[here] |= piece.mask
        strokes[here] = np.maximum(strokes[here], piece.strokes)
    return Piece(mask, strokes, box)


def _boxes(ink: Mask, least: float) -> tuple[npt.NDArray[np.int32], dict[int, Box]]:
    """Connected ink, labelled, and where the pieces are whose longer side has at least so many pixels."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    longer = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1)
    longer[0] = 0
    boxes = {}
    for label in np.flatnonzero(longer >= least):
        left, top, width, height = (int(value) for value in stats[label, :4])
        boxes[int(label)] = Box(left, top, left + width, top + height)
    return np.asarray(labels, np.int32), boxes


def _piece(labels: npt.NDArray[np.int32], label: int, box: Box, response: Response) -> Piece:
    here = np.s_[box.top : box.bottom, box.left : box.right]
    mask = np.where(labels[here] == label, np.uint8(255), np.uint8(0))
    return Piece(mask, stroke_picture(response[here], mask), box)


def _lies_along_edge(piece: Piece, shape: tuple[int, ...]) -> bool:
    """Whether it is what a photograph shows beside the paper, rather than ink that the picture's edge cuts."""
    box, mask = piece.box, piece.mask
    edges = (
        (box.top == 0, mask[0]),
        (box.left == 0, mask[:, 0]),
        (box.bottom == shape[0], mask[-1]),
        (box.right == shape[1], mask[:, -1]),
    )
    return any(is_there and np.count_nonzero(line) >= ALONG * piece.longer for is_there, line in edges)


def _without_lines(ink: Mask, height: float) -> Mask:
    """Drop long straight lines, lying or upright, but not where ink crosses them."""
    lying = _lying_lines(ink, height)
    upright = _lying_lines(np.ascontiguousarray(ink.T), height).T
    return np.where((lying | upright) > 0, np.uint8(0), ink)


def _lying_lines(ink: Mask, height: float) -> Mask:
    run, width = int(LINE_RUN * height), max(2, round(LINE_WIDTH * height))
    if LINE_LENGTH * height > ink.shape[1]:
        return np.zeros_like(ink)
    # A line that leans a little climbs from row to row: runs are looked for in bands of three rows.
    band = cv2.dilate(ink, np.ones((3, 1), np.uint8))
    runs = cv2.morphologyEx(band, cv2.MORPH_OPEN, np.ones((1, run), np.uint8))
    crossed = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((width + 1, 1), np.uint8))
    thin = cv2.bitwise_and(runs, cv2.bitwise_not(crossed))
    # Where ink crosses a line it goes on behind.
    joined = cv2.morphologyEx(thin, cv2.MORPH_CLOSE, np.ones((1, max(3, run // 2)), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    long = stats[:, cv2.CC_STAT_WIDTH] >= LINE_LENGTH * height
    long[0] = False
    return np.where(long[labels] & (thin > 0), ink, np.uint8(0))
