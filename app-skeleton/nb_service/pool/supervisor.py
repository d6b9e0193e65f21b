"""The front's side of the zygote: starts it, sends it the scorers' sockets, hears what becomes of them."""

import json
import os
import socket
import subprocess
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Protocol

from nb_scorer.common import phrases
from nb_scorer.protocol import launch
from nb_scorer.protocol.orders import KILL, ORDER, START

from nb_service.model_folder import ModelFolder
from nb_service.pool.guard import guarded
from nb_service.pool.plan import Plan

if TYPE_CHECKING:
    import asyncio

# An order to start a scorer is confirmed right after the fork: a zygote that is silent for so many beats, each of
# so many seconds, is stopped or hangs. Beats are counted, not time: a machine that was frozen as a whole wakes up
# with one of them gone.
BEAT_SECONDS = 1.0
MOST_BEATS = 10
# Its sockets are closed a moment before it is gone; for so long it is let be.
EXIT_SECONDS = 1.0
EXIT_LOOK_SECONDS = 0.005
# An order to kill that did not leave is given again.
KILL_AGAIN_SECONDS = 1.0


class Owner(Protocol):
    """Who is told what the zygote says."""

    def zygote_loaded(self, threads: int, unforkable: Sequence[str]) -> None:
        """Hear that it takes orders; the operating system counts `threads` in it.

        `unforkable` are the libraries in it that are known to hang in a forked process.
        """

    def zygote_failed(self, facts: dict) -> None:
        """Hear that the model does not load: `facts` has code, what, why, fix, traceback."""

    def zygote_stuck(self) -> None:
        """Hear that it takes no orders, and is killed now with every scorer; `zygote_gone` follows."""

    def scorer_started(self, number: int) -> None:
        """Hear that the scorer `number` is a process now."""

    def scorer_unstarted(self, number: int, why: str) -> None:
        """Hear that the scorer `number` could not be started for the reason `why`."""

    def scorer_exited(self, number: int, status: int) -> None:
        """Hear that the scorer `number` ended with the wait status `status`."""

    def zygote_gone(self, ending: str) -> None:
        """Hear that the zygote itself ended."""


class Supervisor:
    """A running zygote in `mode` (fork or spawn); it and its scorers print in the form that `plan` wants.

    Making one raises OSError where the system can't start a process; everything is for the loop's thread.
    """

    def __init__(
        self,
        model: ModelFolder,
        mode: str,
        plan: Plan,
        owner: Owner,
        loop: "asyncio.AbstractEventLoop",
        stdout: IO | None = None,
    ) -> None:
        self._owner = owner
        self._loop = loop
        self._buffer = bytearray()
        self._unconfirmed: dict[int, int] = {}  # beats since the order, by the scorer's number
        self._beat: asyncio.TimerHandle | None = None
        self._dismissed = False
        self._socket, theirs = socket.socketpair()
        try:
            self._process = self._popen(model, mode, plan, theirs, stdout)
        except OSError:
            self._socket.close()
            raise
        finally:
            theirs.close()
        self._listen()

    def _popen(
        self, model: ModelFolder, mode: str, plan: Plan, theirs: socket.socket, stdout: IO | None
    ) -> subprocess.Popen:
        argv = launch.command(
            *(model.python, "zygote", theirs.fileno(), os.getpid(), mode, plan.log_format),
            *(model.folder, model.notebook_folder),
        )
        return subprocess.Popen(
            argv,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            env=plan.environment,
            cwd="/",
            # Ctrl-C in a terminal is for the front alone; it ends the scorers in its own time.
            start_new_session=True,
        )

    def _listen(self) -> None:
        self._socket.setblocking(False)
        try:
            self._loop.add_reader(self._socket.fileno(), guarded, self._readable)
        except OSError:
            self.end(0)
            raise

    @property
    def pid(self) -> int:
        """Return the zygote's process id."""
        return self._process.pid

    def start(self, number: int, fds: list[int]) -> None:
        """Let the zygote start a scorer with `fds`: its end of the link, and its tally.

        Raise OSError where the order can't be given now, ConnectionError where the zygote is gone.
        """
        self._order(START, number, fds)
        self._unconfirmed[number] = 0
        self._count_beats()

    def awaits(self, number: int) -> bool:
        """Return whether the zygote has not said yet what became of the order to start that scorer."""
        return number in self._unconfirmed

    def kill(self, number: int) -> None:
        """Let the zygote kill that scorer with all that it started."""
        if not self._open:
            return
        try:
            self._order(KILL, number, [])
        except ConnectionError:
            return
        except OSError:
            self._loop.call_later(KILL_AGAIN_SECONDS, guarded, self.kill, number)

    def end(self, seconds: float) -> None:
        """Close the control socket, at which the zygote kills its children and ends; wait `seconds`."""
        self._dismissed = True
        self._close()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def reap(self) -> None:
        """Collect the zygote's exit status if it ended."""
        self._process.poll()

    @property
    def _open(self) -> bool:
        return self._socket.fileno() >= 0

    def _order(self, order: bytes, number: int, fds: list[int]) -> None:
        if not self._open:
            raise ConnectionError
        socket.send_fds(self._socket, [ORDER.pack(order, number)], fds)

    def _readable(self) -> None:
        try:
            data = self._socket.recv(65536)
        except (BlockingIOError, InterruptedError):
            return
        except ConnectionError:
            data = b""
        if not data:
            self._gone()
            return
        self._buffer += data
        *lines, rest = bytes(self._buffer).split(b"\n")
        self._buffer = bytearray(rest)
        for line in lines:
            guarded(self._event, line)

    def _event(self, line: bytes) -> None:
        if not self._open:
            return
        said = json.loads(line)
        event, number = said["event"], said.get("scorer")
        if event == "loaded":
            self._owner.zygote_loaded(said["threads"], said["unforkable"])
        elif event == "failed":
            self._owner.zygote_failed(said)
        elif event == "started":
            self._unconfirmed.pop(number, None)
            self._owner.scorer_started(number)
        elif event == "unstarted":
            self._unconfirmed.pop(number, None)
            self._owner.scorer_unstarted(number, said["why"])
        else:
            self._owner.scorer_exited(number, said["status"])

    # --- a zygote that takes no orders ---

    def _count_beats(self) -> None:
        if self._beat is None and self._unconfirmed:
            self._beat = self._loop.call_later(BEAT_SECONDS, guarded, self._beaten)

    def _beaten(self) -> None:
        self._beat = None
        self._unconfirmed = {number: beats + 1 for number, beats in self._unconfirmed.items()}
        if all(beats < MOST_BEATS for beats in self._unconfirmed.values()):
            self._count_beats()
            return
        guarded(self._owner.zygote_stuck)
        self._process.kill()
        self._gone()

    # --- its end ---

    def _close(self) -> None:
        self._unconfirmed.clear()
        if self._beat is not None:
            self._beat.cancel()
        if self._open:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def _gone(self) -> None:
        self._close()
        self._await_exit(int(EXIT_SECONDS / EXIT_LOOK_SECONDS))

    def _await_exit(self, looks: int) -> None:
        """Tell the owner when the process is gone; kill it after so many looks, and never wait for it here."""
        if self._dismissed:
            return
        code = self._process.poll()
        if code is not None:
            self._owner.zygote_gone(phrases.ending(code))
            return
        if looks == 0:
            self._process.kill()
        self._loop.call_later(EXIT_LOOK_SECONDS, guarded, self._await_exit, looks - 1)
