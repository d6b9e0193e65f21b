"""The back end `http`: predictions over HTTP, for clients that ask one at a time."""

from nb_service.backends.http_service.lifecycle import HttpService


class Http:
    """Serves the pool's model on PORT."""

    def serve(self, loop, pool, log, got: dict, environ: dict) -> int:
        """Serve until a signal; return the exit code."""
        return HttpService(loop, pool, log, got, environ).run()
