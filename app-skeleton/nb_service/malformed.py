"""The exception for requests that a protocol does not accept, raised by readers and writers of wire formats."""

from collections.abc import Sequence


class Malformed(ValueError):
    """A request that a protocol does not accept; the text is a sentence for the client.

    `errors` lists the invalid fields, as in a problem body.
    """

    def __init__(self, detail: str, status: int = 400, errors: Sequence[dict] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.errors = errors
