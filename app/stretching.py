"""Ink stretched to a square -> how wide it was before, as pure functions.

Whoever cuts digits out by their contours often resizes each to the same square. Sevens and ones become as wide as
zeros, and a one's stem as wide as a block; but a pen draws strokes that are as wide as they are high.
"""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from app.ground import Mask

LEAST_SIDE: Final = 12
"""Pixels; the strokes of smaller digits are too few pixels wide to be compared."""

UNEVEN: Final = 0.01
"""Margins of a square differ by at most this share of the picture, or by a pixel."""

UPRIGHT: Final = 1.25
"""Strokes are upright where ink reaches so many times as far down as across, and lie where it is the other way
round."""

LEAST_UPRIGHT: Final = 0.6
"""So many of their pixels are needed to compare them, as a share of the height."""

LEAST_LYING: Final = 0.3
"""The same of lying ones; a one's flag is all that there may be."""

STRETCHED: Final = 1.4
"""Times that upright strokes are wider than lying ones are high; few pens do that."""

STEM_ROWS: Final = 0.95
"""In this share of a stem's rows there is one stroke."""

STEM_EVEN: Final = 0.4
"""Between its ends a stem is nowhere narrower than this share of where it is widest."""

STEM_END: Final = 0.1
"""Length of each end, as a share of the height."""

STEM_WIDTH: Final = (0.25, 0.9)
"""A stem that was stretched is wider than a pen's stroke and narrower than a block, as shares of the height."""

PEN: Final = 0.18
"""Its width before, as a share of the height."""

LEAST_SHARE: Final = 0.2
"""Nothing is stretched more than fivefold."""


def natural_share(ink: Mask) -> float:
    """The share of its width that ink had before it was stretched to a square: 1 where nothing shows that it was.

    Args:
        ink: a picture's, 0 or 255.
    """
    side, (left, top, width, height) = len(ink), cv2.boundingRect(ink)
    margins = left, top, ink.shape[1] - left - width, side - top - height
    is_square = side == ink.shape[1] and max(margins) - min(margins) <= max(1, UNEVEN * side)
    if not is_square or height < LEAST_SIDE:
        return 1.0
    is_ink = ink[top : top + height, left : left + width] > 0
    return max(LEAST_SHARE, _share_of_stem(is_ink) or _share_of_strokes(is_ink))


def _share_of_stem(is_ink: npt.NDArray[np.bool_]) -> float | None:
    """Of a single stroke from the top to the bottom, none of which lies; None of everything else."""
    height = len(is_ink)
    strokes = np.count_nonzero(np.diff(is_ink, axis=1, prepend=False) & is_ink, axis=1)
    end = max(1, round(STEM_END * height))
    widths = np.count_nonzero(is_ink, axis=1)[end:-end]
    narrowest, median, widest = widths.min(), float(np.median(widths)), widths.max()
    is_stem = (
        np.count_nonzero(strokes == 1) >= STEM_ROWS * height
        and narrowest >= STEM_EVEN * widest
        and STEM_WIDTH[0] * height <= median
        and widest <= STEM_WIDTH[1] * height
    )
    return PEN * height / median if is_stem else None


def _share_of_strokes(is_ink: npt.NDArray[np.bool_]) -> float:
    """Of strokes of which some are upright and some lie."""
    across, down = _run_lengths(is_ink), _run_lengths(is_ink.T).T
    upright = is_ink & (down >= UPRIGHT * across)
    lying = is_ink & (across >= UPRIGHT * down)
    height = len(is_ink)
    if np.count_nonzero(upright) < LEAST_UPRIGHT * height or np.count_nonzero(lying) < LEAST_LYING * height:
        return 1.0
    # Each run counts once, not each of its pixels.
    wide, high = (float(1 / np.mean(1 / runs)) for runs in (across[upright], down[lying]))
    return high / wide if wide >= STRETCHED * high else 1.0


def _run_lengths(is_ink: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """How many pixels of ink lie side by side in a row, for each of them; 0 where there is none."""
    # A column of ground parts the rows.
    flat = np.pad(is_ink, ((0, 0), (1, 0))).ravel()
    runs = np.cumsum(np.diff(flat, prepend=False) & flat)
    return np.where(flat, np.bincount(runs[flat], minlength=runs[-1] + 1)[runs], 0).reshape(len(is_ink), -1)[:, 1:]
