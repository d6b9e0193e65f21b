"""The back end `http`: predictions over HTTP, for clients that ask one at a time."""

from nb_service.backends.http_service.lifecycle import HttpService
from nb_service.settings import Settings


class Http:
    """Serves the pool's model on PORT."""

    def serve(self, loop, pool, log, settings: Settings, environ: dict) -> int:
        """Serve until a signal; return the exit code."""
        return HttpService(loop, pool, log, settings, environ).run()
