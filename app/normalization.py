"""Grey picture -> the geometry of MNIST's own digits, as pure functions.

The target is LeCun et al., "Gradient-based learning applied to document recognition" (1998), section III.A: ink white
on black, scaled with anti-aliasing so that its bounding box fits 20x20 pixels, its centre of mass at the middle of
28x28.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from app.contract import BOX, INPUT_SHAPE, SIDE
from app.discs import dilated
from app.enlargement import without_blur, without_squares
from app.ground import Grey, shrunk, stroke_width
from app.ink import find_ink
from app.stretching import natural_share

LONGEST_SIDE: Final = 384
"""Pictures are shrunk to this many pixels before anything is looked for."""

FINE_SIDE: Final = 80
"""Smaller digits are enlarged to this many pixels before their strokes are widened, to widen by fractions."""

PEN_WIDTH: Final = 2.4
"""Strokes that would be narrower than this in the prepared picture, in its pixels, are widened to it."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in whole pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """In pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """In pixels."""
        return self.bottom - self.top

    def scaled(self, source: tuple[int, ...], target: tuple[int, ...]) -> "Box":
        """The smallest box around the same place when a picture of shape `source` is resized to `target`.

        Shapes are (height, width), in pixels.
        """
        return Box(
            left=self.left * target[1] // source[1],
            top=self.top * target[0] // source[0],
            right=-(-self.right * target[1] // source[1]),
            bottom=-(-self.bottom * target[0] // source[0]),
        )


@dataclass(frozen=True, slots=True)
class Digit:
    """A prepared picture and what was done to prepare it."""

    pixels: Grey
    """uint8 (28, 28, 1), white ink on black."""
    inverted: bool
    """True where the original had dark ink on a light ground."""
    crop_box: Box
    """Where the ink was found, in pixels of the grey picture that came in."""
    left_out: float
    """Area of the largest piece of ink that is none of the digit's, as a share of the digit's own; what a crop has left
    of its neighbours is no such piece."""
    unchanged: bool
    """True where the original had MNIST's geometry already, if perhaps in squares for pixels."""


def normalize(picture: Grey) -> Digit:
    """Find the digit in a grey picture and bring it into MNIST's geometry.

    A picture that has this geometry already passes through unchanged, one whose pixels were enlarged to squares as what
    it was.

    Args:
        picture: uint8 (height, width), ink darker or lighter than its ground.

    Raises:
        NoInkError: nothing on the picture stands out from its ground.
    """
    small = shrink(picture)
    if _has_geometry(small):
        crop_box = Box(*_bounds(small)).scaled(small.shape, picture.shape)
        return Digit(small.reshape(INPUT_SHAPE), inverted=False, crop_box=crop_box, left_out=0.0, unchanged=True)
    ink = find_ink(small)
    box = Box(*_bounds(ink.mask))
    pixels = place(ink.strokes[box.top : box.bottom, box.left : box.right], natural_share(ink.mask))
    crop_box = box.scaled(small.shape, picture.shape)
    return Digit(pixels.reshape(INPUT_SHAPE), ink.dark, crop_box, ink.left_out, unchanged=False)


def _has_geometry(picture: Grey) -> bool:
    """Whether a picture has the geometry of each of MNIST's 70,000: box, centre of mass, black ground, full ink."""
    if picture.shape != (SIDE, SIDE) or picture[0, 0] or int(picture.max()) < 254:
        return False
    left, top, right, bottom = _bounds(picture)
    if max(right - left, bottom - top) not in (BOX - 1, BOX):
        return False
    centre = _centre_of_mass(picture)
    return all(abs(coordinate - SIDE / 2) < 0.55 for coordinate in centre)


def _bounds(ink: npt.NDArray[np.generic]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is not zero; all zero of an empty picture."""
    left, top, width, height = cv2.boundingRect(np.asarray(ink, np.uint8))
    return left, top, left + width, top + height


def _centre_of_mass(picture: Grey) -> tuple[float, float]:
    """Column and row of the centre of mass, in pixels counted from the first pixel's middle."""
    moments = cv2.moments(picture)
    return moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]


def shrink(picture: Grey) -> Grey:
    """At most LONGEST_SIDE pixels on the longer side, or what an enlarged picture had: uint8 (height, width)."""
    return without_blur(shrunk(without_squares(picture), LONGEST_SIDE))


def place(crop: Grey, share: float = 1.0) -> Grey:
    """Scale the cropped ink into BOX x BOX with anti-aliasing, its centre of mass at the middle of SIDE x SIDE.

    Args:
        crop: uint8 (height, width), white ink on black that reaches all four edges.
        share: of its width that it is to have.
    """
    crop = _refine(crop)
    if share < 1.0:
        size = max(1, round(share * crop.shape[1])), len(crop)
        crop = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8)
    crop = _widen(crop)
    height, width = crop.shape
    scale = BOX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(crop, size, interpolation=cv2.INTER_AREA)
    small = np.minimum(small * (255.0 / max(float(small.max()), 1.0)), 255.0).astype(np.uint8)
    column, row = _centre_of_mass(small)
    left = min(max(round(SIDE / 2 - column), 0), SIDE - size[0])
    top = min(max(round(SIDE / 2 - row), 0), SIDE - size[1])
    placed = np.zeros((SIDE, SIDE), np.uint8)
    placed[top : top + size[1], left : left + size[0]] = small
    return placed


def _refine(crop: Grey) -> Grey:
    factor = -(-FINE_SIDE // max(crop.shape))
    if factor == 1:
        return crop
    return np.asarray(cv2.resize(crop, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC), np.uint8)


def _widen(crop: Grey) -> Grey:
    """Give strokes that would end as hairlines the width of a pen (PEN_WIDTH after scaling)."""
    width = stroke_width((crop >= 128).astype(np.uint8))
    side = max(crop.shape)
    missing = (PEN_WIDTH * side - BOX * width) / (BOX - PEN_WIDTH)
    if missing < 1.0:
        return crop
    margin = round(missing / 2)
    padded = cv2.copyMakeBorder(crop, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=0)
    return dilated(np.asarray(padded, np.uint8), 2 * margin + 1)
