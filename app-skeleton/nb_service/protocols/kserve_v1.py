"""KServe V1's differences from TensorFlow Serving, with which it shares its other routes."""

from collections.abc import Iterable

from nb_service.protocols import Body, encode

# The key of the predictions for `inputs` on :predict, which TensorFlow Serving calls outputs.
OUTPUTS_KEY = "predictions"


def models(names: Iterable[str]) -> Body:
    """Return the list of models with these names."""
    return Body(encode({"models": list(names)}))
