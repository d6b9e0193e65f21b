"""One budget for every byte that a service holds for its clients: arriving, waiting, or not taken."""

from collections.abc import Callable

# Bodies up to this size may have what larger ones leave free, so that small requests go on beside large ones.
SMALL = 1 << 16
# The part of the budget that is left to them.
SHARE_OF_SMALL = 8


class Budget:
    """Counts bytes against `limit`.

    What is in memory already is counted, whatever the limit; `is_full` tells when to read no more.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self._for_large = limit - limit // SHARE_OF_SMALL
        self._waiting: list[tuple[Callable[[], None], int]] = []

    def take(self, size: int) -> None:
        """Count `size` bytes that are held from now on."""
        self.held += size

    def give(self, size: int) -> None:
        """Count `size` bytes that are held no more; let those read on that wait for it."""
        self.held -= size
        if self._waiting and self.held < self.limit:
            for waiter in self._waiting.copy():
                # Each may take what the next one waits for.
                if not self.is_full(waiter[1]):
                    self._waiting.remove(waiter)
                    waiter[0]()

    def is_full(self, size: int = SMALL + 1) -> bool:
        """Return whether a body of `size` bytes, by default a large one, has to wait for others to end."""
        return self.held >= (self._for_large if size > SMALL else self.limit)

    def wait(self, call: Callable[[], None], size: int = SMALL + 1) -> None:
        """Call it once there is room again for a body of `size` bytes."""
        self._waiting.append((call, size))

    def leave(self, call: Callable[[], None]) -> None:
        """Call it no more."""
        self._waiting = [waiter for waiter in self._waiting if waiter[0] != call]
