"""Vertex AI: instances in, as many predictions out."""

from nb_service.protocols import DEFAULT, Limits, Malformed, Question, decode_object, keyed, plain_refusal, samples_of

refusal = plain_refusal


def read(body: bytes, limits: Limits = DEFAULT) -> Question:
    """Return the samples of a body; raise Malformed, also for parameters: predictor takes none."""
    request = decode_object(body)
    if request.get("parameters"):
        raise Malformed("This model accepts no parameters in addition to its samples.")
    samples = samples_of(request.get("instances"), "instances", limits)
    return Question(samples, lambda answers: keyed(b"predictions", answers))
