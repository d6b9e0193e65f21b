"""The one exception that leaves a reader or a writer of a wire format."""

from collections.abc import Sequence


class Malformed(ValueError):
    """A request that a protocol does not take; its text is a sentence for the client.

    `errors` are the fields that are wrong, as a problem's body has them.
    """

    def __init__(self, detail: str, status: int = 400, errors: Sequence[dict] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.errors = errors
