"""MLServer with adaptive batching: a custom runtime over the V2 inference protocol."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import Base64Codec, NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from tests.benchmarks.alternatives.engine import load, prepare


class DigitModel(MLModel):
    async def load(self) -> bool:
        self.classify = load("function")
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        bodies = Base64Codec.decode_input(payload.inputs[0])
        probabilities = self.classify(np.stack([prepare(body) for body in bodies]))
        outputs = [
            NumpyCodec.encode_output("digit", probabilities.argmax(axis=1)),
            NumpyCodec.encode_output("probabilities", probabilities),
        ]
        return InferenceResponse(model_name=self.name, outputs=outputs)
