"""The ground of paper on which shadows with straight edges lie: of a ruler, a pen, a sheet or a window's frame.

Along the right direction such a picture has the same ground from edge to edge, whatever it is across: what two opposite
places of the picture's frame have in common is the ground of all that lies between them.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from app.ground import GROUND_SIDE, SMALL_SIDE, Grey, Level, Sample, percentile, shrunk

Numbers = npt.NDArray[np.float64]
Profile = npt.NDArray[np.float32]
"""float32 (n,), the grey levels of lines across a picture."""

COARSE_SIDE: Final = 80
"""Pixels of the longer side of what the direction is looked for in."""

COARSE_STEP: Final = 2.0
"""Degrees between the directions that are tried there."""

FINE_STEPS: Final = (0.4, 0.08)
"""The same in the whole picture, around the best of them each time."""

LEAST_ANGLE: Final = 0.05
"""Degrees; at none, all of two sides of the picture would lie at the ends of a single line."""

LEAST_SIDE: Final = 24
"""Pixels; in lower or narrower pictures there is no telling shadows from strokes."""

LINE_SHARE: Final = 0.03
"""What is dark and narrower than this share of the way across a picture is a line rather than a shadow."""

MOST_APART: Final = 30.0
"""Grey levels; ends of a line that differ by more count as much as these: ink reaches one of them."""

ALIKE: Final = 10.0
"""Grey levels by which two ends of a line differ at most; where they do by more, the lighter one is ground."""

MOST_INK: Final = 0.1
"""Share of the lines of which that is so."""

LEAST_STEP: Final = 16.0
"""Grey levels between the lightest line and the darkest one; with less there is no shadow."""

LEAST_GROUND: Final = 0.5
"""Share of a picture that is ground."""

MOST_LIGHT: Final = 0.04
"""Share of it that is lighter; ink is darker, in the light and in the shadow."""

STEP_SHARE: Final = 0.5
"""Share of the ground's step that the picture has."""

STEPPING: Final = 0.5
"""Share of the edge along which it has; ink may lie across the rest."""

EDGE_SHARE: Final = 0.006
"""A shadow's edge leaves a straight line by at most this share of the picture's longer side."""

LEAST_INK: Final = 0.1
"""Of the light that there is, ink takes at least this share."""

SHADOW_SHARE: Final = 0.8
"""A shadow takes at most this share of what ink takes of the light."""

FAINTER: Final = 0.95
"""The same of one in which there is ink."""

AS_DARK: Final = 1.25
"""The same of a wide one."""

CROSSED: Final = 0.05
"""Share of a shadow in which there is ink, at least."""

WIDE: Final = 0.2
"""A wide shadow is wider than strokes: at least this share of the picture's longer side."""


def shaded_ground(grey: Grey) -> Level | None:
    """The ground under dark ink and shadows with straight edges, float32 (height, width); None if it is another.

    Args:
        grey: uint8 (height, width).
    """
    small = shrunk(grey, GROUND_SIDE)
    ground = _shaded_ground(small) if min(small.shape) >= LEAST_SIDE else None
    if ground is None or small is grey:
        return ground
    return np.asarray(cv2.resize(ground, grey.shape[::-1]), np.float32)


def _shaded_ground(grey: Grey) -> Level | None:
    soft = _softened(grey)
    angle, mirrored = _angle_across(soft, _softened(shrunk(grey, COARSE_SIDE)))
    picture = _turned(grey, mirrored)
    profile = _profile(_Frame.of(_turned(soft, mirrored)), angle)
    if profile is None or np.ptp(profile) < LEAST_STEP:
        return None
    ground = _spread(profile, angle, picture.shape)
    depth = ground - picture
    if np.mean(depth < -ALIKE) > MOST_LIGHT or np.mean(np.abs(depth) <= ALIKE) < LEAST_GROUND:
        return None
    if not _steps_with(picture, ground, angle):
        return None
    if not _is_shadow(profile, np.asarray(depth / np.maximum(ground, 1.0), np.float32), ground, angle):
        return None
    # Where a shadow's edge is not quite straight, light would be taken for ink.
    edge = np.ones((2 * round(EDGE_SHARE * max(grey.shape)) + 1,) * 2, np.uint8)
    return np.asarray(_turned(np.asarray(cv2.erode(ground, edge)), mirrored), np.float32)


def _angle_across(soft: Grey, coarse: Grey) -> tuple[float, bool]:
    """The angle at which lines are crossed that are the same at both ends, and whether it is one of the mirrored.

    Args:
        soft: the picture without grain.
        coarse: the same, smaller.
    """
    tried = np.arange(COARSE_STEP / 2, 90.0, COARSE_STEP)
    frames = [(_Frame.of(_turned(coarse, mirrored)), mirrored) for mirrored in (False, True)]
    _, angle, mirrored = min((*_best(frame, tried), mirrored) for frame, mirrored in frames)
    frame = _Frame.of(_turned(soft, mirrored))
    for step in FINE_STEPS:
        _, angle = _best(frame, np.clip(angle + step * np.arange(-5, 6), LEAST_ANGLE, 90.0 - LEAST_ANGLE))
    return angle, mirrored


def _profile(frame: "_Frame", angle: float) -> Profile | None:
    """The ground's grey levels across the lines; None where ink reaches too much of the frame."""
    if np.mean(frame.apart(np.array([angle])) > ALIKE) > MOST_INK:
        return None
    one, other = frame.ends(angle)
    apart = np.abs(one - other) > ALIKE
    ends = np.where(apart, np.maximum(one, other), (one + other) / 2).astype(np.float32)
    line = np.ones((1, max(1, round(LINE_SHARE * len(ends)))), np.uint8)
    closed = cv2.morphologyEx(ends[None, :], cv2.MORPH_CLOSE, line)[0]
    return np.asarray(np.where(closed > ends + ALIKE, closed, ends), np.float32)


def _softened(picture: Grey) -> Grey:
    return np.asarray(cv2.blur(picture, (3, 3)), np.uint8)


def _turned(picture: npt.NDArray[Sample], mirrored: bool) -> npt.NDArray[Sample]:
    """Left and right exchanged, so that angles from 0 to 90 degrees are all there are."""
    return picture[:, ::-1] if mirrored else picture


@dataclass(frozen=True, slots=True)
class _Way:
    """One of the two ways along a picture's frame from its top left corner to its bottom right one."""

    levels: Numbers
    """Grey levels of its pixels."""
    turn: int
    """The pixel at which it goes round the corner between."""

    def places(self, before: Numbers, after: Numbers) -> Numbers:
        """How far its n pixels lie across the lines, in pixels, where each step takes so much: (m, 1) -> (m, n)."""
        index = np.arange(self.levels.size)
        return np.where(index <= self.turn, index * before, self.turn * before + (index - self.turn) * after)

    def levels_at(self, places: Numbers, before: Numbers, after: Numbers) -> Numbers:
        """Grey levels at any such places, (m, k), between its pixels too."""
        corner = self.turn * before
        index = np.where(places <= corner, places / before, self.turn + (places - corner) / after)
        below = np.minimum(index.astype(np.intp), self.levels.size - 2)
        return np.asarray(self.levels[below] + (index - below) * np.diff(self.levels)[below], np.float64)


@dataclass(frozen=True, slots=True)
class _Frame:
    """The frame of a picture: each line across the picture leads from one way to the other."""

    above: _Way
    """Along the upper edge and then the right one."""
    below: _Way
    """Along the left edge and then the lower one."""

    @classmethod
    def of(cls, picture: Grey) -> "_Frame":
        edges = [(picture[0], picture[1:, -1]), (picture[:, 0], picture[-1, 1:])]
        return cls(*(_Way(np.concatenate(pair).astype(np.float64), pair[0].size - 1) for pair in edges))

    def apart(self, angles: Numbers) -> Numbers:
        """How much each pixel differs from the other end of its line at each angle, in grey levels: (m,) -> (m, n)."""
        right, down = _steps(angles[:, None])
        above, below = self.above.places(right, down), self.below.places(down, right)
        there = self.above.levels - self.below.levels_at(above, down, right)
        back = self.below.levels - self.above.levels_at(below, right, down)
        return np.asarray(np.abs(np.concatenate([there, back], axis=1)), np.float64)

    def ends(self, angle: float) -> tuple[Numbers, Numbers]:
        """The grey levels of both ways at the same places across the lines, evenly from corner to corner."""
        right, down = _steps(np.array([[angle]]))
        last = self.above.places(right, down)[:, -1:]
        places = last * np.linspace(0.0, 1.0, self.above.levels.size + 1)
        return self.above.levels_at(places, right, down)[0], self.below.levels_at(places, down, right)[0]


def _steps(angle: Numbers) -> tuple[Numbers, Numbers]:
    """How far a step to the right and one down lead across the lines, in pixels."""
    return np.cos(np.radians(angle)), np.sin(np.radians(angle))


def _best(frame: _Frame, angles: Numbers) -> tuple[float, float]:
    """By how much the ends of lines differ at that of the angles where they are most alike, and the angle."""
    apart = np.minimum(frame.apart(angles), MOST_APART).mean(axis=1)
    best = int(np.argmin(apart))
    return float(apart[best]), float(angles[best])


def _places(width: int, height: int, angle: float) -> tuple[Numbers, Numbers]:
    """How far each column and each row lies across the lines, in pixels; a pixel's place is the sum of both."""
    right, down = _steps(np.array(angle))
    return np.arange(width) * right, np.arange(height) * down


def _spread(profile: Profile, angle: float, shape: tuple[int, ...]) -> Level:
    """A picture in which all of a line is what its ends are."""
    height, width = shape
    right, down = _places(width, height, angle)
    columns = ((right[None, :] + down[:, None]) * ((len(profile) - 1) / (right[-1] + down[-1]))).astype(np.float32)
    rows = np.zeros_like(columns)
    ground = cv2.remap(profile[None, :], columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(ground, np.float32)


def _steps_with(picture: Grey, ground: Level, angle: float) -> bool:
    """Whether a picture steps where its ground does, along the whole edge: else that is rather a curve's chord."""
    height, width = picture.shape
    reach = min(max(1.0, LINE_SHARE * max(picture.shape)), min(picture.shape) / 2)
    right, down = round(reach * np.cos(np.radians(angle))), round(reach * np.sin(np.radians(angle)))
    before, after = np.s_[: height - down, : width - right], np.s_[down:, right:]
    expected = ground[after] - ground[before]
    edge = np.abs(expected) > np.abs(expected).max() / 2
    found = (picture[after].astype(np.float32) - picture[before])[edge] / expected[edge]
    return bool((found >= STEP_SHARE).mean() >= STEPPING)


def _is_shadow(profile: Profile, share: Level, ground: Level, angle: float) -> bool:
    """Whether what is dark from edge to edge is rather a shadow than a stroke or a line.

    It is far lighter than ink; or lighter, and there is ink in it; or about as dark, but wide.

    Args:
        profile: the ground's grey levels.
        share: of the light that there is, how much each pixel lacks, float32 (height, width).
        ground: the profile over the picture, float32 (height, width).
        angle: of the profile.
    """
    ink = share[share > LEAST_INK]
    if not ink.size:
        return False
    lightest, darkest = float(profile.max()), float(profile.min())
    darkness = (1.0 - darkest / lightest) / percentile(ink, 60.0)
    # In a small picture edges make strokes as faint as shadows.
    if darkness <= SHADOW_SHARE and max(share.shape) > SMALL_SIDE:
        return True
    if darkness > AS_DARK:
        return False
    middle = (lightest + darkest) / 2
    # Along its edges, what looks like ink may be where it is not quite straight.
    margin = 2 * round(LINE_SHARE / 2 * max(share.shape)) + 1
    inside = cv2.erode((ground < middle).astype(np.uint8), np.ones((margin, margin), np.uint8)) > 0
    if darkness <= FAINTER and inside.any() and np.mean(share[inside] > 2 * LEAST_INK) >= CROSSED:
        return True
    height, width = share.shape
    right, down = _places(width, height, angle)
    pixels = (right[-1] + down[-1]) / len(profile)
    dark = np.concatenate([[False], profile < middle, [False]])
    edges = np.flatnonzero(dark[1:] != dark[:-1])
    return bool((edges[1::2] - edges[::2]).max() * pixels >= WIDE * max(share.shape))
