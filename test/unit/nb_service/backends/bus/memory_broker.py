"""A broker in memory that keeps every promise of Broker, and can be made to be away, to forget and to lose claims."""

import asyncio
from collections import deque

from nb_service.backends.bus.brokers import Away, Delivery, Lag


class MemoryBroker:
    """Messages wait in `waiting`; `published` has (is_error, body, headers, key) of all that was settled, in order.

    `away` is why it can't be used, "" while it can. Messages taken, but not settled, are delivered
    again when their connection closes, once `redeliver` is called.
    """

    largest = 1 << 20
    blocked = ""

    def __init__(self, keeps_claims: bool = True) -> None:
        self.keeps_claims = keeps_claims
        self.waiting: deque[Delivery] = deque()
        self.taken: dict[str, Delivery] = {}
        self.published: list[tuple] = []
        self.settles: list[int] = []  # how many outcomes each call had
        self.asked_for: list[int] = []  # how many each take might have had
        self.given_back: list[str] = []
        self.held: list[list[str]] = []
        self.passed_on: set[str] = set()  # ids of which somebody else has the claim now
        self.away = ""
        self.away_in_settle = ""
        self.connects = self.closes = self.stops = 0
        self._numbers = 0
        self._changed = asyncio.Event()

    def put(self, body: bytes, key: str | None = None, deliveries: int = 1, **headers: str) -> str:
        """Publish a sample; return its id."""
        self._numbers += 1
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.waiting.append(Delivery(body, f"m.{self._numbers}", named, key, key, deliveries, 1.0))
        self._changed.set()
        return f"m.{self._numbers}"

    def redeliver(self) -> None:
        """Deliver everything again that was taken, but not settled."""
        for delivery in self.taken.values():
            again = Delivery(
                delivery.body, delivery.id, delivery.headers, delivery.key, delivery.lane, delivery.deliveries + 1, 1.0
            )
            self.waiting.append(again)
        self.taken.clear()
        self._changed.set()

    def _check(self) -> None:
        if self.away:
            raise Away(self.away)

    # --- Broker ---

    async def connect(self, most: int) -> None:
        """Count it."""
        self.connects += 1
        self._check()

    async def take(self, most: int) -> list[Delivery]:
        """Return what waits."""
        self.asked_for.append(most)
        self._check()
        if not self.waiting:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), 0.02)
            except asyncio.TimeoutError:
                return []
        self._check()
        some = [self.waiting.popleft() for _ in range(min(most, len(self.waiting)))]
        self.taken.update({delivery.id: delivery for delivery in some})
        return some

    async def stop(self) -> None:
        """Count it."""
        self.stops += 1

    async def settle(self, outcomes) -> list:
        """Publish all but what was passed on."""
        await asyncio.sleep(0)
        self._check()
        if self.away_in_settle:
            raise Away(self.away_in_settle)
        self.settles.append(len(outcomes))
        lost = [outcome for outcome in outcomes if outcome.delivery.id in self.passed_on]
        for outcome in outcomes:
            if outcome not in lost:
                self.published.append((outcome.is_error, outcome.body, outcome.headers, outcome.delivery.key))
            self.taken.pop(outcome.delivery.id, None)
        return lost

    async def hold(self, deliveries) -> None:
        """Note it."""
        self.held.append([delivery.id for delivery in deliveries])

    async def lag(self) -> Lag:
        """Return what waits."""
        self._check()
        return Lag(len(self.waiting), 1.0)

    async def give_back(self, deliveries) -> None:
        """Note it."""
        self.given_back += [delivery.id for delivery in deliveries]

    async def close(self) -> None:
        """Wake the consumers."""
        self.closes += 1
        self._changed.set()
