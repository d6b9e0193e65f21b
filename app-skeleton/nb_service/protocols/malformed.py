"""The one exception that leaves a reader or a writer of a wire format."""


class Malformed(ValueError):
    """A request that a protocol does not take; its text is a sentence for the client."""

    def __init__(self, detail: str, status: int = 400) -> None:
        super().__init__(detail)
        self.status = status
