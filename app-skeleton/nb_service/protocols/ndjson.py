"""NDJSON, or JSON lines: one sample per line in, one prediction per line out."""

import io

from nb_service.protocols import DEFAULT, Body, Limits, Series

CONTENT_TYPE = "application/x-ndjson"


def read(body: bytes, limits: Limits = DEFAULT) -> Series:
    """Return the samples, one per non-blank line; raise Malformed (413) if there are too many."""
    if body[:3] == b"\xef\xbb\xbf":
        body = body[3:]
    samples: list[bytes] = []
    for line in io.BytesIO(body):
        if not line.isspace():
            limits.check_samples(len(samples) + 1)
            samples.append(line.removesuffix(b"\n"))
    return Series(samples)


def write(answers: Series, content_type: str = CONTENT_TYPE) -> Body:
    """Return the predictions, one per line."""
    return Body(b"".join(answer + b"\n" for answer in answers), content_type)
