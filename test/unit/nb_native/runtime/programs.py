"""The runtime compiled with models for tests, and its service as a process."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

from nb_native.runtime import build

HERE = Path(__file__).parent
SOON = 20.0


def compiled(folder, name, sanitized=False):
    """Return the path of the program of a model of this folder."""
    program = folder / (name + ("-sanitized" if sanitized else ""))
    build.build([HERE / f"{name}.c"], program, sanitized=sanitized, more=("-Wall", "-Wextra", "-Werror"))
    return program


def tool(folder, name, *files):
    """Return the path of a test's own program, made with sanitizers of these files of the runtime."""
    program = folder / name
    options = ["-std=c11", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    paths = [HERE / f"{name}.c", *(build.FOLDER / file for file in files)]
    subprocess.run(["gcc", *options, f"-I{build.FOLDER}", *map(str, paths), "-o", str(program)], check=True)
    return program


class Served:
    """A native program that serves on a free port of loopback: its process, port and what it said."""

    def __init__(self, program, **settings):
        read, write = os.pipe()
        env = {"PORT": "0", "S2I_HOST": "127.0.0.1", "S2I_LINGER": "0", "ASAN_OPTIONS": "detect_leaks=0", **settings}
        self.process = subprocess.Popen([str(program)], env=env, stderr=write)
        os.close(write)
        self._said = os.fdopen(read, "rb", buffering=0)
        self.words = self._said.readline().decode()
        self.port = int(re.search(r" port (\d+)", self.words)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        """Ask it to end; return its exit status and the rest of what it said."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(SOON)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        if not self._said.closed:
            self.rest = self._said.read().decode()
            self._said.close()
        return status, self.rest

    def resident(self):
        """Return the kilobytes of memory that it has."""
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())[1])


def soon(condition):
    """Return whether a condition comes true in time."""
    until = time.monotonic() + SOON
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.01)
    return False
