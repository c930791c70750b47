"""Pictures and their ink -> the same without the boxes, rings, combs and lines of forms, as pure functions."""

from typing import Final

import cv2
import numpy as np

from app.ground import SMALL_SIDE, Grey, Mask, frame_of, percentile
from app.straight_lines import (
    COVERED,
    MARGIN,
    WRITTEN,
    drawn,
    is_covered,
    lying_lines,
    margin_of,
    tallest,
    upright_lines,
)

LEAST_STEP: Final = 64.0
"""Grey levels between a line along the picture's edges and its ground."""

LEAST_GROUND: Final = 0.7
"""Share of a picture inside such a line that is ground."""

LEAST_SIDE: Final = 8
"""Pixels; what is lower or narrower is no frame."""

ROUND: Final = 0.7
"""Height of a ring to its width, or the reverse, at least; zeros are narrower."""

CONVEX: Final = 0.95
"""Share of its convex hull that a ring goes round at least; the outline of a six, an eight or a nine has a waist."""

FINE: Final = 0.2
"""Share of a rectangle that a fine line around it covers at most; a zero's covers twice as much."""

SMALL: Final = 0.12
"""Height of what is written in such a box to the height of the box at least."""

LEGS: Final = 0.3
"""Share of a triangle that two fine lines along its sides cover at most."""

SQUARE: Final = 0.25
"""Cosine of an angle at most that is nearly a right one."""

CORNER: Final = 0.2
"""Share of the picture's sides along which a line goes at least on both sides of a corner."""

THIN: Final = 25.0
"""Percent of a line's length in which nothing touches it, if a machine drew it."""

LEAST_TEETH: Final = 3
"""Of a comb, which is open above."""


def without_border(grey: Grey) -> Grey:
    """Let the ground go on over a line that is drawn along all edges of a picture, and would be taken for its ground.

    Within a margin of one grey, ink as bold as the room between its strokes is none of that: nearly everything inside
    must be of another grey. Crops of a few pixels have no room for such a line.

    Args:
        grey: uint8 (height, width).
    """
    if grey.size <= SMALL_SIDE**2:
        return grey
    margin = round(MARGIN * min(grey.shape))
    outermost = frame_of(grey)
    line = percentile(outermost, 50.0)
    # Most pictures have the same ground there as at their edges.
    if margin < 1 or _share(frame_of(grey[margin:-margin, margin:-margin]), line) > 1 - COVERED:
        return grey
    if _share(outermost, line) < COVERED:
        return grey
    for depth in range(1, margin + 1):
        inner = grey[depth:-depth, depth:-depth]
        ring = frame_of(inner)
        if _share(ring, line) <= 1 - COVERED:
            break
    ground = percentile(ring, 50.0)
    if abs(ground - line) < LEAST_STEP or _share(ring, ground) < COVERED or _share(inner, ground) < LEAST_GROUND:
        return grey
    bordered = np.full_like(grey, round(ground))
    bordered[depth:-depth, depth:-depth] = inner
    return bordered


def _share(pixels: Grey, level: float) -> float:
    """Of pixels that have about this grey."""
    return float((np.abs(pixels - np.float32(level)) < LEAST_STEP / 2).mean())


def without_frames(ink: Mask) -> Mask:
    """Drop rings, rectangles, corners and combs around digits, and straight lines from side to side in them."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    sides = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].min(axis=1)
    sides[0] = 0
    cleaned = ink.copy()
    for label in map(int, np.flatnonzero(sides >= LEAST_SIDE)):
        left, top, width, height = (int(value) for value in stats[label, :4])
        here = np.s_[top : top + height, left : left + width]
        piece = np.where(labels[here] == label, np.uint8(255), np.uint8(0))
        lines = piece if _is_ring(piece, ink[here]) else _frame(piece, ink[here])
        if lines is None and _is_corner(piece, ink[here]):
            lines = piece
        if lines is not None:
            cleaned[here] &= ~lines
    return cleaned


def without_edge_lines(ink: Mask) -> Mask:
    """Drop what a crop has left of a form's lines: they lie along its edges, from end to end, with ink between them."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    height, width = ink.shape
    margin = margin_of(ink)
    inside = np.zeros(count, bool)
    inside[np.unique(labels[margin : height - margin, margin : width - margin])] = True
    wide, high = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]
    from_end_to_end = (wide == width) | (high == height)
    # Nearly so is enough where they go round a corner, as no stroke of a digit does there.
    spanning = (wide >= COVERED * width) | (high >= COVERED * height)
    round_corners = spanning & (wide >= CORNER * width) & (high >= CORNER * height)
    along = ~inside & (from_end_to_end | round_corners)
    # The ground is no piece.
    inside[0] = along[0] = False
    if not along.any() or not (high[inside] >= WRITTEN * height).any():
        return ink
    return np.where(along[labels], np.uint8(0), ink)


def _has_outline(piece: Mask) -> bool:
    margin = margin_of(piece)
    left, right = piece[:, :margin].T, piece[:, -margin:].T
    return is_covered(piece[-margin:]) and is_covered(left) and is_covered(right)


def _is_ring(piece: Mask, ink: Mask) -> bool:
    """Whether a piece is a ring around something written, closed or nearly so.

    Args:
        piece: connected ink, which reaches all four edges.
        ink: all that lies there.
    """
    height, width = piece.shape
    is_box = _is_fine_box(piece)
    if not (is_box or ROUND <= width / height <= 1 / ROUND):
        return False
    inside = ink & ~piece
    if tallest(inside) < (SMALL if is_box else WRITTEN) * height:
        return False
    # Whoever draws a ring does not meet its beginning to the pixel.
    gap = margin_of(piece)
    kernel = np.ones((gap, gap), np.uint8)
    room = np.pad(piece, gap)
    closed = np.asarray(cv2.dilate(room, kernel), np.uint8)
    cv2.floodFill(closed, None, (0, 0), 128)
    within = np.where(closed == 128, np.uint8(0), np.uint8(255))
    if (np.pad(inside, gap) & ~within).any():
        return False
    filled = np.asarray(cv2.erode(within, kernel), np.uint8)
    hull = cv2.contourArea(cv2.convexHull(cv2.findNonZero(filled | room)))
    return cv2.countNonZero(filled) >= CONVEX * hull


def _is_fine_box(piece: Mask) -> bool:
    """Whether a piece is drawn around a rectangle, which may lean, in a line finer than a zero's would be."""
    points = cv2.findNonZero(piece)
    area = cv2.contourArea(cv2.convexHull(points))
    wide, high = cv2.minAreaRect(points)[1]
    return cv2.countNonZero(piece) <= FINE * area and area >= CONVEX * wide * high


def _is_corner(piece: Mask, ink: Mask) -> bool:
    """Whether a piece is two fine lines at a right angle, with something written between them.

    The shadow that a sheet throws on its desk is such a piece.

    Args:
        piece: connected ink, which reaches all four edges.
        ink: all that lies there.
    """
    points = cv2.findNonZero(piece)
    area = cv2.contourArea(cv2.convexHull(points))
    count = cv2.countNonZero(piece)
    if count > LEGS * area:
        return False
    inside = ink & ~piece
    if frame_of(inside).any() or tallest(inside) < SMALL * len(piece):
        return False
    enclosing, triangle = cv2.minEnclosingTriangle(points)
    if area < CONVEX * enclosing:
        return False
    ends = np.reshape(triangle, (3, 2))
    # The corner is opposite to the longest side.
    corner = int(np.argmax([np.hypot(*(ends[i - 1] - ends[i - 2])) for i in range(3)]))
    one, other = ends[corner - 1] - ends[corner], ends[corner - 2] - ends[corner]
    lengths = float(np.hypot(*one)), float(np.hypot(*other))
    if abs(float(one @ other)) > SQUARE * lengths[0] * lengths[1]:
        return False
    legs = np.zeros_like(piece)
    path = np.rint(np.array([ends[corner - 1], ends[corner], ends[corner - 2]])).astype(np.int32)
    cv2.polylines(legs, [path], False, 255, thickness=round(4 * count / sum(lengths)) + 2)
    return cv2.countNonZero(piece & legs) >= CONVEX * count


def _frame(piece: Mask, ink: Mask) -> Mask | None:
    """The lines of a frame; None if a piece is none.

    Args:
        piece: connected ink, which reaches all four edges.
        ink: all that lies there.
    """
    if not _has_outline(piece):
        return None
    run = max(3, min(piece.shape) // 3)
    upright = upright_lines(piece, run)
    lines = drawn([*upright, *lying_lines(piece, run)], piece.shape)
    margin = margin_of(piece)
    if not is_covered(piece[:margin]):
        return lines if len(upright) >= LEAST_TEETH else None
    beside = 0
    if not (is_covered(lines[:margin]) and _has_outline(lines)):
        # Where only some sides of an angular zero are straight enough for lines, the others are not written in it.
        # Strokes that touch a line hide it, too; where all four are even, it is known what lies beneath.
        even = _even_outline(piece)
        lines, beside = even if even is not None else (lines, 5 * margin // 2)
    beside = min(beside, piece.shape[1] // 3)
    inside = (ink & ~lines)[:, beside : piece.shape[1] - beside]
    return lines if tallest(inside) >= WRITTEN * len(piece) else None


def _even_outline(piece: Mask) -> tuple[Mask, int] | None:
    """Four sides that are level, upright and each of one width, as a machine draws them; None where they are not.

    Returns:
        Their ink, and how far in an angular zero's own side may reach: three times the greatest width, in pixels.
    """
    outline = np.zeros_like(piece)
    margin = margin_of(piece)
    widest = 0
    # The same memory, seen from each of its sides.
    for seen, side in zip(_from_all_sides(piece), _from_all_sides(outline), strict=True):
        # What touches the line may stick out.
        covered = [is_covered(row[None]) for row in seen[: 2 * margin]]
        if True not in covered:
            return None
        first = covered.index(True)
        widths = np.argmin(seen[first:], axis=0)
        width = int(percentile(widths, THIN))
        if not 1 <= width <= 2 * margin or (abs(widths - width) <= 1).mean() < THIN / 100:
            return None
        # The row after the last belongs to its soft edge.
        side[: first + width + 1] = 255
        widest = max(widest, width)
    return piece & outline, 3 * widest


def _from_all_sides(piece: Mask) -> tuple[Mask, ...]:
    return piece, piece[::-1], piece.T, piece.T[::-1]
