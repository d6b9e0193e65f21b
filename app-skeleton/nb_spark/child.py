"""A process next to each Spark worker that runs the scorers, and serves the pool over an inherited socket.

A Spark worker is a thread of a program that isn't ours, but the pool needs the main thread of a process, and its
signals. This process exits when the worker's end of the socket closes, for whatever reason.
"""

import json
import os
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from nb_service import model_folder, stdio_capture
from nb_service.pool import Pool, make_plan
from nb_service.pool.socket_server import PoolServer
from nb_service.pool.turns import TurnLoop
from nb_service.problems import Problem
from nb_service.settings import Settings
from nb_service.signature.trust import Known, Trust

# Give up if the system can't start a process for this long.
PATIENCE_SECONDS = 60.0


def main(args: Sequence[str]) -> int:
    """Serve the model of the APP_ROOT in `args` over the descriptor in `args`; return the exit status.

    The third argument is a JSON object with the digests of the model's files if the driver has verified them, else "".
    """
    descriptor, app_root, digests = int(args[0]), args[1], args[2]
    environ = {**os.environ, "APP_ROOT": app_root}
    values = Settings(environ)
    model = model_folder.read(Path(app_root), trust_of(values, json.loads(digests) if digests else None))
    with stdio_capture.opened_log(values.log_format, to_stderr=True) as log:
        loop = TurnLoop()
        try:
            Child(loop, Pool(loop, model, make_plan(model, values, environ), log.say)).run(descriptor)
        finally:
            loop.close()
    return 0


def trust_of(values: Settings, digests: Mapping[str, str] | None) -> Trust | Known | None:
    """Return what an executor verifies models with: its own settings if it has any, else the driver's digests."""
    return values.trust or (None if digests is None else Known(digests))


class Child:
    """The pool and its single client; if the model can't be loaded, reports that until the client disconnects."""

    def __init__(self, loop: TurnLoop, pool: Pool) -> None:
        self._loop = loop
        self._pool = pool
        self._problem = ""

    def run(self, descriptor: int) -> None:
        """Serve until the client disconnects."""
        self._pool.manager.on_fatal = self._fail
        self._pool.manager.on_unfit = self._note
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self._loop.add_signal_handler(number, self._loop.stop)
        self._loop.add_signal_handler(signal.SIGCHLD, self._pool.manager.reap)
        server = PoolServer(self._loop, self._pool, socket.socket(fileno=descriptor), self._facts, self._loop.stop)
        self._pool.start()
        try:
            self._loop.run_forever()
        finally:
            server.close()
            self._pool.stop()

    def _facts(self) -> dict:
        manager = self._pool.manager
        hopeless = manager.stopping or not (manager.warm or manager.accepts_samples)
        problem = self._problem if hopeless else ""
        if (
            not self._pool.ready
            and manager.start_failure
            and time.monotonic() - manager.start_failure.since > PATIENCE_SECONDS
        ):
            problem = f"No process that has the model can be started ({manager.start_failure.reason})."
        return {"ready": self._pool.ready, "problem": problem}

    def _fail(self, problem: Problem) -> None:
        self._problem = f"{problem.what} {problem.why}"

    def _note(self, message: str) -> None:
        self._problem = message
