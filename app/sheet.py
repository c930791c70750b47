"""A sheet of paper on something darker: what lies around it is taken away before ink is looked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from app.ground import SATURATED, Grey, Mask, fit_surface, frame_of, percentile, quadratic_basis, steepness

SCALE_SIDE: Final = 96
"""Sheets are looked for in a picture this many pixels long; strokes all but vanish."""

LEAST_SIDE: Final = 96
"""Pixels; in smaller pictures, which are crops or drawings, sheets are not looked for."""

LEAST_STEP: Final = 50.0
"""Grey levels between the sheet and what lies around it."""

LEAST_BREADTH: Final = 0.35
"""Breadth of a sheet, as a share of the picture's longer side; strokes are narrower."""

MOST_SHARE: Final = 0.97
"""Of the picture that a sheet takes."""

LEAST_PAPER: Final = 0.75
"""Share of a sheet that is paper rather than ink; the ring of a thick zero is no sheet, nor is a shadow's edge."""

MOST_CORNERS: Final = 6
"""Of a sheet, those included where the picture's edge cuts it; round shapes have more."""

BEND: Final = 0.02
"""How far an edge may bend, as a share of the whole outline, before it counts as a corner."""

SHADE: Final = 10
"""Grey levels from one pixel of the small picture to the next: paper in a shadow grows dark no faster, at its edge."""

STEEP: Final = 4 * SHADE
"""Grey levels among a pixel and its neighbours; two steps along and two across make up no more in a shadow."""

SOLID: Final = 0.96
"""Share of its convex hull that a sheet without dents takes."""

MOST_ELSEWHERE: Final = 0.15
"""What is bright beside a sheet takes at most this share of it; in a tight crop strokes part paper from paper."""

ROOM: Final = 14
"""Pixels, of the small picture, of the breadth of a table to a side, or of half of it between two things."""

NECKS: Final = (1, 9, 17)
"""Pixels of the small picture: what joins the sheet through something narrower than this is none of it."""

MARGIN: Final = 2
"""Pixels, of the small picture, at the sheet's edge that belong to neither."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A picture without what lies around its sheet."""

    picture: Grey
    """Outside of the sheet its paper goes on."""
    inside: Mask
    """255 on the sheet, but for its edge."""
    surrounded: float
    """Share of the picture's frame that is around the sheet and darker."""
    is_whole: bool
    """Whether its outline has no dents. Paper between strokes has, and a sheet whose edge ink cuts."""


def find_sheet(grey: Grey) -> Sheet | None:
    """Find a bright sheet that something darker surrounds, at one side at least.

    Args:
        grey: uint8 (height, width), LEAST_SIDE pixels long or longer.

    Returns:
        None where there is none.
    """
    small = _small(grey)
    found = _find(small)
    if found is None:
        return None
    filled, bright, is_whole = found
    around = (filled == 0) & (bright == 0)
    picture, inside = _without_surroundings(grey, small, _inner(filled), bright)
    return Sheet(picture, inside, float(frame_of(around).mean()), is_whole)


def find_slab(grey: Grey, ink: Mask, dark: bool) -> Grey | None:
    """The picture without what lies around a sheet that was taken for ink, since it stands out from the table.

    It may be darker than the table, or brighter by little, or the table may be black.

    Args:
        grey: uint8 (height, width), LEAST_SIDE pixels long or longer.
        ink: what was found on it.
        dark: whether that is darker than its ground.

    Returns:
        uint8 (height, width), where around the sheet its paper goes on; None if the ink has not the shape of a sheet,
        or may be a zero in block letters: dark with a hole, or drawn in white on black.
    """
    shrunk_ink = cv2.resize(ink, _small_size(grey), interpolation=cv2.INTER_AREA)
    piece = np.asarray(cv2.threshold(shrunk_ink, 127, 255, cv2.THRESH_BINARY)[1], np.uint8)
    outline, solidity = _outline(piece)
    if outline is None or solidity < SOLID:
        return None
    filled = _filled(piece, [outline])
    if filled.all():
        return None
    small, inner = _small(grey), _inner(filled)
    table, paper, brightest = (
        percentile(small[part], share) for part, share in ((filled == 0, 50.0), (inner > 0, 50.0), (inner > 0, 98.0))
    )
    is_block = brightest > (table + paper) / 2 if dark else table <= SATURATED and brightest >= 255.0 - SATURATED
    return None if is_block else _without_surroundings(grey, small, inner, inner)[0]


def _small(grey: Grey) -> Grey:
    """The picture in SCALE_SIDE pixels on the longer side, almost without strokes."""
    return np.asarray(cv2.medianBlur(cv2.resize(grey, _small_size(grey), interpolation=cv2.INTER_AREA), 5), np.uint8)


def _small_size(grey: Grey) -> tuple[int, int]:
    """Its width and height, in pixels."""
    factor = SCALE_SIDE / max(grey.shape)
    height, width = (max(8, round(side * factor)) for side in grey.shape)
    return width, height


def _filled(mask: Mask, outlines: Sequence[cv2.typing.MatLike]) -> Mask:
    """What lies within outlines: uint8 as large as `mask`, 0 or 255."""
    return np.asarray(cv2.drawContours(np.zeros_like(mask), outlines, -1, 255, cv2.FILLED), np.uint8)


def _inner(filled: Mask) -> Mask:
    """A sheet without its edge. Beyond the picture's own edge the sheet may go on."""
    kernel = np.ones((2 * MARGIN + 1, 2 * MARGIN + 1), np.uint8)
    return np.asarray(cv2.erode(filled, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=255), np.uint8)


def _without_surroundings(grey: Grey, small: Grey, inner: Mask, paper: Mask) -> tuple[Grey, Mask]:
    """A picture in which a sheet's paper goes on around it, and the sheet without its edge, both as large as `grey`.

    Args:
        grey: the picture.
        small: as `_small` makes it.
        inner: the sheet without its edge, there.
        paper: what of the sheet is mostly paper, there.
    """
    rows, columns = np.nonzero((inner > 0) & (paper > 0))
    basis = quadratic_basis(rows / (small.shape[0] - 1), columns / (small.shape[1] - 1))
    surface = fit_surface(basis, small[rows, columns].astype(np.float64), grey.shape)
    inside = np.asarray(cv2.resize(inner, grey.shape[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)
    return np.where(inside > 0, grey, np.clip(surface.picture, 0, 255).astype(np.uint8)), inside


def _find(small: Grey) -> tuple[Mask, Mask, bool] | None:
    """The sheet in a picture, its ink filled in, what of the picture is bright, and whether the sheet has no dents.

    The first piece without dents is taken. Where all have some, ink may cut the sheet's edge.

    Returns:
        None where there is no sheet.
    """
    first = None
    for number, (bright, piece, share) in enumerate(_pieces(small)):
        outline, solidity = _outline(piece)
        if outline is None:
            continue
        filled = _filled(bright, [outline])
        if not _is_sheet(small, bright, filled, share):
            continue
        if number == 0:
            first = filled, bright, False
        elsewhere = cv2.countNonZero(bright & ~filled)
        if solidity >= SOLID and elsewhere <= MOST_ELSEWHERE * cv2.countNonZero(filled) and _has_room(filled | bright):
            return filled, bright, True
    return first


def _has_room(bright: Mask) -> bool:
    """Whether what is dark beside what is bright is somewhere broader than the strokes of a tight crop."""
    return float(cv2.distanceTransform(~bright, cv2.DIST_L2, 3).max()) >= ROOM


def _pieces(small: Grey) -> Iterator[tuple[Mask, Mask, float]]:
    """What may show a sheet: what is bright, this or a part of it with its ink, and how much of all else is to be dark.

    What is bright may be more than the sheet: things that lie beside it, which join it through necks, or the lighter
    part of a table, which is less bright. How much is to be dark is in percent.
    """
    level, _ = cv2.threshold(small, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    # The brighter part of what is bright.
    upper, _ = cv2.threshold(small[small > level], 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    parts = []
    for least, share in ((level, 50.0), (upper, 90.0)):
        bright = _with_shade(small, np.asarray(cv2.threshold(small, least, 255, cv2.THRESH_BINARY)[1], np.uint8))
        outlines, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        parts.append((bright, _filled(bright, outlines), share))
    for neck, (bright, whole, share) in product(NECKS, parts):
        kernel = np.ones((neck, neck), np.uint8)
        yield bright, np.asarray(cv2.morphologyEx(whole, cv2.MORPH_OPEN, kernel), np.uint8), share


def _with_shade(small: Grey, bright: Mask) -> Mask:
    """What is bright, and what goes on from the middle of it without a step: the paper that lies in a shadow."""
    depth = cv2.distanceTransform(bright, cv2.DIST_L2, 3)
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    # At a sheet's rounded corner single pixels lead down in small steps; what lies around them tells of the edge.
    steep = steepness(small) > STEEP
    reached = cv2.copyMakeBorder(steep.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    flags = 4 | (255 << 8) | cv2.FLOODFILL_MASK_ONLY
    cv2.floodFill(small, reached, (int(column), int(row)), 255, SHADE, SHADE, flags)
    shade = np.where(reached[1:-1, 1:-1] == 255, np.uint8(255), np.uint8(0))
    # The last pixels of paper are steep too.
    return np.asarray(np.maximum(bright, cv2.dilate(shade, np.ones((3, 3), np.uint8))), np.uint8)


def _is_sheet(small: Grey, bright: Mask, filled: Mask, share: float) -> bool:
    """Whether what is filled is mostly paper, photographed, and much brighter than this share of what is around it."""
    around = (filled == 0) & (bright == 0)
    if not around.any() or (bright[filled > 0] > 0).mean() < LEAST_PAPER:
        return False
    darkness, paper = percentile(small[around], share), percentile(small[bright > 0], 50.0)
    return SATURATED < darkness <= paper - LEAST_STEP and paper < 255.0 - SATURATED


def _outline(bright: Mask) -> tuple[npt.NDArray[np.int32] | None, float]:
    """The convex hull of the largest piece if it has a sheet's breadth and corners, and the piece's share of it."""
    outlines, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not outlines:
        return None, 0.0
    piece = max(outlines, key=cv2.contourArea)
    hull = cv2.convexHull(piece)
    area = cv2.contourArea(hull)
    breadth = min(cv2.minAreaRect(hull)[1])
    if breadth < LEAST_BREADTH * SCALE_SIDE or area > MOST_SHARE * bright.size:
        return None, 0.0
    corners = cv2.approxPolyDP(hull, BEND * cv2.arcLength(hull, True), True)
    return (np.asarray(hull, np.int32) if len(corners) <= MOST_CORNERS else None), cv2.contourArea(piece) / area
