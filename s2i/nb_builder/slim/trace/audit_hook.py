"""Notes which files a process opens, imports and maps: the code that a `.pth` puts into each Python that is traced.

A copy of this file is imported at the start of every process of two virtual environments, so it needs nothing
but the standard library and disturbs nothing. Each process appends to a file of its own, named by its id, in the
folder that NB_SLIM_TRACE names: it may be killed at any moment. Without that variable nothing is noted.

Needs CPython 3.8 (audit hooks); an older one leaves a file `too-old`.
"""

import os
import sys

FOLDER = "NB_SLIM_TRACE"
TOO_OLD = "too-old"
# A traceback or a warning that shows a line of source: nobody reads the answer to that.
_SHOWING = ("/traceback.py", "/warnings.py")
_SHOWING_DEPTH = 12


class Trace:
    """What is noted, and where; `__call__` is the audit hook."""

    def __init__(self, folder):
        # Here: what this module imports is imported in every process.
        import _thread

        self._folder = folder
        self._seen = set()
        self._busy = _thread._local()  # noqa: SLF001 - threading has the same under another name, and is big
        self._events = {
            "open": self._opened,
            "import": self._imported,
            "ctypes.dlopen": self._opened,
            "subprocess.Popen": self._started,
            "os.exec": self._started,
            "os.posix_spawn": self._started,
            "os.kill": self._killed,
            "os.killpg": self._killed,
        }

    def __call__(self, event, args):
        """Note what `event` tells; what this does itself is no event."""
        note = self._events.get(event)
        if note is None or getattr(self._busy, "now", False):
            return
        self._busy.now = True
        try:
            note(*args)
        # An odd argument, a full disk: whatever is wrong with the trace must not be the program's business.
        except Exception:  # noqa: BLE001
            return
        finally:
            self._busy.now = False

    def note(self, paths):
        """Append those of `paths` that this process has not noted yet."""
        new = {path for path in paths if "\n" not in path and path not in self._seen}
        if not new:
            return
        self._seen |= new
        # Opened anew each time: who closes descriptors that are not his must not have us write elsewhere.
        to = os.open(os.path.join(self._folder, str(os.getpid())), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            os.write(to, "".join(path + "\n" for path in sorted(new)).encode("utf-8", "surrogateescape"))
        finally:
            os.close(to)

    def note_mapped(self, pid):
        """Note what the process `pid` has mapped: shared objects that its shared objects brought along."""
        try:
            with open(f"/proc/{pid}/maps", "rb") as file:
                lines = file.read().decode("utf-8", "surrogateescape").splitlines()
        except OSError:
            return
        places = {line.split(None, 5)[5] for line in lines if line.count("/") > 0}
        self.note(path for path in places if path.startswith("/") and not path.startswith("/dev/"))

    def at_end(self):
        """Note what this process has mapped."""
        self._busy.now = True
        self.note_mapped("self")

    def _opened(self, path, *_):
        if isinstance(path, (str, bytes)) and not _is_shown():
            path = os.fsdecode(path)
            # A bare name is the loader's business (ctypes); the maps tell what it became.
            if "/" in path or os.path.exists(path):
                self.note([os.path.abspath(path)])

    def _imported(self, module, filename, *_):
        if filename:
            self.note([os.path.abspath(filename)])

    def _started(self, program, *_):
        program = os.fsdecode(program)
        places = [""] if "/" in program else os.environ.get("PATH", os.defpath).split(os.pathsep)
        found = [os.path.join(place, program) for place in places]
        self.note(os.path.abspath(path) for path in found[:1] if os.path.exists(path))
        self.note([os.path.abspath(path) for path in found if os.access(path, os.X_OK)][:1])

    def _killed(self, *_):
        """Look at every process of the trace before one ends: scorers have no last moment of their own."""
        for name in os.listdir(self._folder):
            self.note_mapped(name)


def _is_shown():
    """Return whether a line of source is being read for people."""
    frame = sys._getframe(3)  # noqa: SLF001 - the only way up
    for _ in range(_SHOWING_DEPTH):
        if frame.f_code.co_filename.endswith(_SHOWING) or frame.f_code.co_filename in _FROZEN:
            return True
        above = frame.f_back
        if above is None:
            return False
        frame = above
    return False


_FROZEN = ("<frozen traceback>", "<frozen warnings>")


def _loaded():
    """Return the files of the modules that were there before the hook."""
    for module in list(sys.modules.values()):
        for name in ("__file__", "__cached__"):
            path = getattr(module, name, None)
            if isinstance(path, str):
                yield os.path.abspath(path)


def begin(folder):
    """Note everything from now on in `folder`, in this process and those that are forked from it."""
    if not hasattr(sys, "addaudithook"):
        with open(os.path.join(folder, TOO_OLD), "w"):
            return
    import atexit

    trace = Trace(folder)
    trace.note(path for path in _loaded() if os.path.exists(path))
    atexit.register(trace.at_end)
    sys.addaudithook(trace)


if os.environ.get(FOLDER) and __name__ != "nb_builder.slim.trace.audit_hook":
    begin(os.environ[FOLDER])
