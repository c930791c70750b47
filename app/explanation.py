"""Which ink an answer rests on: occlusion sensitivity of one prepared picture, as pure functions.

The method is that of Zeiler and Fergus, "Visualizing and understanding convolutional networks" (ECCV 2014), section
4.2: a patch is moved over the picture, and where the answer suffers from what the patch hides, the answer rests on it.
Their patch is grey; on ink that is white on black, black hides it. What is missed where ink was is measured, not what
an empty place says.
"""

import io
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from app.classifier import Classifier
from app.contract import SIDE

PATCH: Final = 4
"""Side of the square that hides ink, in pixels.

Seen on digits of every kind: it cuts a stroke without touching its neighbours. Three leave a remnant of thick strokes
and make speckled maps; six swallow the loops of an 8 and what is between them.
"""

STRIDE: Final = 2
"""Step from one square to the next, in pixels; an average digit takes 75 squares and about 9 ms, a full one 12."""

Method = Literal["occlusion (Zeiler & Fergus, 2014), patch 4x4, stride 2"]

METHOD: Final[Method] = "occlusion (Zeiler & Fergus, 2014), patch 4x4, stride 2"
"""How the map was made, for those who read it."""

_PLACES: Final = tuple(
    (slice(max(top, 0), top + PATCH), slice(max(left, 0), left + PATCH))
    for top in range(STRIDE - PATCH, SIDE, STRIDE)
    for left in range(STRIDE - PATCH, SIDE, STRIDE)
)
"""Rows and columns of every square. They begin outside the picture, so that equally many cover each pixel."""

_COVERING: Final = (PATCH // STRIDE) ** 2
"""Squares that cover each pixel."""

_FAINTEST: Final = 0.01
"""Least drop of the log-odds that is shown white: the odds are 1% worse, and less is near what rounding makes."""

_SMALLEST: Final = float(np.finfo(np.float32).tiny)
"""Stands for a probability that float32 rounds to zero, so that its logarithm is finite."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an answer rests on."""

    picture: bytes
    """What the model saw: a grey PNG of 28x28 pixels, white ink on black."""
    saliency: bytes
    """Where the ink mattered: a grey PNG of 28x28 pixels, white where hiding it costs the answer most.

    Black where no place costs anything worth showing.
    """
    peak: float
    """Drop of the digit's log-odds at the brightest place, in nats; 0 if hiding ink costs nothing."""


def explain(pixels: npt.NDArray[np.uint8], digit: int, classifier: Classifier) -> Evidence:
    """Picture what the model saw and which of its ink speaks for a digit.

    Args:
        pixels: a prepared picture, uint8 (28, 28, 1).
        digit: the answer to explain, 0 to 9.
        classifier: the model that gave it.
    """
    saliency = occlusion_saliency(pixels, digit, classifier)
    peak = float(saliency.max())
    grey = np.rint(saliency * (255.0 / max(peak, _FAINTEST))).astype(np.uint8)
    return Evidence(_png(pixels[..., 0]), _png(grey), peak)


def occlusion_saliency(pixels: npt.NDArray[np.uint8], digit: int, classifier: Classifier) -> npt.NDArray[np.float32]:
    """How much each pixel's ink speaks for a digit.

    The unit is the drop of the digit's log-odds, ln(p / (1 - p)), when squares around the pixel are hidden: at 2.3 the
    odds become ten times worse. Not the drop of its probability: a sure answer keeps 0.999 of it whatever small piece
    is hidden, and once scaled its map is black but for a spot or two, while the log-odds show which strokes count and
    how much. Each pixel gets the mean over the squares that cover it, so that the map is as fine as the stride.

    Squares over bare ground are skipped, since hiding nothing changes nothing.

    Args:
        pixels: a prepared picture, uint8 (28, 28, 1), white ink on black.
        digit: the answer to explain, 0 to 9.
        classifier: the model that gave it.

    Returns:
        float32 (28, 28), in nats; zero where there is no ink, and where hiding it makes the digit more probable.
    """
    places = [place for place in _PLACES if pixels[place].any()]
    pictures = np.repeat(pixels[None], 1 + len(places), axis=0)
    for picture, place in zip(pictures[1:], places, strict=True):
        picture[place] = 0
    log_odds = _log_odds(classifier.classify(pictures), digit)
    drops = np.zeros((SIDE, SIDE))
    for place, hidden in zip(places, log_odds[1:], strict=True):
        drops[place] += (log_odds[0] - hidden) / _COVERING
    return np.where(pixels[..., 0] > 0, np.maximum(drops, 0.0), 0.0).astype(np.float32)


def _log_odds(probabilities: npt.NDArray[np.float32], digit: int) -> npt.NDArray[np.float64]:
    """Of one digit: float32 (n, 10) -> (n,)."""
    exact = np.maximum(probabilities.astype(np.float64), _SMALLEST)
    # The sum of the others, not 1 - p: float32 rounds a sure answer to 1, and its small rivals not at all.
    return np.asarray(np.log(exact[:, digit]) - np.log(np.delete(exact, digit, axis=1).sum(axis=1)), np.float64)


def _png(grey: npt.NDArray[np.uint8]) -> bytes:
    """A uint8 (height, width) picture as a file."""
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "PNG")
    return file.getvalue()
