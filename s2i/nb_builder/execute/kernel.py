"""A kernel of the notebook's own Python: started, asked, interrupted, and always ended.

ipykernel comes from the overlay, which is appended to `sys.path`: what the notebook pins wins. The
process is ours and not KernelManager's, so that its exit status (a signal, say) can be told.
"""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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
LOG_BYTES = 100_000
# Longest path that a UNIX socket may have is 107 bytes; the kernel's name its sockets takes 20 of them.
LONGEST_FOLDER = 80

# '' comes back (by begin) only after everything of the kernel's is imported and set up: a cloudpickle.py
# of the repository is for the notebook, not for us. initialize() may import late, hence before it, too.
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
    """The kernel's process has ended; the text says how, `log_tail` holds its last own words."""

    def __init__(self, reason: str, log_tail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.log_tail = log_tail


class TooSlow(Exception):
    """What was asked of the kernel took longer than it may."""


@dataclass(frozen=True)
class Launch:
    """How a kernel is started: by `python`, in `notebook_folder`, with ipykernel from `overlay`.

    Its own words go to `log_file`. `pip` is the folder of pip_shim; `strict` makes a `!command` that fails an error.
    """

    python: Path
    notebook_folder: Path
    overlay: Path
    environ: Mapping[str, str]
    log_file: Path
    pip: Path | None = None
    strict: bool = False


def child_environ(launch: Launch, folder: str) -> dict[str, str]:
    """Return the environment as the notebook's processes see it: venv first, then pip; Jupyter's files in `folder`."""
    python, environ, pip = launch.python, launch.environ, launch.pip
    kept = environment(environ)
    places = [str(python.parent), *([str(pip / "bin")] if pip else []), environ.get("PATH", os.defpath)]
    kept["PATH"] = os.pathsep.join(places)
    if pip:
        # For `python -m pip`: the folder holds a module of that name and nothing else.
        kept["PYTHONPATH"] = str(pip)
    kept["VIRTUAL_ENV"] = str(python.parent.parent)
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        kept[name] = os.path.join(folder, name.lower())
    # ipykernel ends itself when this process is gone, however that happens.
    kept["JPY_PARENT_PID"] = str(os.getpid())
    return kept


def command(launch: Launch, connection_file: str) -> list[str]:
    """Return the argv that starts the kernel."""
    ours = str(Path(nb_scorer.__file__).parents[1])
    boot = BOOT.format(overlay=str(launch.overlay), ours=ours, pip=str(launch.pip), strict=launch.strict)
    options = ["--HistoryManager.enabled=False", "--InteractiveShellApp.ignore_cwd=True"]
    return [str(launch.python), "-c", boot, "-f", connection_file, *options]


class Kernel:
    """A running kernel; `ask` hands it code, one piece after the other."""

    def __init__(self, process: subprocess.Popen, client: BlockingKernelClient, log_file: Path) -> None:
        self.process = process
        self.client = client
        self.log_file = log_file
        self._poller = zmq.Poller()
        for channel in (client.shell_channel, client.iopub_channel):
            self._poller.register(channel.socket, zmq.POLLIN)

    def wait_until_ready(self) -> None:
        """Return when both channels carry messages; raise KernelGone, or TooSlow after two minutes."""
        deadline = time.monotonic() + START_SECONDS
        heard = set()
        asked = 0.0
        for channel, _ in self._messages():
            heard.add(channel)
            if {"shell", "iopub"} <= heard:
                return
            if time.monotonic() > deadline:
                raise TooSlow
            # Asked again and again: what is published before the subscription has arrived is lost.
            if time.monotonic() - asked > 0.3:
                self.client.kernel_info()
                asked = time.monotonic()

    def ask(
        self,
        source: str,
        *,
        seconds: float,
        seen: Callable[[dict], None],
        beat: Callable[[], None] = lambda: None,
        counted: bool = True,
    ) -> dict:
        """Run `source`, hand every message on outputs to `seen`, return the reply's content.

        `beat` is called a few times a second. Raises KernelGone where the process ends, TooSlow
        after `seconds`. `counted` is False for code that must not take a number of its own.
        """
        deadline = time.monotonic() + seconds
        request = self.client.execute(source, store_history=counted, allow_stdin=False, stop_on_error=False)
        reply = None
        idle = False
        for channel, message in self._messages():
            beat()
            if channel == "shell" and message["parent_header"].get("msg_id") == request:
                reply = message["content"]
                # A flood of outputs may have swallowed the word "idle"; the answer itself is here.
                deadline = time.monotonic() + IDLE_SECONDS
            elif channel == "iopub":
                idle = self._ends(message, request, seen) or idle
            # Either may come first.
            if idle and reply is not None:
                return reply
            if time.monotonic() > deadline:
                break
        if reply is None:
            raise TooSlow
        return reply

    @staticmethod
    def _ends(message: dict, request: str, seen: Callable[[dict], None]) -> bool:
        """Return whether `message` says that `request` is through; hand outputs to `seen`.

        A thread of an earlier cell may still print or fail: that belongs to the cell that runs now.
        """
        if message["msg_type"] != "status":
            seen(message)
            return False
        mine = message["parent_header"].get("msg_id") == request
        return mine and message["content"]["execution_state"] == "idle"

    def _messages(self) -> Iterator[tuple[str, dict]]:
        """Yield (channel, message), and ("beat", {}) while there is none; raise KernelGone at the process's end."""
        channels = {"iopub": self.client.iopub_channel, "shell": self.client.shell_channel}
        while True:
            # Looked at before the wait: what the process said before its end is still read.
            ended = self.process.poll() is not None
            ready = dict(self._poller.poll(50 if ended else 200))
            if ended and not ready:
                raise KernelGone(how_it_ended(self.process.returncode), self.log_tail())
            yield "beat", {}
            for name, channel in channels.items():
                if channel.socket in ready:
                    yield name, channel.get_msg(timeout=1)

    def interrupt(self) -> None:
        """Send what Ctrl-C would send, to the kernel and whatever it started."""
        signal_group(self.process, signal.SIGINT)

    def settle(self, seconds: float) -> None:
        """Return when the kernel has answered or ended after an interrupt, after `seconds` at the latest."""
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
    """Return the words for an exit status of a process as Popen has it."""
    hint = {-signal.SIGKILL: ", as the system does when memory runs out", -signal.SIGSEGV: ", a crash in compiled code"}
    return f"it {phrases.ending(status)}{hint.get(status, '')}"


def signal_group(process: subprocess.Popen, number: int) -> None:
    """Send a signal to the process and all that it started, if any of them is left."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def socket_folder() -> str:
    """Make and return a folder whose path leaves room for the names of UNIX sockets."""
    parent = None if len(tempfile.gettempdir()) < LONGEST_FOLDER - 10 else "/tmp"  # noqa: S108 - short, and 0700 below it
    return tempfile.mkdtemp(prefix="nbk-", dir=parent)


def trim(log_file: Path) -> None:
    """Cut the file to its last LOG_BYTES: what programs print is in it once more, and it stays in the image."""
    size = log_file.stat().st_size
    if size > LOG_BYTES:
        with log_file.open("rb") as file:
            file.seek(size - LOG_BYTES)
            log_file.write_bytes(file.read())


@contextmanager
def running(launch: Launch) -> Iterator[Kernel]:
    """Yield a kernel that is ready; end it in any case, and with it whatever its cells have started."""
    folder = socket_folder()
    connection_file = os.path.join(folder, "kernel.json")
    write_connection_file(
        connection_file, transport="ipc", ip=os.path.join(folder, "k"), key=secrets.token_hex(16).encode()
    )
    client = BlockingKernelClient()
    client.load_connection_file(connection_file)
    with process_reaper.ended():
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
