"""How much one body may become: looked at by every reader, from sizes and shapes, before anything is built.

What a client repeats by a word of its own costs it nothing: a context for each example, the names of columns for
each row, dimensions of one for each value. The bytes that are made of such words count.
"""

from typing import NamedTuple

from nb_service.protocols.malformed import Malformed

# Names that are ten times as long as their values are common in tables.
GROWTH = 8


class Limits(NamedTuple):
    """What one body may hold: `samples` is S2I_MAX_SAMPLES, `body` is S2I_MAX_BODY."""

    samples: int = 1 << 19
    body: int = 16 << 20

    @property
    def built(self) -> int:
        """Return how many bytes may be built of one body."""
        return GROWTH * self.body

    def check_samples(self, count: int) -> None:
        """Raise Malformed (413) where `count` samples are too many."""
        if count > self.samples:
            raise Malformed(f"A body may have {self.samples} samples (S2I_MAX_SAMPLES).", 413)

    def check_built(self, size: int) -> None:
        """Raise Malformed (413) where the samples would become so many bytes."""
        if size > self.built:
            raise Malformed(
                f"The body would become more than {self.built} bytes, {GROWTH} times what S2I_MAX_BODY says; "
                "send fewer samples at a time, or set S2I_MAX_BODY higher.",
                413,
            )

    def check_rows(self, count: int, each: int) -> None:
        """Raise Malformed (413) where `count` samples are too many, or `each` bytes for every one of them are."""
        self.check_samples(count)
        self.check_built(count * each)


# As a service without settings has them.
DEFAULT = Limits()
