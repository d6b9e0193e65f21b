"""NDJSON, or JSON lines: a sample a line in, an answer a line out."""

import io

from nb_service.protocols import DEFAULT, Body, Limits, Series

CONTENT_TYPE = "application/x-ndjson"


def read(body: bytes, limits: Limits = DEFAULT) -> Series:
    """Return the samples: every line that is not blank, as it is; raise Malformed (413) where they are too many."""
    if body[:3] == b"\xef\xbb\xbf":
        body = body[3:]
    samples: list[bytes] = []
    for line in io.BytesIO(body):
        if not line.isspace():
            limits.check_samples(len(samples) + 1)
            samples.append(line.removesuffix(b"\n"))
    return Series(samples)


def write(answers: Series, content_type: str = CONTENT_TYPE) -> Body:
    """Return the answers, one a line."""
    return Body(b"".join(answer + b"\n" for answer in answers), content_type)
