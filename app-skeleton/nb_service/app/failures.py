"""Combines the outcomes of a request's samples to one outcome of the request, in every protocol."""

from collections.abc import Sequence

from nb_service.http import replies
from nb_service.pool import Answer
from nb_service.protocols import Malformed, Series

# The number of samples of a body in one call of batch_predictor; several scorers share larger bodies.
TOGETHER = 1000


def failure(answer: Answer, samples: Sequence, number: int, disclosure: replies.Disclosure) -> Malformed:
    """Return the status and detail of the first failed outcome, which belongs to `samples[number]`.

    `samples` are the request's Series of samples, or the series into which it was divided.
    """
    status, detail, errors, traceback = replies.rejection_of(answer, disclosure)
    index = _index_in_body(samples, number, answer)
    if index is not None:
        errors = replies.within(index, errors)
        detail = f"Sample {index + 1}: {detail.replace('The body is not JSON', 'It is not JSON')}"
    return Malformed("\n".join(filter(None, (detail, traceback))), status, errors)


def _index_in_body(samples: Sequence, number: int, answer: Answer) -> int | None:
    """Return the index in the body of the failed sample; None if it is the only one, or unknown."""
    if isinstance(samples, Series):
        return number if len(samples) > 1 else None
    index = replies.index_of(answer)
    return None if index is None else sum(len(part) for part in samples[:number]) + index
