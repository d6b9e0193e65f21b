"""The service's event loop: asyncio's own, with a place at the end of each of its turns.

asyncio runs what `call_soon` was given in a turn of its own, and asks the kernel for news before it. What can be done
once all that a turn brought is known, samples dealt and sent, needs neither. So a selector of ours, which asyncio takes
by its documented interface, does it on the way to the wait.
"""

import asyncio
import selectors
from collections.abc import Callable


class TurnLoop(asyncio.SelectorEventLoop):
    """An event loop that does, once a turn has run all its callbacks, what it was told by `at_end`."""

    def __init__(self) -> None:
        self._ends = _Ends()
        super().__init__(self._ends)

    def at_end(self, call: Callable[[], bool]) -> None:
        """Call `call` once, before this loop waits the next time; it must not raise.

        It returns whether it gave the loop a callback or a timer: by then asyncio has settled for how long it waits.
        """
        self._ends.calls.append(call)


class _Ends(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Callable[[], bool]] = []

    def select(self, timeout: float | None = None) -> list:
        if self.calls:
            calls, self.calls = self.calls, []
            given = [call() for call in calls]
            # What a call left for the end of a turn is not for the end of this one, which has come.
            if any(given) or self.calls:
                timeout = 0
        return super().select(timeout)
