"""Waitress on PORT itself, without the front: for services behind a proxy that is trusted."""

import socket

from nb_service.backends.http_service.app_process import AppProcess


class PlainFront:
    """Takes the place of the front: the app itself listens on PORT."""

    def __init__(self, app: AppProcess, listener: socket.socket) -> None:
        self.closing = False
        self._app = app
        self._listener = listener
        app.is_alone = True
        app.start()

    @property
    def is_busy(self) -> bool:
        """Return whether the app is still there; told to finish, it ends when it has answered."""
        return self._app.pid is not None

    def end_accepting(self) -> None:
        """Have the app answer what it has, and end."""
        self._listener.close()
        self._app.finish()

    def close_idle(self) -> None:
        """Do nothing: waitress closes its connections itself."""

    def close(self) -> None:
        """Close the listening socket."""
        self._listener.close()
