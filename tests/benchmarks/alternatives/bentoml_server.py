"""BentoML with adaptive batching."""

import os
from typing import Any

import bentoml
import numpy as np
from PIL import Image

from tests.benchmarks.alternatives.engine import answer, load, prepare_image


@bentoml.service(
    workers=int(os.environ["BENCH_WORKERS"]), traffic={"timeout": 60}, logging={"access": {"enabled": False}}
)
class Digits:
    def __init__(self) -> None:
        self.classify = load("call")

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=10_000)
    def predict(self, files: list[Image.Image]) -> list[dict[str, Any]]:
        pictures = np.stack([prepare_image(file) for file in files])
        return [answer(probabilities) for probabilities in self.classify(pictures)]
