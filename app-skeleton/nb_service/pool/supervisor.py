"""The front's side of the zygote: starts it, sends it the scorers' sockets, and receives its reports.

Scorers are not children of the front. They run in the model's Python; those forked from the process that has loaded the
model share its memory and start within milliseconds. The zygote never predicts, so the notebook's code can't block it.
"""

import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Callable, Sequence
from typing import IO, TYPE_CHECKING, Protocol

from nb_scorer.common import phrases
from nb_scorer.protocol import launch
from nb_scorer.protocol.orders import ALL, KILL, ORDER, START, WAIT

from nb_service.model_folder import ModelFolder
from nb_service.pool.guard import guarded
from nb_service.pool.plan import Plan

if TYPE_CHECKING:
    import asyncio

# The zygote confirms an order to start a scorer right after the fork. If it is silent for MAX_BEATS intervals of this
# length, it is stopped or hangs. Intervals are counted rather than time: while the whole machine is frozen, only one
# passes.
BEAT_SECONDS = 1.0
MAX_BEATS = 10
# A process closes its sockets a moment before it can be reaped. A zygote that has not exited after this long is killed.
EXIT_SECONDS = 1.0
EXIT_LOOK_SECONDS = 0.005
# A report is one line: a few numbers, or why the model does not load, with a truncated traceback. A longer one was not
# written by the zygote, but by a notebook while its model loaded.
MAX_REPORT_BYTES = 1 << 20
# The seconds before a kill order is sent again if the socket's buffer was full.
KILL_AGAIN_SECONDS = 1.0


class Owner(Protocol):
    """Callbacks of a supervisor for the zygote's reports."""

    def zygote_loaded(self, threads: int, unforkable: Sequence[str]) -> None:
        """Handle the report that the zygote accepts orders; it has `threads` operating system threads.

        `unforkable` are its libraries that are known to hang in a forked process.
        """

    def zygote_failed(self, facts: dict) -> None:
        """Handle the report that the model does not load: `facts` contains code, what, why, fix and traceback."""

    def zygote_stuck(self) -> None:
        """Handle a zygote that hangs: it is killed with every scorer, and `zygote_gone` is called later."""

    def scorer_started(self, number: int) -> None:
        """Handle the report that the scorer `number` is now a process."""

    def scorer_unstarted(self, number: int, why: str) -> None:
        """Handle the report that the scorer `number` could not be started; `why` is the reason."""

    def scorer_exited(self, number: int, status: int) -> None:
        """Handle the report that the scorer `number` exited with the wait status `status`."""

    def zygote_gone(self, ending: str) -> None:
        """Handle the zygote's exit."""


class Supervisor:
    """A running zygote in `mode` (fork or spawn); it and its scorers print in the log format of `plan`.

    The constructor raises OSError if the system can't start a process. For the loop's thread only.
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
        self._unconfirmed: dict[int, int] = {}  # intervals since the order, by the scorer's number
        self._beat: asyncio.TimerHandle | None = None
        self._ending = False
        self._socket, zygote_socket = socket.socketpair()
        try:
            self._process = self._popen(model, mode, plan, zygote_socket, stdout)
        except OSError:
            self._socket.close()
            raise
        finally:
            # If a copy stayed open here, the zygote's exit would never be noticed.
            zygote_socket.close()
        self._listen()

    def _popen(
        self, model: ModelFolder, mode: str, plan: Plan, zygote_socket: socket.socket, stdout: IO | None
    ) -> subprocess.Popen:
        argv = launch.command(
            *(model.python, "zygote", zygote_socket.fileno(), os.getpid(), mode, plan.log_format),
            "1" if plan.runs_setup else "0",
            *(model.folder, model.notebook_folder, "" if model.digests is None else json.dumps(dict(model.digests))),
            json.dumps({"pixels": plan.max_pixels, "frames": plan.max_frames, "items": plan.largest_answer}),
        )
        return subprocess.Popen(
            argv,
            pass_fds=[zygote_socket.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            env=plan.environment,
            cwd="/",
            # A terminal sends Ctrl-C to every process of its session. Only the front should get it, because it stops
            # the scorers after they have finished.
            start_new_session=True,
        )

    def _listen(self) -> None:
        self._socket.setblocking(False)
        try:
            self._loop.add_reader(self._socket.fileno(), guarded, self._on_readable)
        except OSError:
            self.end(0)
            raise

    @property
    def pid(self) -> int:
        """Return the zygote's process id."""
        return self._process.pid

    def start(self, number: int, fds: list[int], gpu: int = ALL) -> None:
        """Order the zygote to start a scorer with `fds`: its end of each link, and the file of their counters.

        `gpu` is the index, in the plan's CUDA_VISIBLE_DEVICES, of the only GPU that the scorer may use. Raises OSError
        if the order can't be sent now, ConnectionError if the zygote has exited.
        """
        self._order(START, number, fds, gpu)
        self._unconfirmed[number] = 0
        self._schedule_beat()

    def awaits(self, number: int) -> bool:
        """Return whether the zygote has not yet reported on the order to start that scorer."""
        return number in self._unconfirmed

    def kill(self, number: int) -> None:
        """Order the zygote to kill that scorer with all its children."""
        if not self._open:
            return
        try:
            self._order(KILL, number, [], ALL)
        except ConnectionError:
            return
        except OSError:
            self._loop.call_later(KILL_AGAIN_SECONDS, guarded, self.kill, number)

    def end(self, seconds: float, *, waits: bool = False) -> None:
        """Close the control socket, so that the zygote kills its children and exits; kill it after `seconds`.

        If `waits`, the children first get that long to exit by themselves.
        """
        self._ending = True
        if waits and self._open:
            try:
                self._order(WAIT, int(seconds * 1000), [], ALL)
            except OSError:
                # It has exited, or does not read orders, so waiting is useless.
                seconds = 0.0
        self._close_socket()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def retire(self, seconds: float, then: Callable[[], object], *, waits: bool = False) -> None:
        """Stop the zygote as `end` does, without blocking; call `then` once it has exited."""
        self._ending = True
        if waits and self._open:
            # A zygote that does not read orders can't run the scorers' teardown, so they are killed.
            with contextlib.suppress(OSError):
                self._order(WAIT, int(seconds * 1000), [], ALL)
        self._close_socket()
        self._await_retirement(int(seconds / EXIT_LOOK_SECONDS), then)

    def _await_retirement(self, looks: int, then: Callable[[], object]) -> None:
        if self._process.poll() is not None:
            then()
            return
        if looks == 0:
            self._process.kill()
        self._loop.call_later(EXIT_LOOK_SECONDS, guarded, self._await_retirement, looks - 1, then)

    def reap(self) -> None:
        """Reap the zygote if it has exited."""
        self._process.poll()

    @property
    def _open(self) -> bool:
        return self._socket.fileno() >= 0

    def _order(self, order: bytes, number: int, fds: list[int], gpu: int) -> None:
        if not self._open:
            raise ConnectionError
        socket.send_fds(self._socket, [ORDER.pack(order, number, gpu, len(fds))], fds)

    def _on_readable(self) -> None:
        try:
            data = self._socket.recv(65536)
        except (BlockingIOError, InterruptedError):
            return
        except ConnectionError:
            data = b""
        if not data:
            self._on_eof()
            return
        self._buffer += data
        *lines, rest = bytes(self._buffer).split(b"\n")
        self._buffer = bytearray(rest)
        for line in lines:
            guarded(self._on_report, line)
        if self._open and len(rest) > MAX_REPORT_BYTES:
            self._give_up()

    def _give_up(self) -> None:
        """Kill a zygote that can no longer be trusted."""
        self._process.kill()
        self._on_eof()

    def _on_report(self, line: bytes) -> None:
        if not self._open:
            return
        try:
            report = json.loads(line)
            event, number = report["event"], report.get("scorer")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            # The zygote did not write this. Reading more of it would keep the loop from serving clients.
            self._give_up()
            return
        if event == "loaded":
            self._owner.zygote_loaded(report["threads"], report["unforkable"])
        elif event == "failed":
            self._owner.zygote_failed(report)
        elif event == "started":
            self._unconfirmed.pop(number, None)
            self._owner.scorer_started(number)
        elif event == "unstarted":
            self._unconfirmed.pop(number, None)
            self._owner.scorer_unstarted(number, report["why"])
        else:
            self._owner.scorer_exited(number, report["status"])

    # --- detecting a zygote that does not read orders ---

    def _schedule_beat(self) -> None:
        if self._beat is None and self._unconfirmed:
            self._beat = self._loop.call_later(BEAT_SECONDS, guarded, self._on_beat)

    def _on_beat(self) -> None:
        self._beat = None
        self._unconfirmed = {number: beats + 1 for number, beats in self._unconfirmed.items()}
        if all(beats < MAX_BEATS for beats in self._unconfirmed.values()):
            self._schedule_beat()
            return
        guarded(self._owner.zygote_stuck)
        self._give_up()

    # --- shutdown ---

    def _close_socket(self) -> None:
        self._unconfirmed.clear()
        if self._beat is not None:
            self._beat.cancel()
        if self._open:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def _on_eof(self) -> None:
        self._close_socket()
        self._await_exit(int(EXIT_SECONDS / EXIT_LOOK_SECONDS))

    def _await_exit(self, looks: int) -> None:
        """Call the owner's `zygote_gone` once the process has exited; kill it after `looks` more checks."""
        if self._ending:
            return
        status = self._process.poll()
        if status is not None:
            self._owner.zygote_gone(phrases.ending(status))
            return
        if looks == 0:
            self._process.kill()
        self._loop.call_later(EXIT_LOOK_SECONDS, guarded, self._await_exit, looks - 1)
