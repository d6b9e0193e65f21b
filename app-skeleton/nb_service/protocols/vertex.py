"""Vertex AI: instances in, the same number of predictions out."""

from nb_service.protocols import DEFAULT, Limits, Question, decode_object, in_object, keyed, plain_rejection, samples_of

rejection = plain_rejection


def read(body: bytes, limits: Limits = DEFAULT) -> Question:
    """Return the samples of a body, and its parameters; raise Malformed."""
    request = decode_object(body)
    samples = samples_of(request.get("instances"), "instances", limits)
    return Question(
        samples, lambda answers: keyed(b"predictions", answers), parameters=in_object(request, "parameters")
    )
