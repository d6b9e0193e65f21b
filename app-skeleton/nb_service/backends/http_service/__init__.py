"""The back end `http`: predictions over HTTP."""

from typing import TYPE_CHECKING

from nb_service.backends.http_service.lifecycle import HttpService
from nb_service.settings import Settings

if TYPE_CHECKING:
    from nb_service.log import Log
    from nb_service.pool import Pool
    from nb_service.pool.turns import TurnLoop


class Http:
    """Serves the pool's model on PORT."""

    def serve(self, loop: "TurnLoop", pool: "Pool", log: "Log", settings: Settings, environ: dict) -> int:
        """Serve until a signal; return the exit status."""
        return HttpService(loop, pool, log, settings, environ).run()
