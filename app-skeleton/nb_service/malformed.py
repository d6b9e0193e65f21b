"""The exception that readers and writers of wire formats raise."""

from collections.abc import Sequence


class Malformed(ValueError):
    """A request that a protocol does not accept; the text is a sentence for the client.

    `errors` are the invalid fields, in the form of a problem body.
    """

    def __init__(self, detail: str, status: int = 400, errors: Sequence[dict] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.errors = errors
