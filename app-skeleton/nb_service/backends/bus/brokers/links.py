"""What brokers have in common that push: one link at a time, which is a connection from its beginning to its end."""

import asyncio
import contextlib
from collections import deque
from typing import Generic, TypeVar
from urllib.parse import SplitResult

from nb_service.backends.bus.brokers import Away
from nb_service.backends.bus.place import Place

# How long a first message is waited for.
IDLE_SECONDS = 0.5

Message = TypeVar("Message")
AnyLink = TypeVar("AnyLink", bound="Link")


class Link(Generic[Message]):
    """One connection: what has `arrived` by it, why it is `gone` ("" while it is not) and what it is `blocked` by."""

    def __init__(self) -> None:
        self.arrived: deque[Message] = deque()
        self.gone = ""
        self.ended = asyncio.Event()
        self._news = asyncio.Event()

    @property
    def blocked(self) -> str:
        """Return why nothing that is published is taken, although the connection is well; "" where it is."""
        return ""

    def arrive(self, message: Message) -> None:
        """Take in a message."""
        self.arrived.append(message)
        self._news.set()

    def lose(self, reason: str) -> None:
        """Tell waiting callers that nothing will come any more; the first reason is the one that counts."""
        self.gone = self.gone or reason
        self._news.set()

    async def news(self) -> None:
        """Come back when something has arrived or the link is gone, at the latest after IDLE_SECONDS."""
        if not self.arrived:
            self._news.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._news.wait(), IDLE_SECONDS)

    def pop(self, most: int) -> list[Message]:
        """Return what has arrived, at most `most`, the oldest first."""
        return [self.arrived.popleft() for _ in range(min(most, len(self.arrived)))]

    async def close(self) -> None:
        """Hang up."""
        raise NotImplementedError


class Linked(Generic[AnyLink]):
    """A broker with a link, or none: its claims end with that. `largest` is as in Broker, until the link knows."""

    keeps_claims = False

    def __init__(self, place: Place, largest: int) -> None:
        self.largest = largest
        self._place = place
        self._address = 0
        self._link: AnyLink | None = None

    @property
    def blocked(self) -> str:
        """Return what the link is blocked by; see Broker."""
        return "" if self._link is None else self._link.blocked

    @property
    def _url(self) -> SplitResult:
        """Return the address to be tried now; `_address` counts those that were."""
        return self._place.urls[self._address % len(self._place.urls)]

    @property
    def _here(self) -> AnyLink:
        """Return the link; raise Away where there is none."""
        if self._link is None:
            raise Away("the connection is closed")
        return self._link

    async def close(self) -> None:
        """Hang up; what was not acknowledged the broker delivers again."""
        link, self._link = self._link, None
        if link is not None:
            await link.close()
