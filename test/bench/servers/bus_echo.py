"""Each sample is its own answer, by the clients of the back end `bus` and without a model: what the broker allows.

Reads the back end's own settings; S2I_BUS_GROUP must be set.
"""

import asyncio
import contextlib
import os
from collections import deque

from nb_service.backends.bus import brokers, place
from nb_service.backends.bus.brokers import Away, Broker, Delivery, Outcome
from nb_service.settings import Settings

# As many as the back end takes and settles at most.
AT_A_TIME, SETTLED = 512, 512


async def main() -> None:
    """Take and settle until a signal, through any number of connections."""
    settings = Settings(dict(os.environ))
    while True:
        broker = brokers.make(place.read_place(settings, settings.bus_group))
        # Whoever stood still for longer than a client waits finds its connection given up.
        with contextlib.suppress(Away):
            await serve(broker)
        await broker.close()


async def serve(broker: Broker) -> None:
    """Take and settle at once, as long as the connection lasts; raise Away."""
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

    both = [asyncio.create_task(take()), asyncio.create_task(settle())]
    try:
        await asyncio.gather(*both)
    finally:
        for task in both:
            task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
