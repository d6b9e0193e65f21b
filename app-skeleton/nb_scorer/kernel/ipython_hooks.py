"""Additions to a notebook's kernel during a build, so that nothing fails silently.

The builder receives the exit statuses of commands. Exceptions in threads and tasks count as the cell's. Plots need no
display, neither in cells nor in programs that cells start.
"""

import asyncio
import copyreg
import functools
import importlib
import os
import subprocess
import sys
import sysconfig
import threading
import traceback

from nb_scorer.common import import_hooks
from nb_scorer.kernel import record_process_state, run_magic
from nb_scorer.model import runtime_paths

# The source of the payloads in a reply that report commands.
COMMAND = "nb-builder-command"
PLOTS = "MPLBACKEND"

# Includes our own package: on 3.7 and earlier, our wrapper is in each thread's traceback.
_LIBRARIES = (
    os.path.join(os.path.dirname(os.path.realpath(os.__file__)), ""),
    os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), ""),
    *(os.path.join(sysconfig.get_path(name), "") for name in ("stdlib", "platstdlib", "purelib", "platlib")),
)


# In every Jupyter kernel, jedi sets this limit for completion. This kernel has no jedi, but notebooks rely on the
# limit.
JUPYTER_RECURSION_LIMIT = 3000


def begin(shell, strict):
    """Prepare the IPython `shell` before the first cell; `strict` turns a failed command into an error."""
    sys.path.insert(runtime_paths.repository_index(sys.path), "")
    runtime_paths.remember()
    record_process_state.remember()
    # Set only now, because a limit that differs from Python's own is stored for the service.
    sys.setrecursionlimit(max(sys.getrecursionlimit(), JUPYTER_RECURSION_LIMIT))
    _watch_commands(shell, strict)
    _watch_threads(shell)
    _watch_tasks(shell)
    _plot_inline()
    _do_without_display(shell)
    run_magic.install(shell)
    # Makes Python find modules that the previous cell has just written, even if file times have a low resolution.
    shell.events.register("pre_run_cell", lambda *_: importlib.invalidate_caches())


def _watch_commands(shell, strict):
    """Make every `!command` of `shell`, and every `x = !command`, report its exit status."""
    import ipykernel.zmqshell
    import IPython.core.interactiveshell
    from IPython.utils._process_common import process_handler
    from IPython.utils.text import LSString, SList

    # Old versions of ipykernel, such as 5.1, leave commands to IPython.
    is_old = not hasattr(ipykernel.zmqshell, "system")
    module = importlib.import_module("IPython.core.interactiveshell" if is_old else "ipykernel.zmqshell")
    system = module.system

    def ended(command, status):
        # The next import must find what `!pip install` installed.
        importlib.invalidate_caches()
        if not status:
            return
        if strict:
            raise subprocess.CalledProcessError(status, command)
        shell.payload_manager.write_payload({"source": COMMAND, "command": command, "status": status}, single=False)

    def watched_system(command):
        status = system(command)
        shell.user_ns["_exit_code"] = status
        ended(command, status)
        return status

    def watched_getoutput(command):
        outcome = process_handler(
            command, lambda process: (process.communicate()[0], process.returncode), subprocess.STDOUT
        )
        output, status = outcome or (b"", 1)
        ended(command, status)
        return output.decode("utf-8", "replace")

    # `x = !command` returns IPython's own subclasses of list and str, which no service has. They are pickled as plain
    # lists and strings on purpose, although the type stub expects instances of the class.
    copyreg.pickle(SList, lambda lines: (list, (list(lines),)))  # type: ignore[arg-type, return-value]
    copyreg.pickle(LSString, lambda text: (str, (str(text),)))  # type: ignore[arg-type, return-value]
    # Replaced where they are looked up rather than on the shell, which expands {variables} using the caller's frame.
    setattr(module, "system", watched_system)  # noqa: B010 - mypy knows no such attribute of a module
    IPython.core.interactiveshell.getoutput = watched_getoutput  # type: ignore[attr-defined] # imported there


def _watch_threads(shell):
    """Show an exception that ends a thread of the notebook as a cell's, so that the build detects it.

    An exception in a library's own helper thread (a daemon without a frame of the notebook's or the repository's code)
    is only printed, as in Jupyter.
    """
    jupyter_threads = set(threading.enumerate())

    def show(kind, error, tb, thread):
        if kind is SystemExit:
            return
        if thread in jupyter_threads or (thread.daemon and not _of_the_author(tb)):
            sys.stderr.write("Exception in thread {}:\n".format(thread.name))
            traceback.print_exception(kind, error, tb)
        else:
            shell.showtraceback((kind, error, tb))

    if hasattr(threading, "excepthook"):
        threading.excepthook = lambda args: show(args.exc_type, args.exc_value, args.exc_traceback, args.thread)
    else:
        _watch_started_threads(show)


def _watch_tasks(shell):
    """Show an exception of an asyncio task as a cell's once the task can't be awaited any more.

    An exception in a library's own task is only printed, as in Jupyter.
    """

    def show(loop, context):
        error = context.get("exception")
        if isinstance(context.get("future"), asyncio.Task) and error and _of_the_author(error.__traceback__):
            shell.showtraceback((type(error), error, error.__traceback__))
        else:
            loop.default_exception_handler(context)

    _current_loop().set_exception_handler(show)


def _current_loop():
    """Return the event loop that the kernel will run; create and set it if Python doesn't."""
    try:
        return asyncio.get_event_loop()
    except RuntimeError:
        # Since Python 3.14, get_event_loop() no longer creates a loop.
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        return loop


def _of_the_author(tb):
    """Return whether a frame of `tb` belongs neither to the standard library nor to an installed package."""
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(tb)]
    return any(not name.startswith(_LIBRARIES) and not name.startswith("<frozen") for name in files)


def _watch_started_threads(show):
    """Do the same as threading.excepthook, for Pythons before 3.8."""
    start = threading.Thread.start

    def watched_start(thread):
        run = thread.run

        def watched_run():
            try:
                run()
            # Any exception that ends the thread must be reported.
            except BaseException:
                kind, error, tb = sys.exc_info()
                show(kind, error, tb, thread)

        thread.run = watched_run
        start(thread)

    threading.Thread.start = watched_start  # type: ignore[method-assign] # to be called in its place is its purpose


def _plot_inline():
    """Make matplotlib plot as in Jupyter once it is imported here, but not in programs that cells start.

    ipykernel sets the backend in the environment, which these inherit, but the venv doesn't have the backend.
    """
    backend = os.environ.get(PLOTS, "")
    if backend.startswith("module://"):
        del os.environ[PLOTS]
        import_hooks.around({"matplotlib": functools.partial(_run_with_backend, backend)})


def _do_without_display(shell):
    """Make `%matplotlib qt` and the like plot inline if there is no display.

    Without matplotlib, these lines do nothing: a notebook without plots may still start with one.
    """
    enable = shell.enable_matplotlib

    def enable_what_works(gui=None):
        try:
            return enable(gui)
        # Each version of matplotlib and IPython raises a different error for this.
        except Exception as error:
            if getattr(error, "name", "") == "matplotlib":
                print("'%matplotlib' has no effect: matplotlib is not installed.")
                return gui, "inline"
            if gui == "inline":
                raise
        print("There is no display for '%matplotlib {}': plots are inline.".format(gui))
        return enable("inline")

    shell.enable_matplotlib = enable_what_works


def _run_with_backend(backend, run, module):
    """Run matplotlib with `backend` in the environment, for this import only."""
    os.environ.setdefault(PLOTS, backend)
    try:
        run(module)
    finally:
        if os.environ.get(PLOTS) == backend:
            del os.environ[PLOTS]
