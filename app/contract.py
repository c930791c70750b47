"""The input contract: what the classifier expects, stated once for service and training alike."""

from typing import Final

CONTRACT_VERSION: Final = 2
"""Raised whenever pictures that are prepared well would become different pixels, as tests/app/golden-2.png has them; a
model records the one it was trained for. To prepare better what was prepared badly does not raise it."""

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

STRIP_HEIGHT: Final = 36
"""Height in pixels of a strip, the picture of a whole row; it may be of any width."""

STRIP_BOX: Final = 20
"""Height of the row's digits in a strip, in pixels."""

STRIP_WINDOW: Final = 256
"""Pixels of a strip that the network for rows sees at once."""

STRIP_STEP: Final = 2
"""Pixels of a strip for each column of what that network answers."""

SYMBOLS: Final = len(LABELS) + 2
"""What a column may be the middle of: each of the digits, then OTHER, and NOTHING between them."""

OTHER: Final = len(LABELS)
"""Place among the symbols of what is written but no digit."""

NOTHING: Final = len(LABELS) + 1
"""Place among the symbols of what is no middle of anything."""

STRIP_SHAPE: Final = (STRIP_HEIGHT, STRIP_WINDOW, 1)
"""What the network for rows takes: uint8 arrays of shape (n, *STRIP_SHAPE), white ink on black."""

COLUMNS_SHAPE: Final = (STRIP_WINDOW // STRIP_STEP, SYMBOLS)
"""What it gives: float32 probabilities of shape (n, *COLUMNS_SHAPE)."""
