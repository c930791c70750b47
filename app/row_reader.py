"""Strips -> for each column the probabilities of what it is the middle of, by the network that reads whole rows.

A space displacement neural network (Matan et al., "Multi-digit recognition using a space displacement neural network",
1992): a convolutional network slides over the row, and sees of each digit its neighbours too.
"""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from app.classifier import check_recorded
from app.contract import (
    BOX,
    COLUMNS_SHAPE,
    INPUT_SHAPE,
    NOTHING,
    SIDE,
    STRIP_HEIGHT,
    STRIP_SHAPE,
    STRIP_STEP,
    STRIP_WINDOW,
    SYMBOLS,
)
from app.ground import Grey
from app.interpreter import Twin

SEEN_AROUND: Final = 48
"""Pixels to the left and right of a column beyond which its answer depends on none: so far windows overlap."""

_BLANK: Final = np.eye(SYMBOLS, dtype=np.float32)[NOTHING]
"""A column's answer where there is no ink."""

_COPIES: Final = 3
"""Times that the self-test's digit stands in its strip."""


class RowReader:
    """A compiled network for rows. Threads may share it: each builds its own interpreter on first use."""

    def __init__(self, twin: Path | bytes) -> None:
        """Map a LiteRT file, or take one in memory.

        Raises:
            ArtifactError: it is not a LiteRT model with this input and output.
        """
        self._twin = Twin(twin, (1, *STRIP_SHAPE), (1, *COLUMNS_SHAPE))

    def read(self, strip: Grey) -> npt.NDArray[np.float32]:
        """Softmax probabilities, float32 (columns, SYMBOLS), one column for each STRIP_STEP pixels.

        Windows without ink are not shown to the network: the gaps of a row may be as wide as the picture.

        Args:
            strip: uint8 (STRIP_HEIGHT, width), white ink on black.
        """
        runner = self._twin.runner()
        width = strip.shape[1]
        answers = np.empty((-(-width // STRIP_STEP), SYMBOLS), np.float32)
        for start in range(0, max(1, width - 2 * SEEN_AROUND), STRIP_WINDOW - 2 * SEEN_AROUND):
            part = strip[:, start : start + STRIP_WINDOW]
            here = answers[start // STRIP_STEP :][: COLUMNS_SHAPE[0]]
            known = SEEN_AROUND // STRIP_STEP if start else 0
            if not part.any():
                here[known:] = _BLANK
                continue
            window = np.zeros((1, *STRIP_SHAPE), np.uint8)
            window[0, :, : part.shape[1], 0] = part
            here[known:] = runner(window)[known : len(here)]
        return answers

    def answer_test(self, picture: npt.NDArray[np.uint8]) -> tuple[float, ...]:
        """The mean probability of each symbol in a strip made of a prepared picture, uint8 (28, 28, 1)."""
        strip = np.zeros((STRIP_HEIGHT, STRIP_WINDOW), np.uint8)
        top = (STRIP_HEIGHT - SIDE) // 2
        for copy in range(_COPIES):
            left = copy * BOX
            here = strip[top : top + SIDE, left : left + SIDE]
            np.maximum(here, picture.reshape(INPUT_SHAPE[:2]), out=here)
        return tuple(float(probability) for probability in self.read(strip).mean(axis=0, dtype=np.float64))

    def self_test(self, picture: npt.NDArray[np.uint8], expected: tuple[float, ...]) -> None:
        """Read the strip made of a recorded picture.

        Raises:
            ArtifactError: the answer is not the recorded one.
        """
        check_recorded(np.array(self.answer_test(picture), np.float32), expected)
