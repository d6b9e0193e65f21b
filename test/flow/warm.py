"""Builds in processes forked from one that has imported the builder: a third of what a short build costs is imports.

This module is both ends: the tests' end starts the other one with the builder's own Python, once for each worker.
"""

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

if __name__ != "__main__":
    import times

PYTHON = Path("build/bin/python")


class Server:
    """The process that forks; it exits with the tests' process."""

    def __init__(self, home: Path):
        """Start it in the environments in `home`."""
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [home / PYTHON, "-I", "-u", __file__, str(theirs.fileno())]
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("S2I_", "PYTEST_", "NB_"))}
        with theirs:
            self._process = subprocess.Popen(
                command, env=clean, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True
            )
        atexit.register(self.close)

    def assemble(self, env: dict[str, str], cwd: Path, limit: float) -> subprocess.CompletedProcess:
        """Return what `assemble` did with these variables, as subprocess.run does; TimeoutExpired after `limit` s."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as asked:
            asked.write(json.dumps({"env": env, "cwd": str(cwd)}).encode())
            asked.flush()
            self._ours.settimeout(limit)
            try:
                socket.send_fds(self._ours, [b"build"], [asked.fileno(), out.fileno(), err.fileno()])
                reported = self._ours.recv(64)
            except TimeoutError:
                self.close()
                raise subprocess.TimeoutExpired("assemble", limit) from None
            assert reported, f"the process that forks builds ended with {self._process.wait()}"
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode("utf-8"))
        status, cpu = reported.split()
        times.elsewhere += float(cpu)
        return subprocess.CompletedProcess("assemble", int(status), *texts)

    def close(self) -> None:
        """End the process, and with it a build."""
        self._ours.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def main(channel: socket.socket) -> None:
    """Fork for each build that is asked for, and answer with its exit status."""
    import gc

    import nb_builder.assemble  # noqa: F401 - this is what is warm
    from nb_builder.__main__ import main as build

    gc.freeze()
    while True:
        message, files, _, _ = socket.recv_fds(channel, 16, 3)
        if not message:
            return
        pid = os.fork()
        if not pid:
            channel.close()
            _begin(*files)
            sys.exit(build(["assemble"]))
        for file in files:
            os.close(file)
        _, status, usage = os.wait4(pid, 0)
        channel.send(f"{os.waitstatus_to_exitcode(status)} {usage.ru_utime + usage.ru_stime}".encode())


def _begin(asked: int, out: int, err: int) -> None:
    """Become what `s2i/bin/assemble` would be: variables, folder, output."""
    with open(asked, "rb") as file:
        file.seek(0)
        reported = json.load(file)
    os.environ.clear()
    os.environ.update(reported["env"])
    os.chdir(reported["cwd"])
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.close(out)
    os.close(err)
    sys.argv = ["assemble", "assemble"]


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
