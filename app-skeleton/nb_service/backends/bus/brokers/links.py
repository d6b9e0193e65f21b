"""Common code of brokers that push messages: one link at a time, which represents a connection until it closes."""

import asyncio
import contextlib
from collections import deque
from typing import Generic, TypeVar
from urllib.parse import SplitResult

from nb_service.backends.bus.brokers import Away
from nb_service.backends.bus.place import Place

# How long to wait for a first message.
IDLE_SECONDS = 0.5

Message = TypeVar("Message")
AnyLink = TypeVar("AnyLink", bound="Link")


class Link(Generic[Message]):
    """A connection: the messages that have `arrived`, why it is `gone` ("" while open) and why it is `blocked`."""

    def __init__(self) -> None:
        self.arrived: deque[Message] = deque()
        self.gone = ""
        self.ended = asyncio.Event()
        self._changed = asyncio.Event()

    @property
    def blocked(self) -> str:
        """Return why publishing is blocked although the connection works; "" if it isn't."""
        return ""

    def arrive(self, message: Message) -> None:
        """Add an incoming message."""
        self.arrived.append(message)
        self._changed.set()

    def lose(self, reason: str) -> None:
        """Wake all waiting callers, because nothing more will arrive; only the first reason is kept."""
        self.gone = self.gone or reason
        self._changed.set()

    async def wait(self) -> None:
        """Wait until a message has arrived or the link is gone, for IDLE_SECONDS at most."""
        if not self.arrived:
            self._changed.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), IDLE_SECONDS)

    def pop(self, most: int) -> list[Message]:
        """Return up to `most` messages that have arrived, oldest first."""
        return [self.arrived.popleft() for _ in range(min(most, len(self.arrived)))]

    async def close(self) -> None:
        """Disconnect."""
        raise NotImplementedError


class Linked(Generic[AnyLink]):
    """A broker with at most one link. Claims are lost with the link.

    `largest` is as in Broker until the link reports the actual limit.
    """

    keeps_claims = False

    def __init__(self, place: Place, largest: int) -> None:
        self.largest = largest
        self._place = place
        self._address = 0
        self._link: AnyLink | None = None

    @property
    def blocked(self) -> str:
        """Return why the link is blocked; see Broker."""
        return "" if self._link is None else self._link.blocked

    @property
    def _url(self) -> SplitResult:
        """Return the address to try next; `_address` counts the attempts."""
        return self._place.urls[self._address % len(self._place.urls)]

    @property
    def _here(self) -> AnyLink:
        """Return the link; raise Away if there is none."""
        if self._link is None:
            raise Away("the connection is closed")
        return self._link

    async def close(self) -> None:
        """Disconnect; the broker redelivers what was not acknowledged."""
        link, self._link = self._link, None
        if link is not None:
            await link.close()
