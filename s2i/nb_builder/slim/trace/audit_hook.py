"""Records which files a process opens, imports and maps: a `.pth` file loads this into each traced Python.

A copy of this file is imported at the start of every process of two virtual environments, so it must use only the
standard library, and must not disturb the process. Each process appends to a file named by its ID, in the folder that
NB_SLIM_TRACE names. It writes at once, because it may be killed at any moment. Without that variable, nothing is
recorded.

Needs CPython 3.8 (audit hooks); an older one leaves a file `too-old`.
"""

import os
import sys

FOLDER = "NB_SLIM_TRACE"
TOO_OLD = "too-old"
# They open sources only to show a line in a traceback or a warning, which no prediction depends on.
_DISPLAY_MODULES = ("/traceback.py", "/warnings.py")
_DISPLAY_DEPTH = 12


class Trace:
    """The trace of this process; `__call__` is the audit hook."""

    def __init__(self, folder):
        # Imported late, because every process of both environments imports this module.
        import _thread

        self._folder = folder
        self._seen = set()
        self._busy = _thread._local()  # noqa: SLF001 - threading.local is the same class, but threading is a big import
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
        """Record the files of `event`; events that the recording itself causes are ignored."""
        note = self._events.get(event)
        if note is None or getattr(self._busy, "now", False):
            return
        self._busy.now = True
        try:
            note(*args)
        # An unusual argument, or a full disk: an error in the trace must not disturb the traced program.
        except Exception:  # noqa: BLE001
            return
        finally:
            self._busy.now = False

    def note(self, paths):
        """Append the `paths` that this process has not recorded yet."""
        new = {path for path in paths if "\n" not in path and path not in self._seen}
        if not new:
            return
        self._seen |= new
        # Opened again each time, because a program may close descriptors that it doesn't own, and reuse their numbers.
        descriptor = os.open(
            os.path.join(self._folder, str(os.getpid())), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666
        )
        try:
            os.write(descriptor, "".join(path + "\n" for path in sorted(new)).encode("utf-8", "surrogateescape"))
        finally:
            os.close(descriptor)

    def note_mapped(self, pid):
        """Record what the process `pid` has mapped: shared objects also load others, without any event."""
        try:
            with open(f"/proc/{pid}/maps", "rb") as file:
                lines = file.read().decode("utf-8", "surrogateescape").splitlines()
        except OSError:
            return
        paths = {line.split(None, 5)[5] for line in lines if line.count("/") > 0}
        self.note(path for path in paths if path.startswith("/") and not path.startswith("/dev/"))

    def at_end(self):
        """Record what this process has mapped."""
        self._busy.now = True
        self.note_mapped("self")

    def _opened(self, path, *_):
        if isinstance(path, (str, bytes)) and not _is_for_display():
            path = os.fsdecode(path)
            # The loader searches for a bare name (ctypes); what it finds is in the maps.
            if "/" in path or os.path.exists(path):
                self.note([os.path.abspath(path)])

    def _imported(self, module, filename, *_):
        if filename:
            self.note([os.path.abspath(filename)])

    def _started(self, program, *_):
        program = os.fsdecode(program)
        folders = [""] if "/" in program else os.environ.get("PATH", os.defpath).split(os.pathsep)
        candidates = [os.path.join(folder, program) for folder in folders]
        self.note(os.path.abspath(path) for path in candidates[:1] if os.path.exists(path))
        self.note([os.path.abspath(path) for path in candidates if os.access(path, os.X_OK)][:1])

    def _killed(self, *_):
        """Record what every traced process has mapped, before one is killed: scorers exit without atexit."""
        for name in os.listdir(self._folder):
            self.note_mapped(name)


def _is_for_display():
    """Return whether a file is opened only to show a line of source."""
    # The frame that caused the event: above this function, its handler and __call__.
    frame = sys._getframe(3)  # noqa: SLF001 - the only way to the caller's frame
    for _ in range(_DISPLAY_DEPTH):
        if frame.f_code.co_filename.endswith(_DISPLAY_MODULES) or frame.f_code.co_filename in _FROZEN:
            return True
        caller = frame.f_back
        if caller is None:
            return False
        frame = caller
    return False


_FROZEN = ("<frozen traceback>", "<frozen warnings>")


def _loaded_files():
    """Yield the files of the modules that were loaded before the hook."""
    for module in list(sys.modules.values()):
        for name in ("__file__", "__cached__"):
            path = getattr(module, name, None)
            if isinstance(path, str):
                yield os.path.abspath(path)


def begin(folder):
    """Record everything from now on in `folder`, in this process and in its forks."""
    if not hasattr(sys, "addaudithook"):
        with open(os.path.join(folder, TOO_OLD), "w"):
            return
    import atexit

    trace = Trace(folder)
    trace.note(path for path in _loaded_files() if os.path.exists(path))
    atexit.register(trace.at_end)
    sys.addaudithook(trace)


if os.environ.get(FOLDER) and __name__ != "nb_builder.slim.trace.audit_hook":
    begin(os.environ[FOLDER])
