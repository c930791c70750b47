"""What is watched of the pictures that a process reads."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest

from app import inputs, metrics
from app.artifact import Evaluation, FeatureReference, Score
from app.inputs import INTERVAL, LEAST, WINDOW, Inputs
from app.loading import Model
from app.normalization import Box
from app.reading import Reading, Times
from tests.app.test_metrics import told

REFERENCE = (
    FeatureReference(name="confidence", edges=(0.5,), shares=(0.25, 0.75)),
    FeatureReference(name="verdict", edges=(0.5, 1.5), shares=(0.9, 0.05, 0.05)),
)


def following(model: Model, version: str, reference: tuple[FeatureReference, ...] = REFERENCE) -> Model:
    """A version of a model that was measured."""
    all_right = Score(correct=1, count=1, share=1.0, low=0.0, high=1.0)
    evaluation = Evaluation(
        test=all_right,
        validation=all_right,
        digits=(),
        confusion=(),
        expected_calibration_error=0.0,
        inputs=reference,
        png=all_right,
        history={},
    )
    metadata = model.metadata.model_copy(update={"version": version})
    return dataclasses.replace(model, metadata=metadata, evaluation=evaluation)


@pytest.fixture
def model(tiny_model: Model) -> Model:
    """A model with a reference."""
    return following(tiny_model, "with-reference")


@pytest.fixture
def watched(model: Model) -> Iterator[Inputs]:
    """Inputs that leave nothing behind."""
    found = Inputs(model)
    yield found
    found.follow(model)


def reading(confidence: float, moment: float) -> Reading:
    """A picture that was read at a moment, in seconds."""
    return Reading(
        probabilities=np.array([confidence] + [(1 - confidence) / 9] * 9, np.float32),
        inverted=False,
        crop_box=Box(0, 0, 1, 1),
        left_out=0.0,
        unchanged=True,
        width=28,
        height=28,
        format="PNG",
        evidence=None,
        pixels=np.full((28, 28, 1), 255, np.uint8),
        times=Times(moment, moment, moment, moment),
    )


def text_of(watched: Inputs) -> str:
    """All metrics."""
    return metrics.exposition(watched.with_drift(metrics.gathered())).decode()


def in_bins(watched: Inputs) -> list[float]:
    """How many of the latest pictures are in each bin of confidence."""
    text = text_of(watched)
    return [told(text, "digits_input_pictures", feature="confidence", bin=name) for name in ("..0.5", "0.5..")]


def test_picture_is_counted_and_timed(model: Model) -> None:
    """Each reading counts once, with its stages."""
    watched = Inputs(model)
    times = Times(1.0, 1.5, 1.75, 2.75)
    before = text_of(watched)
    watched.note(dataclasses.replace(reading(0.9, 0.0), times=times), "digit", model)
    after = text_of(watched)
    name = "digits_pictures_total"
    assert told(after, name, verdict="digit") == told(before, name, verdict="digit") + 1
    name = "digits_stage_seconds_sum"
    assert told(after, name, stage="prepare") == pytest.approx(told(before, name, stage="prepare") + 0.25)
    watched.follow(model)


def test_no_drift_without_pictures_enough(watched: Inputs, model: Model) -> None:
    """Drift is told from LEAST pictures on."""
    for moment in range(LEAST - 1):
        watched.note(reading(0.9, moment), "digit", model)
    assert "digits_input_drift{" not in text_of(watched)
    watched.note(reading(0.9, LEAST), "digit", model)
    text = text_of(watched)
    assert told(text, "digits_input_drift", feature="confidence") > 0.25
    assert 0.25 < told(text, "digits_input_drift", feature="verdict") < 0.5


def test_pictures_like_the_reference_have_no_drift(watched: Inputs, model: Model) -> None:
    """A quarter unsure and three quarters sure, as it was measured."""
    for moment in range(400):
        watched.note(reading(0.9 if moment % 4 else 0.3, moment), "digit", model)
    assert told(text_of(watched), "digits_input_drift", feature="confidence") == pytest.approx(0.0, abs=1e-6)


def test_window_forgets_the_oldest(watched: Inputs, model: Model) -> None:
    """Only the latest WINDOW pictures count."""
    for moment in range(10):
        watched.note(reading(0.3, moment), "digit", model)
    assert in_bins(watched) == [10, 0]
    for moment in range(10, 10 + WINDOW):
        watched.note(reading(0.9, moment), "digit", model)
    assert in_bins(watched) == [0, WINDOW]


def test_few_pictures_a_second_are_looked_at(watched: Inputs, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a thousand pictures in a second, no more than the interval allows."""
    looked: list[object] = []

    def look(*found: object) -> dict[str, float]:
        looked.append(found)
        return {}

    monkeypatch.setattr(inputs, "features", look)
    for moment in range(1000):
        watched.note(reading(0.9, moment / 1000), "digit", model)
    assert 1 < len(looked) <= 1 / INTERVAL


def test_another_model_starts_afresh(watched: Inputs, model: Model, tiny_model: Model) -> None:
    """After a switch the old model is told as gone, its pictures are forgotten, and late ones do not count."""
    watched.note(reading(0.9, 0.0), "digit", model)
    other = following(tiny_model, "other")
    watched.follow(other)
    assert in_bins(watched) == [0, 0]
    watched.note(reading(0.9, 1.0), "digit", model)
    assert in_bins(watched) == [0, 0]
    watched.note(reading(0.9, 2.0), "digit", other)
    assert in_bins(watched) == [0, 1]
    text = text_of(watched)
    name = model.metadata.name
    assert told(text, "digits_model_info", name=name, version="with-reference") == 0
    assert told(text, "digits_model_info", name=name, version="other") == 1
    watched.follow(model)


def test_model_without_verdicts(tiny_model: Model) -> None:
    """Pictures that were not judged count for the other features."""
    model = following(tiny_model, "unjudged")
    watched = Inputs(model)
    watched.note(reading(0.9, 0.0), None, model)
    assert in_bins(watched) == [0, 1]
    assert told(text_of(watched), "digits_input_pictures", feature="verdict", bin="..0.5") == 0
    watched.follow(model)


@pytest.mark.parametrize("measured", [True, False])
def test_model_without_reference(tiny_model: Model, measured: bool) -> None:
    """Nothing is told of drift, and nothing fails."""
    model = following(tiny_model, "bare", ()) if measured else tiny_model
    watched = Inputs(model)
    for moment in range(LEAST):
        watched.note(reading(0.9, moment), "digit", model)
    assert "digits_input_drift{" not in text_of(watched)
