"""Limits on the size of one body, which every reader checks from sizes and shapes before it creates values.

In some formats, few bytes describe much data: a context is copied to each example, column names to each row, and each
dimension of one adds a list around each value. So the limits apply to the resulting bytes.
"""

from typing import NamedTuple

from nb_service.malformed import Malformed

# The names in a table are often several times as long as its values.
GROWTH = 8


class Limits(NamedTuple):
    """The limits of one body: `samples` is S2I_MAX_SAMPLES, `body` is S2I_MAX_BODY."""

    samples: int = 1 << 19
    body: int = 16 << 20

    @property
    def built(self) -> int:
        """Return the maximum number of bytes that may be created from one body."""
        return GROWTH * self.body

    def check_samples(self, count: int) -> None:
        """Raise Malformed (413) if `count` samples are too many."""
        if count > self.samples:
            raise Malformed(f"A body may have {self.samples} samples (S2I_MAX_SAMPLES).", 413)

    def check_built(self, size: int) -> None:
        """Raise Malformed (413) if samples of `size` bytes would be too large."""
        if size > self.built:
            raise Malformed(
                f"The body would expand to more than {self.built} bytes, {GROWTH} times S2I_MAX_BODY; "
                "send fewer samples at a time, or set S2I_MAX_BODY higher.",
                413,
            )

    def check_rows(self, count: int, row_bytes: int) -> None:
        """Raise Malformed (413) if `count` samples are too many, or too large with `row_bytes` bytes each."""
        self.check_samples(count)
        self.check_built(count * row_bytes)


# The limits used if there are no settings.
DEFAULT = Limits()
