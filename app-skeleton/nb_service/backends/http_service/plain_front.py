"""Waitress on PORT itself, with nothing before it: for those who trust what stands in front of the service."""

import socket

from nb_service.backends.http_service.app_process import AppProcess


class PlainFront:
    """Stands where the front would: the app listens for itself, and is all there is."""

    def __init__(self, app: AppProcess, listener: socket.socket) -> None:
        self.closing = False
        self._app = app
        self._listener = listener
        app.is_alone = True
        app.start()

    @property
    def is_busy(self) -> bool:
        """Return whether the app is there still, which ends when it has answered."""
        return self._app.pid is not None

    def end_accepting(self) -> None:
        """Have the app answer what it has, and end."""
        self._listener.close()
        self._app.finish()

    def close_idle(self) -> None:
        """Do nothing: waitress closes its connections itself."""

    def close(self) -> None:
        """Close what is left."""
        self._listener.close()
