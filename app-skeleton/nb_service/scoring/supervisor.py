"""The front's side of the zygote: starts it, sends it the scorers' sockets, hears what becomes of them."""

import json
import os
import signal
import socket
import subprocess
import traceback
from typing import Protocol

from nb_scorer import boot
from nb_scorer.orders import KILL, ORDER, START
from waitress import wasyncore

from nb_service import problems
from nb_service.model_folder import ModelFolder
from nb_service.scoring.plan import Plan


class Owner(Protocol):
    """Who is told what the zygote says."""

    def zygote_loaded(self, threads: int) -> None:
        """Hear that it takes orders; the operating system counts `threads` in it."""

    def zygote_failed(self, facts: dict) -> None:
        """Hear that the model does not load: `facts` has code, what, why, fix, traceback."""

    def scorer_exited(self, number: int, status: int) -> None:
        """Hear that the scorer `number` ended with the wait status `status`."""

    def zygote_gone(self, ending: str) -> None:
        """Hear that the zygote itself ended."""


class Supervisor(wasyncore.dispatcher):
    """A running zygote in `mode` (fork or spawn); it and its scorers print in the form that `plan` wants."""

    def __init__(self, model: ModelFolder, mode: str, plan: Plan, owner: Owner, socket_map: dict, stdout=None):
        ours, theirs = socket.socketpair()
        argv = boot.command(
            *(model.python, "zygote", theirs.fileno(), os.getpid(), mode, plan.log_format),
            *(model.folder, model.notebook_folder),
        )
        try:
            self._process = subprocess.Popen(
                argv,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                env=plan.environment,
                cwd="/",
                # Ctrl-C in a terminal is for the front alone; it ends the scorers in its own time.
                start_new_session=True,
            )
        except OSError as reason:
            ours.close()
            raise problems.load_not_started(model.python, reason.strerror or str(reason)) from reason
        finally:
            theirs.close()
        super().__init__(ours, map=socket_map)
        self._owner = owner
        self._heard = bytearray()

    @property
    def pid(self) -> int:
        """Return the zygote's process id."""
        return self._process.pid

    def start(self, number: int, fds: list[int]) -> None:
        """Let the zygote start a scorer with `fds`: its end of the link, and its tally."""
        self._order(START, number, fds)

    def kill(self, number: int) -> None:
        """Let the zygote kill that scorer with all that it started."""
        self._order(KILL, number, [])

    def end(self, seconds: float) -> None:
        """Close the control socket, at which the zygote kills its children and ends; wait `seconds`."""
        if self._fileno is not None:
            self.close()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def reap(self) -> None:
        """Collect the zygote's exit status if it ended."""
        self._process.poll()

    def writable(self) -> bool:
        """Never ask: orders are sent at once."""
        return False

    def handle_read_event(self) -> None:
        """Hear what the zygote says."""
        if self._fileno is None:
            return
        try:
            data = self.socket.recv(65536)
        except (BlockingIOError, InterruptedError):
            return
        except ConnectionError:
            data = b""
        if not data:
            self._gone()
            return
        self._heard += data
        *lines, rest = bytes(self._heard).split(b"\n")
        self._heard = bytearray(rest)
        for line in lines:
            self._event(json.loads(line))

    def handle_close(self) -> None:
        """Hear its last words first."""
        while self._fileno is not None:
            self.handle_read_event()

    def handle_error(self) -> None:
        """Show what was raised here, a bug of ours; the zygote is no worse for it."""
        traceback.print_exc()

    def _order(self, order: bytes, number: int, fds: list[int]) -> None:
        try:
            socket.send_fds(self.socket, [ORDER.pack(order, number)], fds)
        except (ConnectionError, BlockingIOError):
            # Gone or hopelessly behind: the end of file on its socket is handled as its death.
            return

    def _event(self, said: dict) -> None:
        if self._fileno is None:
            return
        if said["event"] == "loaded":
            self._owner.zygote_loaded(said["threads"])
        elif said["event"] == "failed":
            self._owner.zygote_failed(said)
        else:
            self._owner.scorer_exited(said["scorer"], said["status"])

    def _gone(self) -> None:
        self.close()
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._owner.zygote_gone(ending(code))


def ending(code: int) -> str:
    """Return a Popen's return code in words: "ended with exit code 1", "was killed by signal 9 (SIGKILL)"."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = f" ({signal.Signals(-code).name})"
    except ValueError:
        name = ""
    return f"was killed by signal {-code}{name}"
