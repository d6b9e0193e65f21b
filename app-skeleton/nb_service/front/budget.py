"""Limits the bytes that a service holds for its clients: arriving, waiting, or not yet sent."""

from collections.abc import Callable

# Part of the budget is reserved for bodies up to this size, so that small requests proceed when large ones fill the
# rest.
SMALL = 1 << 16
# The reserved part: one eighth.
SHARE_OF_SMALL = 8


class Budget:
    """Counts bytes against `limit`.

    It counts bytes that are in memory already, even above the limit. `is_full` returns whether to stop reading.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self._for_large = limit - limit // SHARE_OF_SMALL
        self._waiting: list[tuple[Callable[[], None], int]] = []

    def take(self, size: int) -> None:
        """Count `size` more bytes as held."""
        self.held += size

    def give(self, size: int) -> None:
        """Count `size` bytes as released, and call waiting callbacks while there is room."""
        self.held -= size
        if self._waiting and self.held < self.limit:
            for entry in self._waiting.copy():
                # Checked for each callback, because the previous one may have used the room.
                if not self.is_full(entry[1]):
                    self._waiting.remove(entry)
                    entry[0]()

    def is_full(self, size: int = SMALL + 1) -> bool:
        """Return whether a body of `size` bytes, by default a large one, has to wait until other bytes are released."""
        return self.held >= (self._for_large if size > SMALL else self.limit)

    def wait(self, callback: Callable[[], None], size: int = SMALL + 1) -> None:
        """Call `callback` once there is room again for a body of `size` bytes."""
        self._waiting.append((callback, size))

    def stop_waiting(self, callback: Callable[[], None]) -> None:
        """Don't call `callback` any more."""
        self._waiting = [entry for entry in self._waiting if entry[0] != callback]
