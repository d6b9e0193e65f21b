"""The back end `http`: predictions over HTTP, for clients that ask one at a time."""

from nb_service.http.server import HttpServer


class Http:
    """Serves the pool's model on PORT."""

    def serve(self, loop, pool, log, got: dict) -> int:
        """Serve until a signal; return the exit code."""
        return HttpServer(loop, pool, log, got).run()
