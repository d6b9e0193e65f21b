"""The bus process: holds the broker's connections, and uses the pool over the inherited socket."""

import asyncio
import gc
import os
import signal
import socket
import sys
from pathlib import Path

from nb_service import identity, model_folder
from nb_service.backends.bus import brokers, place
from nb_service.backends.bus.consumer import Consumer
from nb_service.backends.bus.messages import Messages
from nb_service.pool.async_client import AsyncPoolClient
from nb_service.settings import Settings

REPORT_SECONDS = 0.5
# Number of new objects that triggers garbage collection.
GARBAGE = 50_000


async def serve(link: socket.socket, settings: Settings, served: identity.Identity) -> None:
    """Serve the bus for the model `served` until SIGTERM, with the pool at the other end of `link`."""
    where = place.read_place(settings, served.name)
    pool = await AsyncPoolClient.on(link, gone=_exit)

    def say(text: str) -> None:
        # When the front learns that the broker delivers samples, it reports the service as ready.
        pool.notify(consumer.numbers())
        pool.notify({"say": text})

    consumer = Consumer(
        brokers.make(where),
        pool,
        Messages(settings, served),
        say,
        str(where),
        tries=settings.bus_tries,
        reclaim=settings.bus_reclaim,
        arrays=settings.bus_arrays,
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, consumer.finish)
    reports = asyncio.create_task(_report(pool, consumer))
    # The existing objects are permanent. With thousands of samples in flight, the collector would scan them in vain.
    gc.freeze()
    gc.set_threshold(GARBAGE)
    await consumer.run()
    reports.cancel()
    pool.notify(consumer.numbers())
    pool.close()


async def _report(pool: AsyncPoolClient, consumer: Consumer) -> None:
    while True:
        pool.notify(consumer.numbers())
        await asyncio.sleep(REPORT_SECONDS)


def _exit() -> None:
    """Exit at once: the front has exited, and the scorers with it."""
    os._exit(0)


def main(args: list[str], environ: dict) -> int:
    """Serve over the socket whose descriptor is in `args`; return the exit status."""
    settings = Settings(environ)
    model = model_folder.read(Path(settings.app_root).absolute(), settings.trust)
    served = identity.read_identity(model, settings.model_name)
    asyncio.run(serve(socket.socket(fileno=int(args[0])), settings, served))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], dict(os.environ)))
