"""The items of a stream that were sent but not taken by the client; both front and scorer count them."""

import collections
import itertools

# The scorer waits once this many items, or bytes of them, have not been taken.
MAX_ITEMS = 16
MAX_BYTES = 1 << 18


class UntakenItems(object):
    """The sizes of the items that were sent but not taken, oldest first."""

    def __init__(self):
        self._sizes: collections.deque = collections.deque()
        self._size = 0

    @property
    def is_full(self):
        """Return whether the scorer waits until the client has taken more."""
        return len(self._sizes) >= MAX_ITEMS or self._size >= MAX_BYTES

    def add(self, size):
        """Count an item of `size` bytes."""
        self._sizes.append(size)
        self._size += size

    def take(self, count):
        """Remove the oldest `count` items, or all if there are fewer."""
        for _ in range(min(count, len(self._sizes))):
            self._size -= self._sizes.popleft()

    def size_of(self, count):
        """Return the bytes of the oldest `count` items."""
        return sum(itertools.islice(self._sizes, count))
