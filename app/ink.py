"""Grey picture -> where the digit's ink is, whatever the paper and the light, as pure functions.

Ink is what stands out from its ground. What lies around the sheet, lines of ruled paper, specks and clutter are
dropped, the separate strokes of one digit stay.
"""

from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import Any, Final, TypeVar

import cv2
import numpy as np

from app.contrast import Response, ink_mask, ink_response
from app.errors import NoInkError
from app.forms import beside_print, without_form
from app.frames import without_border
from app.grain import LEAST_SIDE as GRAINY_SIDE
from app.grain import without_grain
from app.ground import Grey, Mask, frame_of, mean_depth, percentile, uncut
from app.paper import LEAST_SIDE
from app.pens import is_pen
from app.rules import RULE_SPAN, without_rules
from app.screens import Window, shown
from app.sheet import LEAST_SIDE as SHEET_SIDE
from app.sheet import Sheet, find_sheet, find_slab
from app.thin_lines import may_have_lines

SIDE_SHARE: Final = 0.3
"""Where more than this share of a sheet or of what lies around it would be ink, it is none."""

SURROUNDED: Final = 0.5
"""Ink across a sheet's edge is a digit's all the same when at least this share of the picture's frame is no sheet."""

LEAST_PIECE: Final = 0.02
"""A separate piece of ink smaller than this share of the digit is a speck."""

SPECK: Final = 0.08
"""The same where there are many specks: dirt, or a noisy picture."""

MANY_SPECKS: Final = 10

NEAR: Final = 0.4
"""A separate piece belongs to the digit when it is no farther away than this share of the digit's length so far."""

NEAR_AT_EDGE: Final = 0.05
"""The same for pieces that the picture's edge cuts: they are more often clutter than ink."""

DOTTED: Final = 8
"""So many dots as large as the largest piece, or more, are a digit of dots."""

DOTS_APART: Final = 1.5
"""From one of these dots to the next are at most so many of its lengths."""

FILLED: Final = 0.6
"""Share of the square on its longer side that a dot fills at least."""

LINE: Final = 0.02
"""What the picture's edge cuts and is so thin, as a share of its length, is a line before it is a stroke."""

STACKED: Final = 0.5
"""A piece lies above or below another when this share of its width does."""

MOST_CUT: Final = 0.3
"""What the picture's edge cuts off from a neighbour is at most this share of the digit."""

BROADER: Final = 1.6
"""What lies around a sheet is cut off by the picture's edge too; it is so many times as broad as strokes, or more."""

PEN: Final = 0.02
"""Weight of a pen, which is large too, where one piece is chosen to be the digit's main one."""

ALONG: Final = 0.04
"""What is nearer to a sheet's edge than this share of the picture's longer side lies along it."""

MOSTLY: Final = 0.9
"""Share of what was found that lies there where it is no more than the edge's."""

EDGE: Final = np.ones((5, 5), np.uint8)
"""What is so near to a sheet's edge reaches it."""

# Pictures are small and the service's threads are its own: OpenCV's would only get in their way.
cv2.setNumThreads(1)


@dataclass(frozen=True, slots=True)
class Writing:
    """All the ink of a picture."""

    response: Response
    """How far everything on the picture stands out from its ground."""
    mask: Mask
    """0 or 255, what of that is ink."""
    dark: bool
    """Whether it is darker than its ground."""


@dataclass(frozen=True, slots=True)
class Ink:
    """The ink of a digit."""

    response: Response
    """How far everything on the picture stands out from its ground."""
    strokes: Grey
    """The digit alone, white on black, with the soft edges of its strokes."""
    mask: Mask
    """The same, sharp."""
    dark: bool
    """Whether it is darker than its ground."""
    left_out: float
    """Area of the largest piece of ink that is none of the digit's, as a share of the digit's own; what a crop has left
    of its neighbours is no such piece."""


Found = TypeVar("Found", Ink, Writing)


def find_ink(grey: Grey) -> Ink:
    """Find the ink of the digit in a grey picture.

    Args:
        grey: uint8 (height, width), ink darker or lighter than its ground.

    Raises:
        NoInkError: nothing on the picture stands out from its ground.
    """
    if max(grey.shape) >= GRAINY_SIDE:
        grey = without_grain(grey)
    window = shown(grey)
    if window is not None:
        # On an empty sheet, the sheet is what stands out.
        with suppress(NoInkError):
            return _put_back(_find_ink_on_sheet(without_border(grey[window])), window, grey)
    return _find_ink_on_sheet(without_border(grey))


def _find_ink_on_sheet(grey: Grey) -> Ink:
    if max(grey.shape) < SHEET_SIDE:
        return _find_ink(grey)
    sheet = find_sheet(grey)
    ink = _find_ink(grey) if sheet is None else _find_ink_around(grey, sheet)
    slab = find_slab(grey, ink.mask, ink.dark)
    if slab is not None:
        with suppress(NoInkError):
            return _find_ink(slab)
    return ink


def _find_ink_around(grey: Grey, sheet: Sheet) -> Ink:
    """The ink on a sheet, or that of the whole picture where what was found is none."""
    outside = np.asarray(cv2.bitwise_not(sheet.inside), np.uint8)
    written = _find_ink_within(sheet, outside)
    if written is None:
        return _find_ink(grey)
    around = outside > 0
    # In a tight crop of a photograph, what seems to lie around the sheet is where the digit's strokes reach the edge;
    # across a shadow's edge they go on as well.
    goes_on = bool(cv2.dilate(written.mask, EDGE)[around].any())
    if written.dark and not goes_on:
        return written
    try:
        ink = _find_ink(grey)
    except NoInkError:
        return written
    if not goes_on:
        return ink
    if sheet.is_whole and frame_of(ink.mask).any():
        # A table goes on beyond the picture.
        return written
    # Of a table, or of the sheet, more would be ink than people write.
    few = all((side > 0).mean() <= SIDE_SHARE for side in (ink.mask[around], ink.mask[~around]))
    return ink if few or sheet.surrounded < SURROUNDED else written


def _find_ink_within(sheet: Sheet, outside: Mask) -> Ink | None:
    """The ink on a sheet; None if there is none, or only what its edge has left of a stroke or of a shadow."""
    try:
        ink = _find_ink(sheet.picture, outside)
    except NoInkError:
        return None
    depth = cv2.distanceTransform(sheet.inside, cv2.DIST_L2, 3)
    along = (depth < ALONG * max(depth.shape)).astype(np.uint8)
    return None if cv2.mean(along, ink.mask)[0] > MOSTLY else ink


def find_writing(grey: Grey) -> Writing:
    """Find everything that is written on a grey picture: uint8 (height, width), ink darker or lighter than its ground.

    Raises:
        NoInkError: nothing on the picture stands out from its ground.
    """
    if max(grey.shape) >= GRAINY_SIDE:
        grey = without_grain(grey)
    window = shown(grey)
    if window is not None:
        with suppress(NoInkError):
            return _put_back(_find_writing_on_sheet(without_border(grey[window])), window, grey)
    return _find_writing_on_sheet(without_border(grey))


def _put_back(found: Found, window: Window, grey: Grey) -> Found:
    """What was found in a window of a picture, in the picture: its arrays are zero around it."""
    whole: dict[str, Any] = {}
    for field in fields(found):
        part = getattr(found, field.name)
        if isinstance(part, np.ndarray):
            whole[field.name] = np.zeros(grey.shape, part.dtype)
            whole[field.name][window] = part
    return replace(found, **whole)


def _find_writing_on_sheet(grey: Grey) -> Writing:
    if max(grey.shape) < SHEET_SIDE:
        return _find_writing(grey)
    sheet = find_sheet(grey)
    if sheet is not None:
        with suppress(NoInkError):
            return _find_writing(sheet.picture)
    writing = _find_writing(grey)
    slab = find_slab(grey, writing.mask, writing.dark)
    if slab is not None:
        with suppress(NoInkError):
            return _find_writing(slab)
    return writing


def _find_writing(grey: Grey) -> Writing:
    response, dark = ink_response(grey)
    if max(grey.shape) < LEAST_SIDE:
        return Writing(response, ink_mask(response), dark)
    response = without_rules(response)
    mask = ink_mask(response)
    return Writing(*(beside_print(response, mask) or (response, mask)), dark)


def _find_ink(grey: Grey, around: Mask | None = None) -> Ink:
    """Find a digit's ink; what reaches `around`, 255 where a sheet does not lie, is no other thing on the sheet."""
    writing = _find_writing(grey)
    written, mask = _find_digit(writing.mask)
    left_out = 0.0
    if written is not mask:
        others = written & ~mask
        if around is not None:
            # Fingers that hold a sheet reach its edge.
            others = uncut(others, np.asarray(cv2.dilate(around, EDGE), np.uint8))
        left_out = _left_out(others, mask)
    return Ink(writing.response, stroke_picture(writing.response, mask), mask, writing.dark, left_out)


def _left_out(others: Mask, digit: Mask) -> float:
    """Area of the largest connected piece of other ink as a share of the digit's; 0 if there is none.

    What runs along a whole side is no piece of ink. What the picture's edges have left of a digit's neighbours, or of
    what lies around its sheet, is no thing on the picture either, unless the digit reaches such an edge too: then both
    are what the crop was made for. A crop as high as the digits of a row has neighbours to the left and right alone.
    """
    if not cv2.hasNonZero(others):
        return 0.0
    _, labels, stats, _ = cv2.connectedComponentsWithStats(others, connectivity=8)
    height, width = others.shape
    left, top, wide, high, pixels = stats[1:].T
    share = pixels / np.count_nonzero(digit)
    counts = (wide <= RULE_SPAN * width) & (high <= RULE_SPAN * height)
    if not digit[:, [0, -1]].any():
        cut = (left == 0) | (left + wide == width)
        if not digit[[0, -1]].any():
            cut |= (top == 0) | (top + high == height)
        counts &= ~cut | (share > MOST_CUT)
        broadest = BROADER * mean_depth(digit) if (counts & cut).any() else 0.0
        longest = max(cv2.boundingRect(digit)[2:])
        for piece in np.flatnonzero(counts & cut):
            mask = (labels == piece + 1).astype(np.uint8)
            counts[piece] = mean_depth(mask) <= broadest and not is_pen(mask, longest)
    return float(share[counts].max(initial=0.0))


def _find_digit(ink: Mask) -> tuple[Mask, Mask]:
    """What is written, without a form's lines, and of that the digit: the main piece, and others that belong to it."""
    # Most pictures show one piece; finding its place would take ten times as long as finding it.
    if cv2.connectedComponents(ink, connectivity=8)[0] <= 2 and not may_have_lines(ink):
        return ink, ink
    written = without_form(ink)
    if not cv2.hasNonZero(written):
        # An empty comb is all that there is to read.
        written = ink
    return written, _main_pieces(written)


def _main_pieces(ink: Mask) -> Mask:
    """The largest piece of ink in the middle, and others that are neither specks nor clutter."""
    count, labels, stats, centroids = cv2.connectedComponentsWithStats(ink, connectivity=8)
    height, width = ink.shape
    area = stats[1:, cv2.CC_STAT_AREA].astype(float)
    left, top = stats[1:, cv2.CC_STAT_LEFT], stats[1:, cv2.CC_STAT_TOP]
    right, bottom = left + stats[1:, cv2.CC_STAT_WIDTH], top + stats[1:, cv2.CC_STAT_HEIGHT]
    extent = np.maximum(right - left, bottom - top).astype(float)
    cut = (left == 0) | (top == 0) | (right == width) | (bottom == height)
    off_centre = np.hypot(centroids[1:, 0] / width - 0.5, centroids[1:, 1] / height - 0.5)
    # A margin's line from edge to edge is large, too.
    lines = cut & (area <= LINE * extent**2)
    weight = np.where(lines, 0.035, np.where(cut, 0.35, 1.0))
    if max(height, width) >= LEAST_SIDE and not cut.all():
        # So is a pen beside the digit.
        longest = extent[~cut].max()
        for piece in np.flatnonzero(cut & ~lines & (extent > longest)):
            if is_pen((labels == piece + 1).astype(np.uint8), longest):
                weight[piece] = PEN
    main = int(np.argmax(extent * np.sqrt(area) * weight * (1.0 - off_centre)))
    shortest = 0.0
    if count > DOTTED:
        dots = (area >= FILLED * extent**2) & (abs(extent - extent[main]) <= 1 + 0.2 * extent[main])
        if dots[main] and dots.sum() >= DOTTED:
            shortest = DOTS_APART / NEAR * extent[main]
    least = LEAST_PIECE if (area < SPECK * area[main]).sum() < MANY_SPECKS else SPECK
    part = np.zeros(count - 1, bool)
    joining = np.zeros(count - 1, bool)
    joining[main] = True
    if left[main] == 0 or right[main] == width:
        # The crop is as narrow as the digit: what is above or below is no neighbour in a row.
        stacked = np.minimum(right, right[main]) - np.maximum(left, left[main]) >= STACKED * (right - left)
        cut &= ~stacked
    while joining.any():
        part |= joining
        near_left, near_right = left[part].min(), right[part].max()
        near_top, near_bottom = top[part].min(), bottom[part].max()
        length = max(near_right - near_left, near_bottom - near_top, shortest)
        reach = np.where(cut, NEAR_AT_EDGE, NEAR) * length
        gap_x = np.maximum(np.maximum(near_left - right, left - near_right), 0)
        gap_y = np.maximum(np.maximum(near_top - bottom, top - near_bottom), 0)
        joining = ~part & ~lines & (area >= least * area[main]) & (np.hypot(gap_x, gap_y) < reach)
    shade = np.zeros(count, np.uint8)
    shade[1:][part] = 255
    return np.asarray(shade[labels], np.uint8)


def stroke_picture(response: Response, mask: Mask) -> Grey:
    """The digit alone, white on black, with the soft edges of its strokes."""
    level = percentile(response[mask > 0], 60.0)
    around = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.bitwise_and(cv2.convertScaleAbs(response, alpha=255.0 / level), around), np.uint8)
