"""The service's event loop: asyncio's own, with a hook at the end of each turn.

A callback scheduled with `call_soon` runs in the next turn, after another system call for events. Distributing and
sending samples at the end of a turn avoids that call. So this module's selector, for which asyncio has a documented
interface, does it just before it waits.
"""

import asyncio
import selectors
from collections.abc import Callable


class TurnLoop(asyncio.SelectorEventLoop):
    """An event loop that runs the calls registered with `at_end` once a turn has run all its callbacks."""

    def __init__(self) -> None:
        self._turn_selector = _TurnSelector()
        super().__init__(self._turn_selector)

    def at_end(self, call: Callable[[], bool]) -> None:
        """Run `call` once, just before this loop next waits; it must not raise.

        `call` returns whether it scheduled a callback or a timer: asyncio has already decided how long to wait, so the
        selector must then not wait at all.
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
            # A call may register another one for the end of the next turn, which must then follow at once.
            if any(gave_work) or self.calls:
                timeout = 0
        return super().select(timeout)
