"""Ink -> the same without straight lines that are thinner than what is written, as pure functions.

Forms have them below digits, beside them and around them, squared paper across them. A broad nib draws strokes as thin:
the base of a two, the bars of fours and sevens. What touches the digit is a line only where it goes on far beyond.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from app.ground import SMALL_SIDE, Mask, stroke_width
from app.straight_lines import COVERED, WRITTEN, drawn, is_covered, lying_lines, margin_of, tallest, upright_lines

RUN: Final = 1 / 3
"""A line is made of straight runs of at least this share of all ink's length, however it leans."""

THIN: Final = 0.65
"""Its width is at most this share of a stroke's."""

LEAST_STEP: Final = 2.0
"""Pixels by which it is thinner at least."""

APART: Final = 1.5
"""As THIN, of a line that touches nothing else. Where it lies, it is no stroke: below, and beyond both ends."""

RAGGED: Final = 0.01
"""The edges of a line that leans leave so much of it beside it, as a share of its pixels."""

FREE: Final = 0.25
"""On at least this share of a line lies no stroke."""

NEARLY_THIN: Final = 0.8
"""As THIN, of a short line that is left where a longer one was dropped, with the soft edges of its end."""

BEYOND: Final = 0.02
"""It goes on beyond what is written by this share of the ink's size, or to the picture's edge: at both ends if it lies,
at one at least if it is upright."""

FAR: Final = 0.25
"""As BEYOND, at both ends, of a line that touches what is written and is alone, as a share of what is written."""

BESIDE_RULES: Final = 0.3
"""Of a line from edge to edge, so much counts as the height of what is there."""

LEAST_RULES: Final = 3
"""So many lines from edge to edge are squared or ruled paper, wherever the ink lies."""

THROUGH: Final = 0.95
"""What is written is at most so high, as a share of the picture's height."""

LEAST_PIECE: Final = 0.05
"""Smaller pieces are nothing written, as a share of all that is no line."""

MOST_LINES: Final = 32
"""More are no paper that anybody writes on."""

LEAST_SIDE: Final = 12
"""Pixels; what is smaller shows no line's width."""


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """One of them, or a straight stroke."""

    mask: Mask
    """0 or 255."""
    upright: bool
    place: int
    """Column of an upright one, row of a lying one: of its middle."""
    start: int
    """First row of an upright one, first column of a lying one."""
    end: int
    """The last one, exclusive."""
    width: float
    """In pixels, where no stroke lies on it."""

    @property
    def wider(self) -> int:
        """Pixels that ink is wide at least where a stroke lies on it: more than it is with its soft edges."""
        return math.ceil(self.width) + 3

    def goes_beyond(self, begin: int, end: int, beyond: int, edges: Sequence[int]) -> tuple[bool, bool]:
        """Whether it begins before what is written, and whether it ends after.

        Args:
            begin: of what is written: the first row for an upright one, the first column for a lying one.
            end: its last one, exclusive.
            beyond: how far, in pixels; a line that ends at an edge goes on there.
            edges: of the picture, in the same direction.
        """
        begins_before = self.start <= begin - beyond or self.start == edges[0] < begin
        ends_after = self.end >= end + beyond or self.end == edges[1] > end
        return begins_before, ends_after


@dataclass(frozen=True, slots=True, eq=False)
class _Among:
    """Lines and what is written among them, in pixels of the ink."""

    lines: list[_Line]
    thin: list[_Line]
    """Those that are thinner than strokes."""
    apart: list[_Line]
    """Those that touch nothing else."""
    box: list[_Line]
    """Those that are the sides of a box."""
    written: Sequence[int]
    """Left, top, width and height of what is written."""
    edges: Sequence[int]
    """Left, top, right and bottom of the picture."""
    beyond: int
    """How far lines go on beyond what is written, at least."""
    has_sides: bool
    """Whether something stands on both sides of what is written."""

    def is_none_of_the_digit(self, line: _Line) -> bool:
        """Whether a line is a form's or the paper's, rather than a stroke."""
        way = 1 if line.upright else 0
        first, size, edges = self.written[way], self.written[2 + way], self.edges[way::2]
        far = max(self.beyond, round(FAR * size))
        goes_on = line.goes_beyond(first, first + size, self.beyond, edges)
        goes_far = line.start <= first - far and line.end >= first + size + far
        if line in self.box:
            return True
        if line.upright:
            # A four's stem may be thinner than the rest of it, but there is nothing like it beside it, and it does not
            # go on far at both ends.
            return (len(self.lines) > 1 and any(goes_on)) or goes_far
        _, top, _, height = self.written
        if self.has_sides or line in self.apart:
            # A five's bar, apart from it, is none.
            return all(goes_on) and (line in self.thin or line.place > top + height / 2 or goes_far)
        # A seven's bar lies above the rest of it, a two's base ends soon.
        return line.place > top and goes_far


def may_have_lines(ink: Mask) -> bool:
    """Whether ink of one piece may be something written and lines that it touches; most is not, and that is seen soon.

    Nearly all such lines lie below it, or go through the whole picture, or are a box that it crosses; not in crops of a
    few pixels.
    """
    left, top, width, height = cv2.boundingRect(ink)
    if height == len(ink) or width == ink.shape[1]:
        return True
    piece = ink[top : top + height, left : left + width]
    if height <= SMALL_SIDE:
        return is_covered(piece[-margin_of(piece) :])
    bands = np.maximum.reduceat(piece, np.arange(0, height, margin_of(piece)), axis=0)
    # A line may lie in two of them.
    pairs = bands[:-1] | bands[1:]
    (covered,) = (cv2.reduce(pairs >> 7, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[:, 0] >= COVERED * width).nonzero()
    last = len(pairs) - 1
    return bool(covered.size and (covered[-1] == last or covered[0] < last / 2 < covered[-1]))


def without_thin_lines(ink: Mask, *, may_be_ruled: bool = True) -> Mask:
    """Drop them, but for where strokes lie on them or cross them.

    Args:
        ink: 0 or 255.
        may_be_ruled: whether many lines from edge to edge are to be dropped before others are looked for.
    """
    left, top, width, height = cv2.boundingRect(ink)
    here = np.s_[top : top + height, left : left + width]
    piece = ink[here]
    found, stroke = _lines_among_strokes(piece)
    if not found:
        return ink
    # Of strokes of two or three pixels nobody can tell which is the thinner one.
    thin = [line for line in found if line.width <= min(THIN * stroke, stroke - LEAST_STEP)]
    rules = [line for line in thin if line.end - line.start == ink.shape[not line.upright]]
    if may_be_ruled and len(rules) >= LEAST_RULES:
        ruled = ink.copy()
        ruled[here] = _cleared(piece, rules)
        return without_thin_lines(ruled, may_be_ruled=False)
    apart = [line for line in _apart(found, piece) if line.width <= APART * stroke]
    lines = [line for line in found if line in thin or line in apart]
    if not lines:
        return ink
    written, remains = _written(_cleared(piece, lines), stroke)
    place = cv2.boundingRect(written)
    least = WRITTEN * (BESIDE_RULES * height if rules else height)
    # What goes through the whole picture is a table beside a sheet.
    if not least <= place[3] <= THROUGH * len(ink):
        return ink
    among = _Among(
        lines,
        thin,
        apart,
        _box(thin, margin_of(piece)),
        place,
        (-left, -top, ink.shape[1] - left, len(ink) - top),
        max(1, round(BEYOND * math.sqrt(piece.size))),
        any(line.upright for line in lines) or _has_low_sides(remains, place, margin_of(piece)),
    )
    dropped = list(filter(among.is_none_of_the_digit, lines))
    if not dropped:
        return ink
    cleaned = ink.copy()
    cleaned[here] = _cleared(piece, dropped)
    if len(dropped) == len(lines):
        cleaned[here] &= ~remains
    return cleaned


def _has_low_sides(remains: Mask, written: Sequence[int], margin: int) -> bool:
    """Whether sides too low to be found as lines remain on both sides of what is written.

    Args:
        remains: of lines.
        written: its left, top, width and height.
        margin: see `margin_of`.
    """
    left, _, width, _ = written
    return all(side.size and tallest(side) >= 2 * margin for side in (remains[:, :left], remains[:, left + width :]))


def _lines_among_strokes(piece: Mask) -> tuple[list[_Line], float]:
    """Lines from side to side of ink, among them perhaps strokes, and the width of the other strokes."""
    if min(piece.shape) < LEAST_SIDE:
        return [], 0.0
    found = [*_lines(piece, upright=False), *_lines(piece, upright=True)]
    if not 0 < len(found) <= MOST_LINES:
        return [], 0.0
    rest, widest = _without(piece, found), max(found, key=lambda line: line.width)
    stroke = stroke_width(rest)
    if tallest(rest) < WRITTEN * len(piece) and stroke < widest.width:
        # A one is a straight line itself.
        found = [line for line in found if line is not widest]
        stroke = stroke_width(_without(piece, found))
    return found, stroke


def _lines(piece: Mask, *, upright: bool) -> list[_Line]:
    """Straight ones from side to side, thin and wide."""
    length, find = (len(piece), upright_lines) if upright else (piece.shape[1], lying_lines)
    found = []
    for mask in find(piece, max(3, int(length * RUN))):
        along = mask if upright else mask.T
        side, start, wide, long = cv2.boundingRect(along)
        width = float(np.quantile(np.count_nonzero(along, axis=1)[start : start + long], FREE))
        found.append(_Line(mask, upright, side + wide // 2, start, start + long, width))
    return found


def _box(lines: list[_Line], margin: int) -> list[_Line]:
    """The outermost of lines where they are the sides of a box, which meet at its corners; else none."""
    upright, lying = ([line for line in lines if line.upright is way] for way in (True, False))
    if min(len(upright), len(lying)) < 2:
        return []
    sides, ends = (
        [min(some, key=lambda line: line.place), max(some, key=lambda line: line.place)] for some in (upright, lying)
    )
    for some, others in ((sides, ends), (ends, sides)):
        first, last = (line.place for line in others)
        if any(abs(line.start - first) > margin or abs(line.end - last) > margin for line in some):
            return []
    return sides + ends


def _without(piece: Mask, lines: list[_Line]) -> Mask:
    """The ink without some lines, and without all that lies on them."""
    return piece & ~drawn((line.mask for line in lines), piece.shape)


def _apart(lines: list[_Line], piece: Mask) -> list[_Line]:
    """Those that nothing but lines touches, and their own ragged edges."""
    count, labels = cv2.connectedComponents(piece, connectivity=8)
    beside = np.bincount(labels[_without(piece, lines) > 0], minlength=count)
    return [
        line for line in lines if beside[np.unique(labels[line.mask > 0])].sum() <= RAGGED * np.count_nonzero(line.mask)
    ]


def _written(rest: Mask, stroke: float) -> tuple[Mask, Mask]:
    """What is written, and what remains of lines that are shorter than the others."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(rest, connectivity=8)
    area = stats[:, cv2.CC_STAT_AREA]
    longest = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1)
    is_thin = area <= NEARLY_THIN * stroke * longest
    is_written = ~is_thin & (area >= LEAST_PIECE * cv2.countNonZero(rest))
    is_thin[0] = is_written[0] = False
    written = np.where(is_written[labels], np.uint8(255), np.uint8(0))
    return written, np.where(is_thin[labels], np.uint8(255), np.uint8(0))


def _cleared(piece: Mask, lines: list[_Line]) -> Mask:
    """The ink without some lines, but with all that is wider than they are: strokes on them and across them."""
    cleared = piece.copy()
    for upright in (False, True):
        alike, others = ([line for line in lines if line.upright is way] for way in (upright, not upright))
        # Where two lines cross, neither is a stroke.
        strokes = _without(piece, others)
        for wider in {line.wider for line in alike}:
            kernel = np.ones((1, wider) if upright else (wider, 1), np.uint8)
            # Beyond the edges there is no ink.
            eroded = cv2.erode(strokes, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
            as_wide = drawn((line.mask for line in alike if line.wider == wider), piece.shape)
            cleared[(as_wide > 0) & (cv2.dilate(eroded, kernel) == 0)] = 0
    return cleared
