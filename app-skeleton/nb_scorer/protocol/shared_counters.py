"""Counters in memory shared with the front: samples that a scorer has started, and samples that it must hand back.

If a scorer dies, the first counter identifies the sample that it was working on, without a system call per sample. The
second takes back samples that were sent but not started, while the scorer is too busy to read. Both count all samples
of a link. The third changes whenever a sample of an array scored one by one is done, so that the time limit applies to
each sample. The fourth identifies a sample whose prediction is no longer needed, so that a growing list of its items
ends.
"""

import mmap

SIZE = 32


class SharedCounters(object):
    """The counters of one link in the file `fd` of SIZE bytes; `fd` may be closed afterwards.

    If a scorer has several links, the file has SIZE bytes for each of them, and `lane` is the number of this link.
    """

    def __init__(self, fd, lane=0):
        memory = memoryview(mmap.mmap(fd, SIZE * (lane + 1)))
        self._memory = memory[SIZE * lane :].cast("Q")

    def start(self, samples=1):
        """Count `samples` more as started, together if they are scored in one call.

        Return how many of them, from the first on, the front has called back: these must not be scored.
        """
        memory = self._memory
        first = memory[0]
        # Each side first writes its own counter and then reads the other's, so at least one of them sees the other's
        # write.
        memory[0] = first + samples
        return max(0, min(samples, memory[1] - first))

    @property
    def started(self):
        """Return how many samples were started, or called back in time."""
        return self._memory[0]

    def note_progress(self):
        """Record that a sample within an array is done."""
        self._memory[2] += 1

    @property
    def progress(self):
        """Return a number that changes when progress is recorded."""
        return self._memory[2]

    def withdraw(self, sample):
        """Record that a sample's prediction is no longer needed; `sample` is its number in the count of starts."""
        self._memory[3] = sample

    def is_withdrawn(self):
        """Return whether the prediction of the sample that was started last is no longer needed."""
        return self._memory[3] == self._memory[0]

    def call_back(self, end):
        """Call back those of the first `end` samples that have not been started; return how many have."""
        self._memory[1] = end
        return self._memory[0]
