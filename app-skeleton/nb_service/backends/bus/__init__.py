"""The back end `bus`: samples from one place of a message broker, predictions to another; HTTP goes on next to it."""

from typing import TYPE_CHECKING

from nb_service import identity
from nb_service.backends.bus import brokers, place
from nb_service.backends.bus.bus_process import BusProcess
from nb_service.backends.http_service.lifecycle import HttpService
from nb_service.settings import Settings

if TYPE_CHECKING:
    from nb_service.log import Log
    from nb_service.pool import Pool
    from nb_service.pool.turns import TurnLoop


class Bus:
    """Serves the pool's model to a message broker, and on PORT."""

    def serve(self, loop: "TurnLoop", pool: "Pool", log: "Log", settings: Settings, environ: dict) -> int:
        """Serve until a signal; return the exit code. Raise a Problem of the bus before the model loads."""
        where = place.of(settings, identity.of(pool.model, settings.model_name).name)
        brokers.check(where.scheme)
        companion = BusProcess(loop, pool, where, environ, log)
        return HttpService(loop, pool, log, settings, environ, companion).run()
