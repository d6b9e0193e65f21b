"""A kernel of the notebook's own Python: starts it, runs code in it, interrupts it, and always stops it.

ipykernel is in the overlay, which is appended to `sys.path`, so the notebook's own pins take precedence. The process is
started here rather than with KernelManager, to report its exit status, such as a signal.
"""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import nb_scorer
import zmq
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import write_connection_file
from nb_scorer.common import phrases
from nb_scorer.protocol.launch import environment

from nb_builder.execute import process_reaper

START_SECONDS = 120
IDLE_SECONDS = 5
# The time after which a request is repeated if the kernel has not reacted; doubled on each retry.
UNSEEN_SECONDS = 2.0
LOG_BYTES = 100_000
# A UNIX socket's path is limited to 107 bytes; the names of the kernel's sockets take up to 20 of them.
MAX_FOLDER = 80

# `begin` puts '' back on sys.path only after the kernel's own modules are imported and set up: a cloudpickle.py of the
# repository is for the notebook only. '' is added before initialize(), because that may import modules, too.
BOOT = """\
import sys
sys.path[:] = [entry for entry in sys.path if entry and entry != {pip!r}]
sys.path += [{overlay!r}, {ours!r}]
from ipykernel.kernelapp import IPKernelApp
import nb_scorer.kernel.ipython_hooks, nb_scorer.kernel.call_recorder, nb_scorer.kernel.save_model
app = IPKernelApp.instance()
app.initialize(sys.argv[1:])
nb_scorer.kernel.ipython_hooks.begin(app.shell, {strict!r})
app.start()
"""


class KernelGone(Exception):
    """The kernel's process has exited; `reason` describes how, `log_tail` has the last lines of its log."""

    def __init__(self, reason: str, log_tail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.log_tail = log_tail


class TooSlow(Exception):
    """The kernel did not respond within the time limit."""


@dataclass(frozen=True)
class Launch:
    """How to start a kernel: with `python`, in `notebook_folder`, with ipykernel from `overlay`.

    The process's own output goes to `log_file`. `pip` is the folder of pip_shim; with `strict`, a failing `!command` is
    an error.
    """

    python: Path
    notebook_folder: Path
    overlay: Path
    environ: Mapping[str, str]
    log_file: Path
    pip: Path | None = None
    strict: bool = False


def child_environ(launch: Launch, folder: str) -> dict[str, str]:
    """Return the notebook's environment variables: PATH starts with the venv and pip; Jupyter writes to `folder`."""
    python, environ, pip = launch.python, launch.environ, launch.pip
    variables = environment(environ)
    path_entries = [str(python.parent), *([str(pip / "bin")] if pip else []), environ.get("PATH", os.defpath)]
    variables["PATH"] = os.pathsep.join(path_entries)
    if pip:
        # For `python -m pip`: that folder contains only the module pip.
        variables["PYTHONPATH"] = str(pip)
    variables["VIRTUAL_ENV"] = str(python.parent.parent)
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        variables[name] = os.path.join(folder, name.lower())
    # ipykernel exits when the process with this pid exits, for whatever reason.
    variables["JPY_PARENT_PID"] = str(os.getpid())
    return variables


def command(launch: Launch, connection_file: str) -> list[str]:
    """Return the argv that starts the kernel."""
    ours = str(Path(nb_scorer.__file__).parents[1])
    boot = BOOT.format(overlay=str(launch.overlay), ours=ours, pip=str(launch.pip), strict=launch.strict)
    options = ["--HistoryManager.enabled=False", "--InteractiveShellApp.ignore_cwd=True"]
    return [str(launch.python), "-c", boot, "-f", connection_file, *options]


class Kernel:
    """A running kernel; `execute` runs code in it, one request at a time."""

    def __init__(self, process: subprocess.Popen, client: BlockingKernelClient, log_file: Path) -> None:
        self.process = process
        self.client = client
        self.log_file = log_file
        self._poller = zmq.Poller()
        for channel in (client.shell_channel, client.iopub_channel):
            self._poller.register(channel.socket, zmq.POLLIN)

    def wait_until_ready(self) -> None:
        """Return when both channels deliver messages; raise KernelGone, or TooSlow after two minutes."""
        deadline = time.monotonic() + START_SECONDS
        channels = set()
        requested_at = 0.0
        for channel, _ in self._messages():
            channels.add(channel)
            if {"shell", "iopub"} <= channels:
                return
            if time.monotonic() > deadline:
                raise TooSlow
            # Repeated, because iopub messages published before our subscription arrives are lost.
            if time.monotonic() - requested_at > 0.3:
                self.client.kernel_info()
                requested_at = time.monotonic()

    def execute(
        self,
        source: str,
        *,
        seconds: float,
        on_message: Callable[[dict], None],
        on_tick: Callable[[], None] = lambda: None,
        store_history: bool = True,
    ) -> dict:
        """Run `source`, pass every iopub message except status to `on_message`, and return the reply's content.

        `on_tick` is called a few times a second. Raises KernelGone if the process exits, TooSlow after `seconds`.
        `store_history` is False for code that must not get an execution count.
        """
        deadline = time.monotonic() + seconds
        request = self.client.execute(source, store_history=store_history, allow_stdin=False, stop_on_error=False)
        reply = None
        idle = begun = False
        pause = UNSEEN_SECONDS
        wake_at = time.monotonic() + pause
        with ExitStack() as visitors:
            for channel, message in self._messages():
                on_tick()
                if not begun and time.monotonic() > wake_at:
                    visitors.enter_context(self._visitor())
                    pause *= 2
                    wake_at = time.monotonic() + pause
                if channel == "shell" and message["parent_header"].get("msg_id") == request:
                    reply = message["content"]
                    # We have the reply, so wait only briefly for "idle", which a flood of outputs may have displaced.
                    deadline = time.monotonic() + IDLE_SECONDS
                elif channel == "iopub":
                    begun = begun or message["parent_header"].get("msg_id") == request
                    idle = self._is_idle(message, request, on_message) or idle
                # The two messages arrive on two sockets, in any order.
                if idle and reply is not None:
                    return reply
                if time.monotonic() > deadline:
                    break
        if reply is None:
            raise TooSlow
        return reply

    @contextmanager
    def _visitor(self) -> Iterator[None]:
        """Open a second connection during a `with` block, which makes the kernel check for requests.

        ipykernel 7.0 to 7.3, which notebooks may pin and old Pythons get, may miss a request that arrives while it
        replies to another (ipykernel issue 1554). It would then wait forever, and another request on the same
        connection doesn't help. The block keeps the connection open, because it is established in the background: if
        closed immediately, it may never exist.
        """
        visitor = BlockingKernelClient()
        visitor.load_connection_info(self.client.get_connection_info())
        visitor.start_channels(iopub=False, stdin=False, hb=False, control=False)
        try:
            visitor.kernel_info()
            yield
        finally:
            visitor.stop_channels()

    @staticmethod
    def _is_idle(message: dict, request: str, on_message: Callable[[dict], None]) -> bool:
        """Return whether `message` reports that `request` has finished; pass outputs to `on_message`.

        A thread of an earlier cell may still print or fail; its output is attributed to the cell that is running now.
        """
        if message["msg_type"] != "status":
            on_message(message)
            return False
        is_ours = message["parent_header"].get("msg_id") == request
        return is_ours and message["content"]["execution_state"] == "idle"

    def _messages(self) -> Iterator[tuple[str, dict]]:
        """Yield (channel, message), and ("beat", {}) after each poll; raise KernelGone when the process has exited."""
        channels = {"iopub": self.client.iopub_channel, "shell": self.client.shell_channel}
        while True:
            # Check before polling, so that messages sent just before the exit are still read.
            ended = self.process.poll() is not None
            ready = dict(self._poller.poll(50 if ended else 200))
            if ended and not ready:
                raise KernelGone(how_it_ended(self.process.returncode), self.log_tail())
            yield "beat", {}
            for name, channel in channels.items():
                if channel.socket in ready:
                    yield name, channel.get_msg(timeout=1)

    def interrupt(self) -> None:
        """Send SIGINT, like Ctrl-C, to the kernel and its process group."""
        signal_group(self.process, signal.SIGINT)

    def settle(self, seconds: float) -> None:
        """After an interrupt, wait until the kernel has replied or exited, for at most `seconds`."""
        deadline = time.monotonic() + seconds
        try:
            for channel, _ in self._messages():
                if channel == "shell" or time.monotonic() > deadline:
                    return
        except KernelGone:
            return

    def log_tail(self, lines: int = 20) -> str:
        """Return the last lines that the process itself wrote."""
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])


def how_it_ended(status: int) -> str:
    """Return a phrase for an exit status of Popen, which is negative for a signal."""
    hint = {-signal.SIGKILL: ", as the system does if memory runs out", -signal.SIGSEGV: ", a crash in compiled code"}
    return f"it {phrases.ending(status)}{hint.get(status, '')}"


def signal_group(process: subprocess.Popen, number: int) -> None:
    """Send a signal to the process group of `process`, if it still exists."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def socket_folder() -> str:
    """Create and return a folder with a path short enough for UNIX sockets in it."""
    parent = None if len(tempfile.gettempdir()) < MAX_FOLDER - 10 else "/tmp"  # noqa: S108 - short, and 0700 below it
    return tempfile.mkdtemp(prefix="nbk-", dir=parent)


def trim(log_file: Path) -> None:
    """Cut the file to its last LOG_BYTES, because it becomes part of the image, and repeats the output of cells."""
    size = log_file.stat().st_size
    if size > LOG_BYTES:
        with log_file.open("rb") as file:
            file.seek(size - LOG_BYTES)
            log_file.write_bytes(file.read())


@contextmanager
def running(launch: Launch) -> Iterator[Kernel]:
    """Yield a kernel that is ready; on exit, kill it and every process that its cells have started."""
    folder = socket_folder()
    connection_file = os.path.join(folder, "kernel.json")
    write_connection_file(
        connection_file, transport="ipc", ip=os.path.join(folder, "k"), key=secrets.token_hex(16).encode()
    )
    client = BlockingKernelClient()
    client.load_connection_file(connection_file)
    with process_reaper.reaping():
        with launch.log_file.open("wb") as log_file:
            process = subprocess.Popen(
                command(launch, connection_file),
                cwd=launch.notebook_folder,
                env=child_environ(launch, folder),
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            client.start_channels(stdin=False, hb=False, control=False)
            kernel = Kernel(process, client, launch.log_file)
            kernel.wait_until_ready()
            yield kernel
        finally:
            signal_group(process, signal.SIGKILL)
            process.wait()
            client.stop_channels()
            shutil.rmtree(folder, ignore_errors=True)
            trim(launch.log_file)
