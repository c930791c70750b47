"""Ink -> connected pieces, without the lines of forms, specks and dots, as pure functions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from app.contrast import Response
from app.frames import without_frames
from app.ground import Grey, Mask
from app.ink import Writing, stroke_picture
from app.normalization import Box
from app.skew import without_skew
from app.straight_lines import lying_runs

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
    boxes, inner = _boxes(writing.mask)[1:]
    # A frame along the picture's edge may be joined to all there is.
    height = typical_height(inner.values()) or typical_height(boxes.values())
    if height == 0.0:
        return [], height
    ink = without_skew(writing.mask, lambda level: _without_lines(without_frames(level), height))
    labels, _, inner = _boxes(ink)
    height = typical_height(inner.values()) or height
    large = (label for label, box in inner.items() if max(box.height, box.width) >= SPECK * height)
    return [_piece(labels, label, inner[label], writing.response) for label in large], height


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


def _boxes(ink: Mask) -> tuple[npt.NDArray[np.int32], dict[int, Box], dict[int, Box]]:
    """Connected ink, labelled, where the pieces are that are no grain, and those which do not lie along an edge."""
    _, found, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    labels = np.asarray(found, np.int32)
    longer = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1)
    longer[0] = 0
    boxes = {}
    for label in map(int, np.flatnonzero(longer >= LEAST_HEIGHT / 2)):
        left, top, width, height = (int(value) for value in stats[label, :4])
        boxes[label] = Box(left, top, left + width, top + height)
    return labels, boxes, {label: box for label, box in boxes.items() if not _lies_along_edge(labels, label, box)}


def _piece(labels: npt.NDArray[np.int32], label: int, box: Box, response: Response) -> Piece:
    here = np.s_[box.top : box.bottom, box.left : box.right]
    mask = np.where(labels[here] == label, np.uint8(255), np.uint8(0))
    return Piece(mask, stroke_picture(response[here], mask), box)


def _lies_along_edge(labels: npt.NDArray[np.int32], label: int, box: Box) -> bool:
    """Whether it is what a photograph shows beside the paper, rather than ink that the picture's edge cuts."""
    edges = (
        (box.top == 0, labels[0, box.left : box.right]),
        (box.left == 0, labels[box.top : box.bottom, 0]),
        (box.bottom == labels.shape[0], labels[-1, box.left : box.right]),
        (box.right == labels.shape[1], labels[box.top : box.bottom, -1]),
    )
    least = ALONG * max(box.width, box.height)
    return any(is_there and np.count_nonzero(line == label) >= least for is_there, line in edges)


def _without_lines(ink: Mask, height: float) -> Mask:
    """Drop long straight lines, lying or upright, but not where ink crosses them."""
    lying = _lying_lines(ink, height)
    upright = _lying_lines(np.ascontiguousarray(ink.T), height).T
    return np.where((lying | upright) > 0, np.uint8(0), ink)


def _lying_lines(ink: Mask, height: float) -> Mask:
    run, width = int(LINE_RUN * height), max(2, round(LINE_WIDTH * height))
    if LINE_LENGTH * height > ink.shape[1]:
        return np.zeros_like(ink)
    runs = lying_runs(ink, run)
    crossed = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((width + 1, 1), np.uint8))
    thin = cv2.bitwise_and(runs, cv2.bitwise_not(crossed))
    # Where ink crosses a line it goes on behind.
    joined = cv2.morphologyEx(thin, cv2.MORPH_CLOSE, np.ones((1, max(3, run // 2)), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    long = stats[:, cv2.CC_STAT_WIDTH] >= LINE_LENGTH * height
    long[0] = False
    return np.where(long[labels] & (thin > 0), ink, np.uint8(0))
