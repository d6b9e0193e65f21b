"""NDJSON, or JSON lines: a sample a line in, an answer a line out."""

from nb_service.protocols import Body, Series

CONTENT_TYPE = "application/x-ndjson"


def read(body: bytes) -> Series:
    """Return the samples: every line that is not blank, as it is."""
    if body[:3] == b"\xef\xbb\xbf":
        body = body[3:]
    return Series([line for line in body.split(b"\n") if line.strip()])


def write(answers: Series, content_type: str = CONTENT_TYPE) -> Body:
    """Return the answers, one a line."""
    return Body(b"".join(answer + b"\n" for answer in answers), content_type)
