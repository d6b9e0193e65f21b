"""Serves PORT with waitress instead of the front, for services behind a trusted proxy."""

import socket

from nb_service.backends.http_service.app_process import AppProcess


class PlainFront:
    """Replaces the front: the app itself listens on PORT."""

    def __init__(self, app: AppProcess, listener: socket.socket) -> None:
        self.closing = False
        self._app = app
        self._listener = listener
        app.is_alone = True
        app.start()

    @property
    def is_busy(self) -> bool:
        """Return whether the app is still running; after finish() it exits when its requests are done."""
        return self._app.pid is not None

    def end_accepting(self) -> None:
        """Make the app finish its requests and exit."""
        self._listener.close()
        self._app.finish()

    def close_idle(self) -> None:
        """Do nothing: waitress closes its connections itself."""

    def close(self) -> None:
        """Close the listening socket."""
        self._listener.close()
