"""Starts the process with the scorers for a Spark worker, and keeps it until the worker exits."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import nb_service
from nb_service import model_folder, problems
from nb_service.backends.batch.formats.chunk import ROWS
from nb_service.backends.batch.scoring import Scoring
from nb_service.pool.client import PoolClient
from nb_service.protocols.rows import Rows
from nb_service.settings import Settings

from nb_spark import child

# After the first scorer was ready, give up if none has been for this many seconds.
ABSENCE_SECONDS = 60.0
# The path of our own packages; the child must not see the rest of the worker's path.
_PROGRAM = """\
import sys
sys.path.insert(0, sys.argv.pop(1))
from nb_spark.child import main
sys.exit(main(sys.argv[1:]))
"""


class Scorers:
    """The process with `count` scorers of the model in `app_root`, and its client.

    `digests` are the SHA-256 of the model's files if the driver has verified them.
    """

    def __init__(self, app_root: str, count: int, digests: Mapping[str, str] | None = None) -> None:
        environ = {**os.environ, "APP_ROOT": app_root, "WEB_CONCURRENCY": str(count)}
        # Errors in settings or files are raised here, where Spark shows them.
        model = model_folder.read(Path(app_root), child.trust_of(Settings(environ), digests))
        self.count = count
        self.rows = Rows(model.manifest.get("sample_schema") or model.sample_schema)
        self._gone = threading.Event()
        ours, theirs = socket.socketpair()
        home = os.path.dirname(os.path.dirname(os.path.abspath(nb_service.__file__)))
        verified = "" if digests is None else json.dumps(digests)
        command = [sys.executable, "-I", "-c", _PROGRAM, home, str(theirs.fileno()), app_root, verified]
        with theirs:
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=2,
                env=environ,
                cwd="/",
                # Spark kills its workers' process group with a signal. In a group of its own, the process can stop in
                # order when its socket closes.
                start_new_session=True,
            )
        self._client = PoolClient(ours, gone=self._gone.set)

    @property
    def alive(self) -> bool:
        """Return whether the process is running."""
        return not self._gone.is_set()

    def scoring(self, stop: threading.Event) -> Scoring:
        """Return an object that scores samples until `stop` is set."""
        return Scoring(self._client, self._is_ready, stop, ABSENCE_SECONDS, ROWS)

    def close(self) -> None:
        """Stop the process."""
        self._client.close()
        self._process.wait()

    def _is_ready(self) -> bool:
        facts = self._client.facts()
        if facts.get("problem"):
            raise problems.SparkUnscored(facts["problem"].rstrip("."))
        if not self.alive:
            raise problems.SparkUnscored("the process of the scorers has exited")
        return bool(facts.get("ready"))


_scorers: dict[tuple[str, int, str], Scorers] = {}


def get_scorers(app_root: str, count: int, digests: Mapping[str, str] | None = None) -> Scorers:
    """Return this worker's scorers of a model, and start them if needed."""
    # Scorers started without verification must not be used by jobs that require it.
    key = (app_root, count, json.dumps(digests, sort_keys=True))
    found = _scorers.get(key)
    if found is None or not found.alive:
        found = _scorers[key] = Scorers(app_root, count, digests)
    return found
