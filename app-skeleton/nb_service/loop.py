"""The one loop of a front: sockets by waitress's dispatchers, timers, and calls from other threads."""

import heapq
import itertools
import os
import select
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from functools import partial

from waitress import wasyncore

LONGEST_WAIT = 1.0
READ = select.EPOLLIN | select.EPOLLPRI
# Told whether it was asked for or not.
_ENDS = select.EPOLLHUP | select.EPOLLERR


class Timer:
    """A call that is due at a time; `cancel` makes it none."""

    __slots__ = ("call", "cancelled")

    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call
        self.cancelled = False

    def cancel(self) -> None:
        """Let this timer pass without its call."""
        self.cancelled = True


class Loop:
    """Turns until `stop`. Everything but `from_thread`, `look_at` and `wake` is for the loop's own thread.

    A dispatcher that has `wants` (the events to wait for, 0 for none) is asked only after its own events and where
    `look_at` is called for it; all others are asked in each turn. A call that raises is a bug of ours: its traceback
    goes to stderr, and the service lives on.
    """

    def __init__(self) -> None:
        self.map = _Sockets(self._came, self._gone)
        self.after_turn: list[Callable[[], None]] = []
        self._soon: deque = deque()
        self._timers: list = []
        self._numbers = itertools.count()
        self._running = False
        self._thread = threading.get_ident()
        self._poller = select.epoll()
        self._asked: dict[int, int] = {}
        self._clients: dict = {}  # dispatchers that have `wants`
        self._others: dict = {}  # all other dispatchers, which are few
        self._changed: set[int] = set()  # numbers of those clients that may want to know something else now
        self._waker = _Waker(self.map)

    @property
    def waker_fd(self) -> int:
        """Return the descriptor that ends the wait when written to, for signal.set_wakeup_fd."""
        return self._waker.writer

    def soon(self, call: Callable[[], None]) -> None:
        """Call it on the next turn."""
        self._soon.append(call)

    def from_thread(self, call: Callable[[], None]) -> None:
        """Call it on the next turn; safe from any thread and from a signal handler."""
        self._soon.append(call)
        self._waker.wake()

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call it in `seconds`; return the timer."""
        timer = Timer(call)
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._numbers), timer))
        return timer

    def on_own_thread(self) -> bool:
        """Return whether the caller is on the loop's thread."""
        return threading.get_ident() == self._thread

    def wake(self) -> None:
        """End the current wait, from any thread."""
        self._waker.wake()

    def run(self) -> None:
        """Turn until `stop`."""
        self._running = True
        self._thread = threading.get_ident()
        while self._running:
            self.turn()

    def turn(self) -> None:
        """Wait for sockets, timers or calls, and deal with all that is due."""
        self._poll(self._wait())
        for _ in range(len(self._soon)):
            _guarded(self._soon.popleft())
        self._run_timers()
        for call in self.after_turn:
            _guarded(call)

    def stop(self) -> None:
        """Let `run` return after this turn."""
        self._running = False

    def look_at(self, fd: int) -> None:
        """Ask anew what the dispatcher of `fd` wants to know, before the next wait; safe from any thread."""
        if self.on_own_thread():
            self._changed.add(fd)
        else:
            self.from_thread(partial(self.look_at, fd))

    def close(self) -> None:
        """Close every socket that is still in the loop."""
        wasyncore.close_all(self.map, ignore_all=True)
        self._poller.close()

    def _poll(self, seconds: float) -> None:
        """Wait for sockets and let their dispatchers handle what came.

        Unlike wasyncore's own, this tells an event for a socket that was closed a moment ago from one for the new
        connection that got its number, and costs nothing for clients that say nothing.
        """
        self._ask_for()
        for fd, flags in self._poller.poll(seconds):
            if fd not in self._asked:
                continue
            client = self._clients.get(fd)
            if client is None:
                wasyncore.readwrite(self._others[fd], flags)
                continue
            wanted = client.wants()
            if wanted:
                wasyncore.readwrite(client, flags & (wanted | _ENDS))
            else:
                # It is told when it wants to know again, else of a client that hangs up in each turn.
                self._ask(fd, 0)
            self._changed.add(fd)

    def _ask_for(self) -> None:
        """Let the poller ask for what the dispatchers want to know now."""
        for fd, dispatcher in self._others.items():
            self._ask(fd, _wanted(dispatcher))
        changed, self._changed = self._changed, set()
        for fd in changed:
            client = self._clients.get(fd)
            # One that wants to know nothing, for an answer is on its way, soon wants what it is asked for already.
            if client is not None and (flags := client.wants()):
                self._ask(fd, flags)

    def _ask(self, fd: int, flags: int) -> None:
        asked = self._asked.get(fd, 0)
        if flags == asked:
            return
        if not flags:
            del self._asked[fd]
            self._poller.unregister(fd)
            return
        self._asked[fd] = flags
        if asked:
            self._poller.modify(fd, flags)
        else:
            self._poller.register(fd, flags)

    def _came(self, fd: int, dispatcher) -> None:
        if hasattr(dispatcher, "wants"):
            self._clients[fd] = dispatcher
            self._changed.add(fd)
        else:
            self._others[fd] = dispatcher

    def _gone(self, fd: int) -> None:
        self._ask(fd, 0)
        self._clients.pop(fd, None)
        self._others.pop(fd, None)

    def _wait(self) -> float:
        if self._soon:
            return 0.0
        if not self._timers:
            return LONGEST_WAIT
        # poll() counts whole milliseconds; rounding down would spin through the last one.
        return min(LONGEST_WAIT, max(0.0, self._timers[0][0] - time.monotonic() + 0.0005))

    def _run_timers(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            if not timer.cancelled:
                _guarded(timer.call)


def _wanted(dispatcher) -> int:
    """Return the events that wasyncore's dispatcher asks for."""
    flags = READ if dispatcher.readable() else 0
    if dispatcher.writable() and not dispatcher.accepting:
        flags |= select.EPOLLOUT
    return flags


class _Sockets(dict):
    """wasyncore's map of dispatchers by descriptor; `came` and `gone` hear of each before its socket is closed."""

    def __init__(self, came: Callable, gone: Callable) -> None:
        super().__init__()
        self._came = came
        self._gone = gone

    def __setitem__(self, fd: int, dispatcher) -> None:
        super().__setitem__(fd, dispatcher)
        self._came(fd, dispatcher)

    def __delitem__(self, fd: int) -> None:
        super().__delitem__(fd)
        self._gone(fd)


def _guarded(call: Callable[[], None]) -> None:
    try:
        call()
    except Exception:  # noqa: BLE001 - one request's trouble must not end the service
        traceback.print_exc()


class _Waker(wasyncore.dispatcher):
    """A pipe in the loop's map: a byte ends the wait."""

    def __init__(self, socket_map: dict) -> None:
        super().__init__(None, map=socket_map)
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._fileno = self._reader
        self.add_channel()

    @property
    def writer(self) -> int:
        """Return the end to write to, as signal.set_wakeup_fd wants it."""
        return self._writer

    def wake(self) -> None:
        try:
            os.write(self._writer, b"x")
        except BlockingIOError:
            # Full: the loop is about to wake up anyway.
            return

    def writable(self) -> bool:
        return False

    def handle_read_event(self) -> None:
        os.read(self._reader, 65536)

    def close(self) -> None:
        self.del_channel()
        os.close(self._reader)
        os.close(self._writer)
