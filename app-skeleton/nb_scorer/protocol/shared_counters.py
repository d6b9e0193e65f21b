"""How many samples a scorer has started, and how many it must hand back: numbers in memory shared with the front.

When a scorer dies, the first tells the front which sample it was working on, without a system call per
sample. The second takes back what was sent but not started, while the scorer is too busy to listen.
Both count the samples of a link from its beginning. The third changes whenever a sample of an array that is scored
one by one is done, so that the time limit applies to each of them.
"""

import mmap

SIZE = 24


class SharedCounters(object):
    """The numbers behind the descriptor `fd`, a file of SIZE bytes; `fd` may be closed afterwards."""

    def __init__(self, fd):
        self._memory = memoryview(mmap.mmap(fd, SIZE)).cast("Q")

    def start(self, samples=1):
        """Count `samples` more as started, all at once where they are scored in one call.

        Return how many of them, from the first on, the front has called back: these must not be touched.
        """
        memory = self._memory
        first = memory[0]
        # Written first and then read, as in `call_back` with the numbers exchanged: one of the two sees the other.
        memory[0] = first + samples
        return max(0, min(samples, memory[1] - first))

    @property
    def started(self):
        """Return how many samples were started, or called back in time."""
        return self._memory[0]

    def note_progress(self):
        """Note that a sample within an array is done."""
        self._memory[2] += 1

    @property
    def progress(self):
        """Return a number that differs from an earlier one if progress was noted meanwhile."""
        return self._memory[2]

    def call_back(self, end):
        """Keep those of the first `end` samples that have not been started from being so; return how many have."""
        self._memory[1] = end
        return self._memory[0]
