"""Grey picture -> rows of digits, as pure functions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from app.contract import INPUT_SHAPE
from app.ground import Grey
from app.lattice import (
    Lattice,
    Plan,
    Probabilities,
    Seen,
    best_chain,
    build_lattice,
    plan_row,
    seen_alone,
    seen_in_row,
)
from app.normalization import Box, place
from app.page import find_ink_rows, too_much_writing
from app.pieces import Piece
from app.segments import segment_scores
from app.strip import ink_climb, lay_out

Classify = Callable[[npt.NDArray[np.uint8]], Probabilities]
"""uint8 (n, 28, 28, 1) -> float32 (n, 10)."""

ReadStrip = Callable[[Grey], npt.NDArray[np.float32]]
"""uint8 (STRIP_HEIGHT, width) -> float32 (columns, SYMBOLS)."""

STEEP: Final = 0.17
"""A row that climbs or falls more, in pixels for each to the right, is not shown to the network for rows: digits that
touch are not levelled, and it has seen none like that."""

MOST_CANDIDATES: Final = 4000
"""Ways to see a digit on one picture: each takes some 0.3 ms."""


@dataclass(frozen=True, slots=True)
class RowDigit:
    """One digit of a row."""

    probabilities: Probabilities
    """Softmax, float32 (10,)."""
    box: Box
    """Where it is, in pixels of the grey picture that came in."""


Row = tuple[RowDigit, ...]
"""Digits from left to right."""


@dataclass(frozen=True, slots=True)
class Page:
    """What is written on a picture."""

    rows: tuple[Row, ...]
    """From the top; each has a digit at least."""
    inverted: bool
    """Whether the ink was darker than its ground."""


def read_page(grey: Grey, classify: Classify, read_strip: ReadStrip | None = None) -> Page:
    """Read all digits of a picture, row by row.

    Args:
        grey: uint8 (height, width), ink darker or lighter than its ground.
        classify: the model for single digits.
        read_strip: the network for rows, if there is one: with it digits that touch are told apart much better.

    Raises:
        NoInkError: nothing on the picture stands out from its ground.
        TooMuchWritingError: it holds far more than numbers.
    """
    page = find_ink_rows(grey)
    plans = [plan_row(row.pieces, row.height) for row in page.rows]
    if sum(len(plan.pairs) for plan in plans) > MOST_CANDIDATES:
        raise too_much_writing()
    rows = (_read(plan, classify, read_strip) for plan in plans)
    return Page(
        tuple(
            tuple(RowDigit(found, ink.box.scaled(page.shape, grey.shape)) for found, ink in row) for row in rows if row
        ),
        page.inverted,
    )


def _read(plan: Plan, classify: Classify, read_strip: ReadStrip | None) -> list[tuple[Probabilities, Piece]]:
    lattice = build_lattice(plan)
    digits = np.flatnonzero([np.isfinite(candidate.cost) for candidate in lattice.candidates])
    if not digits.size:
        return []
    probabilities = np.zeros((len(lattice.candidates), 10), np.float32)
    probabilities[digits] = classify(np.stack([_picture(lattice.candidates[index].ink) for index in digits]))
    if read_strip is None or not plan.may_be_cut or abs(ink_climb(plan.pieces, plan.height)) > STEEP:
        seen = seen_alone(probabilities)
    else:
        seen = _in_row(plan, lattice, probabilities, read_strip)
    return [(seen.probabilities[index], lattice.candidates[index].ink) for index in best_chain(lattice, seen)]


def _in_row(plan: Plan, lattice: Lattice, probabilities: Probabilities, read_strip: ReadStrip) -> Seen:
    strip = lay_out(plan.pieces, plan.height)
    columns = [strip.column(place) for place in plan.places]
    stretches = [(columns[candidate.first], columns[candidate.last]) for candidate in lattice.candidates]
    return seen_in_row(lattice, probabilities, *segment_scores(read_strip(strip.pixels), stretches))


def _picture(ink: Piece) -> Grey:
    return place(ink.strokes).reshape(INPUT_SHAPE)
