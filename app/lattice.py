"""A row of pieces -> every way to read it as digits, and the best of them, as pure functions.

The classic of numeral strings (Fujisawa et al., "Segmentation methods for character recognition", 1992): ink may be cut
in more places than there are digits, what lies between any two cuts is read as one digit, and of all chains of such
readings along the row the cheapest wins. Where there is a network that reads whole rows, what it says counts as much as
what the classifier makes of each candidate.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from app.contract import LABELS, OTHER
from app.cutting import Seam, find_seams
from app.ground import Mask
from app.judgement import pair_probability
from app.normalization import Box
from app.pieces import Piece, united
from app.segments import LEAST

Probabilities = npt.NDArray[np.float32]
"""float32 (n, 10)."""

MOST_WIDTH: Final = 1.8
"""Of one digit, in heights of the row's digits."""

MOST_HEIGHT: Final = 1.7
"""The same for the height; taller digits stand alone."""

REACH: Final = 2.0
"""Places farther apart than this, in heights, have no digit between them."""

MOST_APART: Final = 24
"""So many places apart, or more, have none either."""

LEAST_SIDE: Final = 0.4
"""Of one digit's longer side, in heights."""

CUT_COST: Final = 0.05
"""What it costs to cut through ink, in nats: no digit is cut unless both parts are read better than the whole."""

CROSSED_COST: Final = 1.3
"""What it costs to cut through ink as long as the row is high, in nats."""

GAP_COST: Final = 0.05
"""What it costs to bridge a gap as wide as the row is high, in nats."""

DROP_COST: Final = 5.0
"""What it costs to leave out ink as long as the row is high, in nats."""

DROP_WHOLE_COST: Final = 7.0
"""The same where nothing was cut: what is as high as a digit, but none, is told rather than left out."""

USUAL_WIDTH: Final = 0.9
"""Of a digit, in heights."""

WIDTH_COST: Final = 0.6
"""What each height beyond that costs, in nats."""

SCRAP: Final = 0.1
"""Pieces smaller than this share of a digit's largest are what a cut left of a neighbour."""

WORST: Final = -13.0
"""No stretch of a row is read worse than this by the network for rows, in nats: it may be wrong as well."""

MOST_TANGLED: Final = 0.02
"""Two seams follow each other when at most this share of the ink there is right of the left, left of the right one."""


@dataclass(frozen=True, slots=True)
class _Node:
    """A place where one digit may end and the next begin."""

    piece: int
    """Which of the row's pieces it cuts, or stands in front of."""
    seam: Seam | None
    """None in front of a piece."""
    begin: float
    """Where the ink behind it begins, in pixels from the left."""
    end: float
    """Where the ink in front of it ends."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a row may be cut, and which two cuts may have one digit between them."""

    pieces: Sequence[Piece]
    height: float
    nodes: Sequence[_Node]
    pairs: Sequence[tuple[int, int]]

    @property
    def may_be_cut(self) -> bool:
        """Whether any of its pieces may be several digits that touch."""
        return any(node.seam is not None for node in self.nodes)

    @property
    def places(self) -> list[float]:
        """Where one digit may end and the next begin, in pixels from the left; at the ends before and behind all."""
        middles = [(node.begin + node.end) / 2 for node in self.nodes[1:-1]]
        return [-np.inf, *middles, np.inf]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Ink between two places, read as one digit or left out."""

    first: int
    last: int
    """The places."""
    ink: Piece
    cost: float
    """Of reading it as one digit, whatever it may be, in nats; infinite if it cannot be one."""
    drop_cost: float
    """Of leaving it out."""
    cut: bool
    """Whether it is a part of connected ink."""


@dataclass(frozen=True, slots=True)
class Lattice:
    """Every way to read a row."""

    places: int
    candidates: tuple[Candidate, ...]


def plan_row(pieces: Sequence[Piece], height: float) -> Plan:
    """Find where a row may be cut.

    Args:
        pieces: of one row, from the left.
        height: of its digits, in pixels.
    """
    nodes = tuple(_nodes(pieces, height))
    return Plan(pieces, height, nodes, tuple(_pairs(nodes, height)))


def build_lattice(plan: Plan) -> Lattice:
    """Find what may be one digit."""
    candidates = []
    for first, last in plan.pairs:
        ink = _between(plan.pieces, plan.nodes[first], plan.nodes[last])
        if ink is not None:
            candidates.append(_candidate(first, last, ink, plan))
    return Lattice(len(plan.nodes), tuple(candidates))


def _pairs(nodes: Sequence[_Node], height: float) -> Iterator[tuple[int, int]]:
    """Places that may lie to the left and right of one digit, and neighbours, whose ink may be left out."""
    for first in range(len(nodes) - 1):
        for last in range(first + 1, min(first + MOST_APART, len(nodes))):
            if last > first + 1 and nodes[last].end - nodes[first].begin > REACH * height:
                break
            yield first, last


def _nodes(pieces: Sequence[Piece], height: float) -> Iterator[_Node]:
    end = pieces[0].box.left
    for index, piece in enumerate(pieces):
        yield _Node(index, None, piece.box.left, end)
        for seam in find_seams(piece, height):
            middle = piece.box.left + float(seam.columns.mean())
            yield _Node(index, seam, middle, middle)
        end = max(end, piece.box.right)
    yield _Node(len(pieces), None, end, end)


def _between(pieces: Sequence[Piece], first: _Node, last: _Node) -> Piece | None:
    """The ink from one place to another; None if there is none, or the seams cross within it."""
    parts = []
    for index in range(first.piece, last.piece + (last.seam is not None)):
        piece = pieces[index]
        left = first.seam if index == first.piece else None
        right = last.seam if index == last.piece else None
        if left is not None or right is not None:
            part = _cut(piece, left, right)
            if part is None:
                return None
            piece = part
        parts.append(piece)
    return united(parts)


def _cut(piece: Piece, left: Seam | None, right: Seam | None) -> Piece | None:
    """The part of a piece between two seams; None if they cross within it, or nothing is left."""
    start = int(left.columns.min()) if left is not None else 0
    end = int(right.columns.max()) if right is not None else piece.box.width
    if start >= end:
        return None
    mask = piece.mask[:, start:end]
    columns = np.arange(start, end)
    inside = np.ones(mask.shape, bool)
    if left is not None:
        inside &= columns >= left.columns[:, None]
    if right is not None:
        inside &= columns < right.columns[:, None]
    if left is not None and right is not None:
        tangled = (columns < left.columns[:, None]) & (columns >= right.columns[:, None])
        if np.count_nonzero(mask[tangled]) > MOST_TANGLED * np.count_nonzero(mask):
            return None
    return _cropped(np.where(inside, mask, np.uint8(0)), piece, start)


def _cropped(mask: Mask, piece: Piece, start: int) -> Piece | None:
    """Part of a piece, from its column `start` on; None if there is nothing."""
    if not cv2.hasNonZero(mask):
        return None
    mask = _without_scraps(mask)
    # The soft edges beyond the mask belong to the ink, and where it was cut to the neighbour.
    around = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    x, y, width, height = cv2.boundingRect(mask)
    here = np.s_[y : y + height, x : x + width]
    left, top = piece.box.left + start + x, piece.box.top + y
    strokes = np.asarray(cv2.bitwise_and(piece.strokes[:, start : start + mask.shape[1]][here], around[here]), np.uint8)
    return Piece(mask[here], strokes, Box(left, top, left + width, top + height))


def _without_scraps(mask: Mask) -> Mask:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count <= 2:
        return mask
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    shade = np.where(areas >= SCRAP * areas.max(), 255, 0).astype(np.uint8)
    return np.asarray(shade[labels], np.uint8)


def _candidate(first: int, last: int, ink: Piece, plan: Plan) -> Candidate:
    pieces, nodes, height = plan.pieces, plan.nodes, plan.height
    box = ink.box
    alone = last == first + 1
    longer = ink.longer / height
    cost = np.inf
    fits = box.width <= MOST_WIDTH * height and box.height <= MOST_HEIGHT * height
    if longer >= LEAST_SIDE and (fits or alone):
        seam = nodes[last].seam
        cut = CUT_COST + CROSSED_COST * seam.crossed if seam is not None else 0.0
        whole = [piece.box for piece in pieces[nodes[first].piece : nodes[last].piece + (seam is not None)]]
        gaps = sum(max(0, right.left - left.right) for left, right in pairwise(whole))
        cost = cut + GAP_COST * gaps / height + WIDTH_COST * max(0.0, box.width / height - USUAL_WIDTH)
    was_cut = nodes[first].seam is not None or nodes[last].seam is not None
    return Candidate(first, last, ink, cost, (DROP_COST if was_cut else DROP_WHOLE_COST) * longer, was_cut)


@dataclass(frozen=True, slots=True)
class Seen:
    """What each candidate is taken for."""

    probabilities: Probabilities
    """float32 (n, 10)."""
    scores: npt.NDArray[np.float64]
    """How well it is read as a digit, float64 (n,), in nats, 0 at best."""
    leaving_out: npt.NDArray[np.float64]
    """How well it is read as nothing, likewise; 0 for all where nobody knows."""


def seen_alone(probabilities: Probabilities) -> Seen:
    """What the classifier says of each candidate by itself: what is no digit spreads its probability over many."""
    both = pair_probability(probabilities) * probabilities.max(axis=1)
    return Seen(probabilities, np.log(np.maximum(both, LEAST), dtype=np.float64), np.zeros(len(probabilities)))


def seen_in_row(
    lattice: Lattice,
    probabilities: Probabilities,
    symbols: npt.NDArray[np.float64],
    nothing: npt.NDArray[np.float64],
) -> Seen:
    """What the classifier says of each candidate and the network for rows of the same stretch, as a product of experts.

    Where ink was not cut the classifier sees as much as anybody: its probabilities stay, and the verdict they lead to.

    Args:
        lattice: with n candidates.
        probabilities: the classifier's, float32 (n, 10).
        symbols: how well the stretch reads as each digit and as OTHER, float64 (n, 11), in nats.
        nothing: the same as nothing, float64 (n,).
    """
    alone = np.log(np.maximum(probabilities, LEAST), dtype=np.float64)
    # The classifier was taught to answer what is no digit with equal probabilities.
    alone = np.column_stack([alone, np.full(len(alone), -np.log(len(LABELS)))])
    both = alone + np.maximum(symbols, WORST)
    together = np.exp((both - both.max(axis=1, keepdims=True)) / 2.0)
    together /= together.sum(axis=1, keepdims=True)
    shared = together[:, :OTHER] + together[:, OTHER:] / len(LABELS)
    cut = np.array([candidate.cut for candidate in lattice.candidates])
    found = np.where(cut[:, None], shared, probabilities).astype(np.float32)
    return Seen(found, both.max(axis=1), np.maximum(nothing, WORST))


def best_chain(lattice: Lattice, seen: Seen) -> list[int]:
    """The candidates that make up the cheapest reading, from the left.

    Args:
        lattice: of the row.
        seen: what its candidates are taken for.
    """
    costs = np.full(lattice.places, np.inf)
    costs[0] = 0.0
    steps: list[tuple[int, int] | None] = [None] * lattice.places
    for index in sorted(range(len(lattice.candidates)), key=lambda index: lattice.candidates[index].first):
        candidate = lattice.candidates[index]
        as_digit = candidate.cost - float(seen.scores[index])
        left_out = candidate.drop_cost - float(seen.leaving_out[index])
        for cost, chosen in ((as_digit, index), (left_out, -1)):
            total = costs[candidate.first] + cost
            if total < costs[candidate.last]:
                costs[candidate.last] = total
                steps[candidate.last] = (candidate.first, chosen)
    chain = []
    place = lattice.places - 1
    while (step := steps[place]) is not None:
        place, chosen = step
        if chosen >= 0:
            chain.append(chosen)
    return chain[::-1]
