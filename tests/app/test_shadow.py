"""A candidate reads along: what differs is counted, what does not fit is dropped, nobody waits."""

import dataclasses
import logging
import threading
from typing import cast

import numpy as np
import numpy.typing as npt
import pytest

from app.artifact import Thresholds
from app.classifier import Classifier
from app.loading import Model
from app.shadow import Differences, Lane, Shadow

PICTURE = np.zeros((28, 28, 1), np.uint8)

STRICT = Thresholds(
    least_pair_probability=0.9,
    prepared_least_pair_probability=0.95,
    least_confidence=0.9,
    rejection_risk=0.003,
    prepared_rejection_risk=0.008,
    mistake_risk=0.001,
)
LENIENT = STRICT.model_copy(update={"least_confidence": 0.5})


def answer(digit: int, probability: float) -> npt.NDArray[np.float32]:
    """Ten probabilities, the rest of which falls to the next digit."""
    probabilities = np.zeros(10, np.float32)
    probabilities[digit], probabilities[(digit + 1) % 10] = probability, 1 - probability
    return probabilities


class Fixed:
    """A classifier that answers the same whatever it is shown."""

    def __init__(self, probabilities: npt.NDArray[np.float32]) -> None:
        self._probabilities = probabilities

    def classify(self, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Answer."""
        assert pictures.shape == (1, 28, 28, 1)
        return self._probabilities[None]


def model(tiny: Model, probabilities: npt.NDArray[np.float32], thresholds: Thresholds | None) -> Model:
    return dataclasses.replace(
        tiny,
        metadata=tiny.metadata.model_copy(update={"thresholds": thresholds}),
        classifier=cast(Classifier, Fixed(probabilities)),
    )


@pytest.mark.parametrize(
    ("found", "digits", "verdicts", "largest"),
    [
        pytest.param(answer(3, 0.97), 0, 0, 0.0, id="alike"),
        pytest.param(answer(3, 0.95), 0, 0, 0.02, id="less sure"),
        pytest.param(answer(3, 0.8), 0, 1, 0.17, id="uncertain"),
        pytest.param(answer(4, 0.97), 1, 0, 0.97, id="another digit"),
    ],
)
def test_differences_are_counted(
    tiny_model: Model, found: npt.NDArray[np.float32], digits: int, verdicts: int, largest: float
) -> None:
    """Other digits, other verdicts and the largest difference of a probability are told of all pictures together."""
    lane = Lane()
    shadow = Shadow(model(tiny_model, answer(3, 0.97), STRICT), model(tiny_model, found, STRICT), lane)
    with lane.running():
        shadow.offer(PICTURE, answer(3, 0.97))
        shadow.offer(PICTURE, answer(3, 0.97))
    told = shadow.differences
    assert (told.compared, told.digits, told.verdicts, told.dropped) == (2, 2 * digits, 2 * verdicts, 0)
    assert told.largest == pytest.approx(largest, abs=1e-6)


@pytest.mark.parametrize(("thresholds", "verdicts"), [(STRICT, 0), (LENIENT, 1), (None, 0)])
def test_each_is_judged_by_its_own_thresholds(tiny_model: Model, thresholds: Thresholds | None, verdicts: int) -> None:
    """The same probabilities differ in verdict where the thresholds do; without thresholds there is none to compare."""
    lane = Lane()
    same = answer(3, 0.7)
    shadow = Shadow(model(tiny_model, same, STRICT), model(tiny_model, same, thresholds), lane)
    with lane.running():
        shadow.offer(PICTURE, same)
    assert (shadow.differences.digits, shadow.differences.verdicts) == (0, verdicts)


def test_what_does_not_fit_is_dropped(tiny_model: Model) -> None:
    """While the candidate is busy, as many wait as there is room for; the others are counted, and nobody waits."""
    lane = Lane(capacity=2)
    shadow = Shadow(model(tiny_model, answer(3, 0.9), None), model(tiny_model, answer(3, 0.9), None), lane)
    begun, free = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        free.wait()

    with lane.running():
        assert lane.offer(hold)
        begun.wait()
        for _ in range(5):
            shadow.offer(PICTURE, answer(3, 0.9))
        free.set()
    assert (shadow.differences.compared, shadow.differences.dropped) == (2, 3)


def test_fault_of_the_candidate(tiny_model: Model, caplog: pytest.LogCaptureFixture) -> None:
    """A picture that the candidate stumbles over is logged, and the next one is compared."""
    lane = Lane()
    faulty = model(tiny_model, answer(3, 0.9)[:7], None)
    good = model(tiny_model, answer(3, 0.9), None)
    with caplog.at_level(logging.ERROR, "app.shadow"), lane.running():
        Shadow(good, faulty, lane).offer(PICTURE, answer(3, 0.9))
        shadow = Shadow(good, good, lane)
        shadow.offer(PICTURE, answer(3, 0.9))
    assert shadow.differences.compared == 1
    assert len(caplog.records) == 1


def test_other_model_begins_anew(tiny_model: Model) -> None:
    """Beside another model the same candidate has nothing compared yet."""
    lane = Lane()
    shadow = Shadow(tiny_model, model(tiny_model, answer(1, 0.9), None), lane)
    with lane.running():
        shadow.offer(PICTURE, answer(3, 0.97))
    other = shadow.beside(tiny_model)
    assert shadow.differences.compared == 1
    assert other.candidate is shadow.candidate
    assert other.differences == Differences()
