"""A candidate reads the same pictures as the model being served, behind its back: only what differs is counted."""

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from app.judgement import judge
from app.loading import Model

CAPACITY: Final = 64
"""Pictures that wait for the candidate; it takes a fraction of a millisecond for each."""

_logger = logging.getLogger(__name__)


class Lane:
    """One thread beside the service's; what does not fit into its queue is not done."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._queue: queue.Queue[Callable[[], None] | None] = queue.Queue(capacity)

    def offer(self, work: Callable[[], None]) -> bool:
        """Have it done, if there is room."""
        try:
            self._queue.put_nowait(work)
        except queue.Full:
            return False
        return True

    @contextmanager
    def running(self) -> Iterator[None]:
        """Do what is offered while the block runs."""
        thread = threading.Thread(target=self._run, name="shadow", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._queue.put(None)
            thread.join()

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            try:
                work()
            except Exception:
                _logger.exception("The candidate could not read a picture.")


@dataclass(slots=True)
class Differences:
    """What two models make of the same pictures."""

    compared: int = 0
    digits: int = 0
    """Pictures on which they see different digits."""
    verdicts: int = 0
    """Pictures that they judge differently, each by its own thresholds; of models that both have some."""
    largest: float = 0.0
    """Difference of a probability."""
    dropped: int = 0
    """Pictures that the candidate was not shown because it was busy."""


class Shadow:
    """A candidate beside the model being served. Threads may share it."""

    def __init__(self, served: Model, candidate: Model, lane: Lane) -> None:
        self.candidate = candidate
        self.differences = Differences()
        self._served = served
        self._lane = lane
        self._dropping = threading.Lock()

    def beside(self, served: Model) -> "Shadow":
        """The same candidate beside another model, with nothing compared yet."""
        return Shadow(served, self.candidate, self._lane)

    def offer(
        self,
        pixels: npt.NDArray[np.uint8],
        probabilities: npt.NDArray[np.float32],
        left_out: float = 0.0,
        *,
        unchanged: bool = True,
    ) -> None:
        """Show the candidate a picture, later, if it is not busy.

        Args:
            pixels: what the served model saw, uint8 (28, 28, 1).
            probabilities: what it answered, float32 (10,).
            left_out: as app.judgement.judge takes it.
            unchanged: likewise.
        """
        if not self._lane.offer(lambda: self._compare(pixels, probabilities, left_out, unchanged=unchanged)):
            with self._dropping:
                self.differences.dropped += 1

    def _compare(
        self,
        pixels: npt.NDArray[np.uint8],
        probabilities: npt.NDArray[np.float32],
        left_out: float,
        *,
        unchanged: bool,
    ) -> None:
        found = self.candidate.classifier.classify(pixels[None])[0]
        one, other = self._served.metadata.thresholds, self.candidate.metadata.thresholds
        # In the lane's thread alone.
        told = self.differences
        told.compared += 1
        told.digits += bool(found.argmax() != probabilities.argmax())
        told.largest = max(told.largest, float(np.abs(found - probabilities).max()))
        if one is not None and other is not None:
            told.verdicts += (
                judge(found, other, left_out, unchanged=unchanged).verdict
                != judge(probabilities, one, left_out, unchanged=unchanged).verdict
            )
