"""Records which files of the repository a notebook reads, for the report and as inputs of the model.

Python's audit events (3.8 and later) name every file that Python code opens. Files that a child process reads are not
seen. If the notebook starts one, it may have read anything, which is recorded. Programs started by installed packages
(joblib to inspect the processor, ctypes to find libraries) don't count.
"""

import inspect
import io
import json
import os
import sys
import sysconfig

_STARTS = ("subprocess.Popen", "os.system", "os.posix_spawn", "os.spawn", "os.exec", "os.fork", "os.forkpty")

_PACKAGES = tuple({os.path.join(sysconfig.get_path(kind), "") for kind in ("purelib", "platlib")})
_STANDARD = (os.path.join(os.path.dirname(os.path.realpath(os.__file__)), ""), "<frozen")

# Further files are not recorded: a notebook that reads more counts as reading the whole repository.
MAX_FILES = 10000


class Watch(object):
    """Paths, relative to the repository, that were opened for reading; `complete` unless some may be missing."""

    def __init__(self, repository):
        self.prefix = os.path.join(os.path.realpath(repository), "")
        self.paths = set()
        self.complete = hasattr(sys, "addaudithook")
        if self.complete:
            sys.addaudithook(self._event)

    def _event(self, name, args):
        if name == "open":
            self._opened(args[0], args[1])
        elif name in _STARTS and not _of_a_package(inspect.currentframe().f_back):
            self.complete = False

    def _opened(self, path, mode):
        if not isinstance(path, (str, bytes)) or (isinstance(mode, str) and mode[:1] in ("w", "x", "a")):
            return
        path = os.path.abspath(os.fsdecode(path))
        if path.startswith(self.prefix) and "__pycache__" not in path:
            if len(self.paths) >= MAX_FILES:
                self.complete = False
                return
            self.paths.add(path[len(self.prefix) :])


def _of_a_package(frame):
    """Return whether the first caller outside the standard library is an installed package's code."""
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(_PACKAGES):
            return True
        if not path.startswith(_STANDARD) and path != __file__:
            return False
        frame = frame.f_back
    return False


_watch = None


def watch(repository):
    """Record which files below `repository` this process reads from now on."""
    global _watch  # noqa: PLW0603 - a hook can't be taken back, so there is one a process
    _watch = _watch or Watch(repository)


def write(path):
    """Write {"complete": …, "files": […]} to `path`: existing files, sorted by name."""
    files = sorted(name for name in _watch.paths if os.path.isfile(_watch.prefix + name))
    with io.open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps({"complete": _watch.complete, "files": files}))
