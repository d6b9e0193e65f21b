"""A BentoML service that calls the same predictor, in two workers."""

import bentoml
from model import predictor


@bentoml.service(workers=2)
class Kmeans:
    """The running example."""

    @bentoml.api
    def predict(self, x: list[float]) -> int:
        """Answer one sample."""
        return predictor(x)
