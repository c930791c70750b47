"""Prepared pictures -> probabilities, by LiteRT; every thread has an interpreter of its own."""

import logging
import threading
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from app.contract import INPUT_SHAPE, LABELS
from app.errors import ArtifactError
from app.logs import native_lines

SELF_TEST_TOLERANCE: Final = 1e-4
"""Largest difference of a probability to the recorded one: processors round differently, models differ more."""

_INFERENCE_THREADS: Final = 1
"""A picture takes some 0.1 ms; two threads for one gain nothing."""

_FIRST: Final = iter([True])
"""For the first classifier of a process."""

_logger = logging.getLogger(__name__)


class Classifier:
    """A compiled model. Threads may share it: each builds its own interpreter on first use."""

    def __init__(self, twin: Path | bytes) -> None:
        """Map a LiteRT file, or take one in memory.

        Raises:
            ArtifactError: it is not a LiteRT model with this service's input and output.
        """
        self._twin = twin
        self._local = threading.local()
        if next(_FIRST, False):
            # LiteRT tells then, and never again, how it computes.
            with native_lines(_logger):
                self._runner()
        else:
            self._runner()

    def classify(self, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Softmax probabilities, float32 (n, 10), of prepared pictures, uint8 (n, 28, 28, 1)."""
        runner = self._runner()
        answers = np.empty((len(pictures), len(LABELS)), np.float32)
        for index in range(len(pictures)):
            answers[index] = runner(pictures[index : index + 1])
        return answers

    def self_test(self, picture: npt.NDArray[np.uint8], expected: tuple[float, ...]) -> None:
        """Classify a recorded picture, uint8 (28, 28, 1).

        Raises:
            ArtifactError: the answer is not the recorded one.
        """
        found = self.classify(picture[None])[0]
        if len(expected) != len(LABELS) or not np.allclose(found, expected, rtol=0.0, atol=SELF_TEST_TOLERANCE):
            raise ArtifactError(
                f"The model fails its self-test: it answers {np.round(found, 4).tolist()}, "
                f"recorded was {np.round(expected, 4).tolist()}. Publish the model again: make train"
            )

    def _runner(self) -> "_Runner":
        runner: _Runner | None = getattr(self._local, "runner", None)
        if runner is None:
            runner = self._local.runner = _Runner(self._twin)
        return runner


class _Runner:
    """One interpreter with its tensors found."""

    def __init__(self, twin: Path | bytes) -> None:
        source = {"model_content": twin} if isinstance(twin, bytes) else {"model_path": str(twin)}
        try:
            self._interpreter: Any = Interpreter(**source, num_threads=_INFERENCE_THREADS)
            self._interpreter.allocate_tensors()
            [taken] = self._interpreter.get_input_details()
            [given] = self._interpreter.get_output_details()
        except (ValueError, RuntimeError) as error:
            raise ArtifactError(
                f"The compiled model cannot be loaded ({error}). Publish it again: make train"
            ) from error
        shapes = (tuple(taken["shape"].tolist()), taken["dtype"], tuple(given["shape"].tolist()), given["dtype"])
        if shapes != ((1, *INPUT_SHAPE), np.uint8, (1, len(LABELS)), np.float32):
            raise ArtifactError(
                f"The compiled model maps {shapes[1].__name__} {shapes[0]} to {shapes[3].__name__} {shapes[2]}; "
                f"the service needs uint8 {(1, *INPUT_SHAPE)} to float32 {(1, len(LABELS))}."
            )
        self._input, self._output = taken["index"], given["index"]

    def __call__(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        self._interpreter.set_tensor(self._input, picture)
        self._interpreter.invoke()
        answer: npt.NDArray[np.float32] = self._interpreter.get_tensor(self._output)[0]
        return answer
