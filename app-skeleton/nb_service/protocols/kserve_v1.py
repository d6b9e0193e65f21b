"""KServe V1: what differs from TensorFlow Serving, with which it shares its other routes."""

from nb_service.identity import Identity
from nb_service.protocols import Body, encode

# The key of the answers to `inputs` on :predict, which TensorFlow Serving calls outputs.
OUTPUTS_KEY = "predictions"


def models(served: Identity) -> Body:
    """Return the list of models, which has one."""
    return Body(encode({"models": [served.name]}))
