"""What this process reads: counted, timed, and compared with what its model was measured on."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from app import metrics, tracing
from app.drift import bin_name, bin_of, drift, features
from app.judgement import Verdict
from app.loading import Model
from app.reading import Reading

WINDOW: Final = 1_000
"""The latest pictures of each process that drift is measured on."""

LEAST: Final = 200
"""Of fewer, in all processes together, none is told: chance alone would look like drift."""

INTERVAL: Final = 0.1
"""Seconds from one of these pictures to the next at least: looking at one takes as long as all other counting."""


class Inputs:
    """What is watched of the pictures that one process reads."""

    def __init__(self, model: Model) -> None:
        """Watch a model's input."""
        self._lock = threading.Lock()
        self._window: deque[tuple[tuple[str, str], ...]] = deque()
        self._latest = -INTERVAL
        self._model = model
        self.follow(model)

    def follow(self, model: Model) -> None:
        """From now on this model answers: tell so, and forget what was read before it."""
        with self._lock:
            while self._window:
                self._count(self._window.popleft(), -1)
            for other, value in ((self._model, 0), (model, 1)):
                metrics.MODEL_INFO.labels(other.metadata.name, other.metadata.version).set(value)
            self._model = model

    def note(self, reading: Reading, verdict: Verdict | None, model: Model) -> None:
        """Count a picture that was read, and now and then look at it; any thread may do so.

        Args:
            reading: what was read.
            verdict: what the answer was called, if anything.
            model: that answered.
        """
        began, decoded, prepared, inferred = reading.times
        metrics.later(metrics.picture, verdict, decoded - began, prepared - decoded, inferred - prepared)
        tracing.add_stages(reading.times)
        if inferred - self._latest >= INTERVAL and model is self._model:
            self._latest = inferred
            self._look(reading, verdict)

    def with_drift(self, families: Iterable[Metric]) -> Iterator[Metric]:
        """The metrics of all processes, and how far their latest pictures are from the model's reference."""
        for family in families:
            yield family
            if family.name == metrics.INPUT_PICTURES_NAME:
                yield self._drift(family)

    def _look(self, reading: Reading, verdict: Verdict | None) -> None:
        reference = () if self._model.evaluation is None else self._model.evaluation.inputs
        if not reference:
            return
        found = features(reading.pixels, reading.probabilities, verdict)
        bins = tuple(
            (feature.name, bin_name(bin_of(found[feature.name], feature.edges), feature.edges))
            for feature in reference
            if feature.name in found
        )
        with self._lock:
            self._window.append(bins)
            self._count(bins, 1)
            if len(self._window) > WINDOW:
                self._count(self._window.popleft(), -1)

    def _count(self, bins: tuple[tuple[str, str], ...], step: int) -> None:
        for feature, name in bins:
            metrics.INPUT_PICTURES.labels(feature, name).inc(step)

    def _drift(self, pictures: Metric) -> Metric:
        reference = () if self._model.evaluation is None else self._model.evaluation.inputs
        found = {(sample.labels["feature"], sample.labels["bin"]): sample.value for sample in pictures.samples}
        counts = {
            feature.name: [
                found.get((feature.name, bin_name(index, feature.edges)), 0.0) for index in range(len(feature.shares))
            ]
            for feature in reference
        }
        family = GaugeMetricFamily(
            "digits_input_drift",
            "Population stability index of the latest pictures against the model's reference.",
            labels=["feature"],
        )
        for feature, index in drift(counts, reference, LEAST).items():
            family.add_metric([feature], index)
        return family
