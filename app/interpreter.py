"""Compiled models, run by LiteRT: every thread has an interpreter of its own."""

import logging
import threading
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from app.errors import ArtifactError
from app.logs import native_lines

_INFERENCE_THREADS: Final = 1
"""A picture takes some 0.1 ms; two threads for one gain nothing."""

_FIRST: Final = iter([True])
"""For the first model of a process."""

_logger = logging.getLogger(__name__)

Shape = tuple[int, ...]


class Twin:
    """A compiled model. Threads may share it: each builds its own interpreter on first use."""

    def __init__(self, source: Path | bytes, taken: Shape, given: Shape) -> None:
        """Map a LiteRT file, or take one in memory.

        Args:
            source: the file, or its content.
            taken: shape of what it takes, uint8.
            given: shape of what it gives, float32.

        Raises:
            ArtifactError: it is not a LiteRT model with this input and output.
        """
        self._source = source
        self._shapes = (taken, given)
        self._local = threading.local()
        if next(_FIRST, False):
            # LiteRT tells then, and never again, how it computes.
            with native_lines(_logger):
                self.runner()
        else:
            self.runner()

    def runner(self) -> "Runner":
        """This thread's."""
        runner: Runner | None = getattr(self._local, "runner", None)
        if runner is None:
            runner = self._local.runner = Runner(self._source, *self._shapes)
        return runner


class Runner:
    """One interpreter with its tensors found."""

    def __init__(self, source: Path | bytes, taken: Shape, given: Shape) -> None:
        """As Twin takes them."""
        content = {"model_content": source} if isinstance(source, bytes) else {"model_path": str(source)}
        try:
            self._interpreter: Any = Interpreter(**content, num_threads=_INFERENCE_THREADS)
            self._interpreter.allocate_tensors()
            [input_] = self._interpreter.get_input_details()
            [output] = self._interpreter.get_output_details()
        except (ValueError, RuntimeError) as error:
            raise ArtifactError(
                f"The compiled model cannot be loaded ({error}). Publish it again: make train"
            ) from error
        found = (tuple(input_["shape"].tolist()), input_["dtype"], tuple(output["shape"].tolist()), output["dtype"])
        if found != (taken, np.uint8, given, np.float32):
            raise ArtifactError(
                f"The compiled model maps {found[1].__name__} {found[0]} to {found[3].__name__} {found[2]}; "
                f"the service needs uint8 {taken} to float32 {given}."
            )
        self._input, self._output = input_["index"], output["index"]

    def __call__(self, array: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """What the model makes of one array, without the leading 1 of its shape; the next call does not change it."""
        self._interpreter.set_tensor(self._input, array)
        self._interpreter.invoke()
        answer: npt.NDArray[np.float32] = self._interpreter.get_tensor(self._output)[0]
        return answer
