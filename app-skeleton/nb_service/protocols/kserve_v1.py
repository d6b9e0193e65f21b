"""The differences between KServe V1 and TensorFlow Serving; the other routes are the same."""

from collections.abc import Iterable

from nb_service.protocols import Body, encode

# The key of the predictions in :predict responses to `inputs`; TensorFlow Serving's key is `outputs`.
OUTPUTS_KEY = "predictions"


def models(names: Iterable[str]) -> Body:
    """Return the list of models with these names."""
    return Body(encode({"models": list(names)}))
