"""Prepared pictures -> probabilities."""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from app.contract import INPUT_SHAPE, LABELS
from app.errors import ArtifactError
from app.interpreter import Twin

SELF_TEST_TOLERANCE: Final = 1e-4
"""Largest difference of a probability to the recorded one: processors round differently, models differ more."""


class Classifier:
    """A compiled model. Threads may share it: each builds its own interpreter on first use."""

    def __init__(self, twin: Path | bytes) -> None:
        """Map a LiteRT file, or take one in memory.

        Raises:
            ArtifactError: it is not a LiteRT model with this service's input and output.
        """
        self._twin = Twin(twin, (1, *INPUT_SHAPE), (1, len(LABELS)))

    def classify(self, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Softmax probabilities, float32 (n, 10), of prepared pictures, uint8 (n, 28, 28, 1)."""
        runner = self._twin.runner()
        answers = np.empty((len(pictures), len(LABELS)), np.float32)
        for index in range(len(pictures)):
            answers[index] = runner(pictures[index : index + 1])
        return answers

    def self_test(self, picture: npt.NDArray[np.uint8], expected: tuple[float, ...]) -> None:
        """Classify a recorded picture, uint8 (28, 28, 1).

        Raises:
            ArtifactError: the answer is not the recorded one.
        """
        check_recorded(self.classify(picture[None])[0], expected)


def check_recorded(found: npt.NDArray[np.float32], expected: tuple[float, ...]) -> None:
    """Compare a model's answer to its self-test with the recorded one.

    Raises:
        ArtifactError: they differ.
    """
    if found.shape != (len(expected),) or not np.allclose(found, expected, rtol=0.0, atol=SELF_TEST_TOLERANCE):
        raise ArtifactError(
            f"The model fails its self-test: it answers {np.round(found, 4).tolist()}, "
            f"recorded was {np.round(expected, 4).tolist()}. Publish the model again: make train"
        )
