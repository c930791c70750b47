"""Strings of digits, composed of pictures of single ones: as they are written in a row, apart or touching."""

from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.uint8]
"""uint8 (height, width)."""

Spacing = Literal["wide", "normal", "tight", "touching"]

SPACINGS: Final[tuple[Spacing, ...]] = ("wide", "normal", "tight", "touching")

GAPS: Final[dict[Spacing, tuple[float, float]]] = {
    "wide": (0.4, 0.9),
    "normal": (0.15, 0.4),
    "tight": (0.06, 0.15),
    "touching": (0.06, 0.15),
}
"""Between two digits, from and to, in heights; of touching strings those gaps where the digits do not touch."""

TOUCHING_SHARE: Final = 0.5
"""Of the neighbours in a touching string, so many touch."""

OVERLAP: Final = 90
"""Grey level that both of two digits have where they touch."""

LENGTHS: Final = (2, 8)
"""Digits of a string, from and to."""

GROUNDS: Final = ("white", "black", "photographed", "ruled", "dotted")
"""White paper, white ink on black, dim and uneven light with noise, lines of ruled paper, a dotted line to write on."""

INK: Final = 60
"""Grey level from which a pixel of the digits is ink."""

NO_DIGIT: Final = 10
"""The label of what is no digit; a text has a question mark for it."""


@dataclass(frozen=True, slots=True)
class String:
    """A picture of several digits in a row."""

    picture: Grey
    labels: npt.NDArray[np.uint8]
    """uint8 (n,): which digits, from the left."""
    touches: bool
    """Whether any two touch."""
    owners: npt.NDArray[np.int8]
    """int8 (height, width): whose ink it is, by the place in the text; -1 where there is none."""

    @property
    def text(self) -> str:
        """The digits, from the left."""
        return "".join("?" if label == NO_DIGIT else str(label) for label in self.labels)


def compose(
    digits: Grey,
    labels: npt.NDArray[np.integer],
    random: np.random.Generator,
    spacing: Spacing,
    ground: str | None = None,
    lengths: tuple[int, int] = LENGTHS,
) -> String:
    """Write some digits in a row.

    Args:
        digits: uint8 (n, 28, 28), white on black.
        labels: (n,), which digit each one is; NO_DIGIT where it is none.
        random: chooses which digits, how large, how far apart, on which ground.
        spacing: how far apart they are.
        ground: one of GROUNDS; else any.
        lengths: least and most digits.
    """
    chosen = random.integers(len(digits), size=int(random.integers(lengths[0], lengths[1] + 1)))
    scale = random.uniform(0.9, 2.2)
    tiles = [_tile(digits[index], scale * random.uniform(0.9, 1.12)) for index in chosen]
    height = max(len(tile) for tile in tiles)
    width = sum(tile.shape[1] + height for tile in tiles) + 60
    ink = np.zeros((int(height * 1.8) + 20, width), np.uint8)
    owners = np.full(ink.shape, -1, np.int8)
    right = int(random.integers(10, 30))
    touches = False
    for place, tile in enumerate(tiles):
        rows, columns = tile.shape
        top = int(np.clip((len(ink) - rows) / 2 + random.normal(0.0, 0.04 * height), 0, len(ink) - rows))
        left = right
        if place > 0 and spacing == "touching" and random.random() < TOUCHING_SHARE:
            while left > 0 and not (np.minimum(ink[top : top + rows, left : left + columns], tile) > OVERLAP).any():
                left -= 1
            touches = True
        elif place > 0:
            left += max(2, int(random.uniform(*GAPS[spacing]) * height))
        here = np.s_[top : top + rows, left : left + columns]
        owners[here] = np.where((tile >= INK) & (tile > ink[here]), np.int8(place), owners[here])
        ink[here] = np.maximum(ink[here], tile)
        right = left + columns
    ink, owners = ink[:, : right + 15], owners[:, : right + 15]
    slant = random.normal(0.0, 0.12)
    shear = np.array([[1.0, -slant, slant * len(ink) / 2], [0.0, 1.0, 0.0]], np.float32)
    size = ink.shape[::-1]
    ink = np.asarray(cv2.warpAffine(ink, shear, size), np.uint8)
    shifted = cv2.warpAffine((owners + 1).astype(np.uint8), shear, size, flags=cv2.INTER_NEAREST)
    ground = str(random.choice(GROUNDS)) if ground is None else ground
    picture = _on_ground(ink, height, ground, random)
    return String(picture, labels[chosen].astype(np.uint8), touches, shifted.astype(np.int8) - np.int8(1))


def _tile(digit: Grey, scale: float) -> Grey:
    x, y, width, height = cv2.boundingRect((digit > INK).astype(np.uint8))
    return np.asarray(
        cv2.resize(digit[y : y + height, x : x + width], None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC),
        np.uint8,
    )


def _on_ground(ink: Grey, height: int, ground: str, random: np.random.Generator) -> Grey:
    strength = ink.astype(np.float32)
    rows, columns = ink.shape
    if ground == "white":
        picture = 255.0 - strength
    elif ground == "black":
        picture = strength
    elif ground == "photographed":
        light = random.uniform(150.0, 250.0) * (1.0 - 0.3 * random.random() * np.arange(columns) / max(rows, columns))
        picture = light * (1.0 - random.uniform(0.5, 0.95) * strength / 255.0)
        picture = picture + random.normal(0.0, random.uniform(0.0, 8.0), ink.shape)
    else:
        picture = np.full(ink.shape, random.uniform(225.0, 255.0))
        line = random.uniform(150.0, 205.0)
        if ground == "ruled":
            step = max(6, int(height * random.uniform(0.5, 1.4)))
            picture[int(random.integers(step)) :: step] = line
        else:
            row = min(rows - 1, round(rows / 2 + height * random.uniform(0.45, 0.65)))
            dot = max(1, round(0.04 * height))
            for left in range(0, columns, 4 * dot):
                picture[row : row + dot, left : left + dot] = line
        picture = np.minimum(picture, 255.0 - strength * random.uniform(0.75, 1.0))
    return np.asarray(np.clip(picture, 0, 255), np.uint8)
