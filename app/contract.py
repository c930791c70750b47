"""The input contract: what the classifier expects, stated once for service and training alike."""

from typing import Final

CONTRACT_VERSION: Final = 2
"""Raised whenever the same upload would become different pixels; a model records the one it was trained for."""

SIDE: Final = 28
"""Height and width of a prepared picture, in pixels."""

BOX: Final = 20
"""The longer side of the ink's bounding box inside the prepared picture, in pixels (LeCun et al., 1998)."""

LABELS: Final = tuple(range(10))
"""The digit that each of the model's probabilities belongs to, in order."""

MAX_PIXELS: Final = 50_000_000
"""Most pixels (width times height) of a picture, unless a setting says otherwise; phones take 12 to 50 million."""

INPUT_SHAPE: Final = (SIDE, SIDE, 1)
"""Shape of one prepared picture; the model takes uint8 arrays of shape (n, *INPUT_SHAPE), white ink on black."""
