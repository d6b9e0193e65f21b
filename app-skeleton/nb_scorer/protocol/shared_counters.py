"""How many samples a scorer has started, and how many it shall hand back: numbers in memory that the front shares.

When a scorer dies, the first tells the front which sample it was working on, without a system call a
sample. The second takes back what was sent and not started, while the scorer is too busy to listen.
Both count the samples of a link from its beginning.
"""

import mmap

SIZE = 16


class Tally(object):
    """The numbers behind the descriptor `fd`, a file of SIZE bytes; `fd` may be closed afterwards."""

    def __init__(self, fd):
        self._memory = memoryview(mmap.mmap(fd, SIZE)).cast("Q")

    def start(self, samples=1):
        """Count so many more samples as started, at once where they are scored in one call.

        Return how many of them, the first ones, the front has called back: they must not be touched.
        """
        memory = self._memory
        first = memory[0]
        # Counted first and then looked at, as `call_back` does the other way round: one of both sees the other.
        memory[0] = first + samples
        return max(0, min(samples, memory[1] - first))

    @property
    def started(self):
        """Return how many samples were started, or called back in time."""
        return self._memory[0]

    def call_back(self, end):
        """Let none of the first `end` samples be started that are not yet; return how many were then."""
        self._memory[1] = end
        return self._memory[0]
