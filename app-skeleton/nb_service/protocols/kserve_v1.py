"""KServe V1: what it has beside the routes that it shares with TensorFlow Serving."""

from nb_service.identity import Identity
from nb_service.protocols import Body, encode

# Of :predict for `inputs`; TensorFlow Serving says outputs.
OUTPUTS_KEY = "predictions"


def models(served: Identity) -> Body:
    """Return the list of the one model."""
    return Body(encode({"models": [served.name]}))
