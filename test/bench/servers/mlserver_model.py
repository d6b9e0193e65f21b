"""A custom runtime of MLServer that calls the same predictor."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse
from model import predictor


class Kmeans(MLModel):
    """The running example."""

    async def load(self) -> bool:
        """Have nothing to load: importing did it."""
        return True

    async def predict(self, payload):
        """Answer one sample."""
        sample = NumpyCodec.decode_input(payload.inputs[0])[0].tolist()
        answer = NumpyCodec.encode_output("answer", np.array([predictor(sample)]))
        return InferenceResponse(model_name=self.name, outputs=[answer])
