"""The back end `bus`: takes samples from a message broker and publishes predictions, in addition to HTTP."""

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
    """Serves the pool's model through a message broker, and HTTP on PORT."""

    def serve(self, loop: "TurnLoop", pool: "Pool", log: "Log", settings: Settings, environ: dict) -> int:
        """Serve until a signal; return the exit status. Raise a Problem of the bus before the model is loaded."""
        where = place.read_place(settings, identity.read_identity(pool.model, settings.model_name).name)
        brokers.check(where.scheme)
        companion = BusProcess(loop, pool, where, environ, log)
        return HttpService(loop, pool, log, settings, environ, companion).run()
