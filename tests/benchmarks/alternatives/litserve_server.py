"""LitServe with batching."""

import os
from base64 import b64decode
from typing import Any

import litserve as ls
import numpy as np

from tests.benchmarks.alternatives.engine import Pictures, answer, load, prepare


class DigitAPI(ls.LitAPI):
    def setup(self, device: str) -> None:
        del device
        self.classify = load("call")

    def decode_request(self, request: dict[str, str]) -> Pictures:
        return prepare(b64decode(request["image_bytes"]))

    def predict(self, x: Pictures) -> Any:
        return self.classify(np.asarray(x))

    def encode_response(self, output: Any) -> dict[str, int | list[float]]:
        return answer(output)


if __name__ == "__main__":
    server = ls.LitServer(
        DigitAPI(max_batch_size=32, batch_timeout=0.001),
        accelerator="cpu",
        fast_queue=True,
        workers_per_device=int(os.environ["BENCH_WORKERS"]),
    )
    server.run(host="127.0.0.1", port=int(os.environ["BENCH_PORT"]), log_level="warning", generate_client_file=False)
