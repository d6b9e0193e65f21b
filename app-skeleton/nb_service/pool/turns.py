"""The service's event loop: asyncio's own, with a hook at the end of each turn.

What `call_soon` schedules runs in the next turn, after another system call that asks for events. Dealing and sending
samples, once everything that a turn brought is known, needs neither. So a selector of ours, which asyncio accepts by
its documented interface, does that just before it waits.
"""

import asyncio
import selectors
from collections.abc import Callable


class TurnLoop(asyncio.SelectorEventLoop):
    """An event loop that calls what `at_end` was given once a turn has run all its callbacks."""

    def __init__(self) -> None:
        self._turn_selector = _TurnSelector()
        super().__init__(self._turn_selector)

    def at_end(self, call: Callable[[], bool]) -> None:
        """Call `call` once, just before this loop waits the next time; it must not raise.

        It returns whether it gave the loop a callback or a timer: asyncio has already decided how long to wait, and
        the selector then does not wait at all.
        """
        self._turn_selector.calls.append(call)


class _TurnSelector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Callable[[], bool]] = []

    def select(self, timeout: float | None = None) -> list:
        if self.calls:
            calls, self.calls = self.calls, []
            gave_work = [call() for call in calls]
            # A call may have registered another, which is for the end of the next turn: that must come at once.
            if any(gave_work) or self.calls:
                timeout = 0
        return super().select(timeout)
