"""What the prepared pictures are like, and how far they have moved from what a model was measured on; pure functions.

The distance is the population stability index (Siddiqi, "Credit risk scorecards", 2006): over the bins of a feature,
the sum of (p - q) ln(p / q), p being the shares found and q those expected. 0 is no difference; below 0.1 is usually
taken for none, above 0.25 for one that matters.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from app.artifact import FeatureReference
from app.contract import SIDE
from app.ground import stroke_width
from app.judgement import Verdict

INK_SHARE: Final = "ink_share"
"""Mean brightness of the prepared picture, 0 to 1: how much of it is ink."""

STROKE_WIDTH: Final = "stroke_width"
"""Mean width of the strokes in the prepared picture, in its pixels."""

CONFIDENCE: Final = "confidence"
"""Probability of the most probable digit."""

VERDICT: Final = "verdict"
"""What the answer was called, as its place in VERDICTS."""

VERDICTS: Final[tuple[Verdict, ...]] = ("digit", "uncertain", "not_a_digit")

_MASS: Final = 255.0 * SIDE * SIDE


def features(
    pixels: npt.NDArray[np.uint8], probabilities: npt.NDArray[np.float32], verdict: Verdict | None
) -> dict[str, float]:
    """What is watched of one picture, by name.

    Args:
        pixels: the prepared picture, uint8 (28, 28, 1).
        probabilities: the answer, float32 (10,).
        verdict: what it was called; without one that feature is left out.
    """
    found = {
        INK_SHARE: float(pixels.sum()) / _MASS,
        STROKE_WIDTH: stroke_width((pixels[..., 0] >= 128).astype(np.uint8)),
        CONFIDENCE: float(probabilities.max()),
    }
    if verdict is not None:
        found[VERDICT] = float(VERDICTS.index(verdict))
    return found


def bin_of(value: float, edges: Sequence[float]) -> int:
    """The bin a value falls into, 0 to len(edges); a value on an edge belongs to the bin above."""
    return bisect_right(edges, value)


def bin_name(index: int, edges: Sequence[float]) -> str:
    """A bin in words: the values it holds, as `low..high`."""
    bounds = ["", *(f"{edge:.6g}" for edge in edges), ""]
    return f"{bounds[index]}..{bounds[index + 1]}"


def stability_index(counts: Sequence[float], shares: Sequence[float]) -> float:
    """The population stability index of counts against expected shares, 0 or more.

    Half a picture is added to each bin on both sides, so that an empty one counts and stays finite (Jeffreys' prior);
    of n pictures that differ by chance alone, expect about (bins - 1) / n.

    Args:
        counts: pictures found in each bin; at least one in all.
        shares: of the reference, one for each bin; they sum to 1.
    """
    total = sum(counts)
    bins = len(shares)
    found = [(count + 0.5) / (total + 0.5 * bins) for count in counts]
    expected = [(share * total + 0.5) / (total + 0.5 * bins) for share in shares]
    return sum((p - q) * math.log(p / q) for p, q in zip(found, expected, strict=True))


def drift(counts: Mapping[str, Sequence[float]], reference: Sequence[FeatureReference], least: int) -> dict[str, float]:
    """The stability index of each feature of which at least so many pictures were counted, by its name."""
    return {
        feature.name: stability_index(counts[feature.name], feature.shares)
        for feature in reference
        if sum(counts.get(feature.name, ())) >= least
    }
