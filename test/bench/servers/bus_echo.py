"""Each sample is its own answer, by the clients of the back end `bus` and without a model: what the broker allows.

Reads the back end's own settings; S2I_BUS_GROUP must be set.
"""

import asyncio
import os
from collections import deque

from nb_service.backends.bus import brokers, place
from nb_service.backends.bus.brokers import Delivery, Outcome
from nb_service.settings import Settings

# As many as the back end takes and settles at most.
AT_A_TIME, SETTLED = 512, 512


async def serve() -> None:
    """Take and settle until a signal, at once."""
    settings = Settings(dict(os.environ))
    broker = brokers.make(place.of(settings, settings.bus_group))
    await broker.connect(AT_A_TIME)
    taken: deque[Delivery] = deque()
    change = asyncio.Event()

    async def take() -> None:
        while True:
            if len(taken) >= AT_A_TIME:
                change.clear()
                await change.wait()
            taken.extend(await broker.take(AT_A_TIME - len(taken)))
            change.set()

    async def settle() -> None:
        while True:
            if not taken:
                change.clear()
                await change.wait()
                continue
            some = [taken[index] for index in range(min(SETTLED, len(taken)))]
            await broker.settle(
                [Outcome(each, False, each.body, {"content-type": "application/json"}) for each in some]
            )
            for _ in some:
                taken.popleft()
            change.set()

    await asyncio.gather(take(), settle())


if __name__ == "__main__":
    asyncio.run(serve())
