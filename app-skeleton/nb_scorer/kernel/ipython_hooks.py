"""What a notebook's kernel does during a build beyond what Jupyter does: nothing fails in silence.

Commands' exit statuses are told to the builder, exceptions of threads and tasks count as the cell's,
and a plot needs no display, neither in a cell nor in a program that a cell starts.
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

# The source of the payloads in a reply that tell of commands.
COMMAND = "nb-builder-command"
PLOTS = "MPLBACKEND"

# Ours counts as one: on 3.7 and earlier our wrapper is in each thread's traceback.
_LIBRARIES = (
    os.path.join(os.path.dirname(os.path.realpath(os.__file__)), ""),
    os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), ""),
    *(os.path.join(sysconfig.get_path(name), "") for name in ("stdlib", "platstdlib", "purelib", "platlib")),
)


# jedi sets it in every kernel of Jupyter's, for completion; ours does without jedi, and notebooks count on the limit.
JUPYTER_RECURSION_LIMIT = 3000


def begin(shell, strict):
    """Prepare the IPython `shell` before the first cell; `strict` makes a command that fails an error."""
    sys.path.insert(runtime_paths.place_for_repository(sys.path), "")
    runtime_paths.remember()
    record_process_state.remember()
    # Not before: what differs from Python's own limit is kept for the service.
    sys.setrecursionlimit(max(sys.getrecursionlimit(), JUPYTER_RECURSION_LIMIT))
    _watch_commands(shell, strict)
    _watch_threads(shell)
    _watch_tasks(shell)
    _plot_inline()
    _do_without_display(shell)
    run_magic.install(shell)
    # A module that the cell before has just written is found even within one tick of the disk's clock.
    shell.events.register("pre_run_cell", lambda *_: importlib.invalidate_caches())


def _watch_commands(shell, strict):
    """Have every `!command` of `shell`, and every `x = !command`, tell how it ended."""
    import ipykernel.zmqshell
    import IPython.core.interactiveshell
    from IPython.utils._process_common import process_handler
    from IPython.utils.text import LSString, SList

    system = ipykernel.zmqshell.system

    def ended(command, status):
        # What `!pip install` brought is there for the next import.
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
        ran = process_handler(
            command, lambda process: (process.communicate()[0], process.returncode), subprocess.STDOUT
        )
        out, status = ran or (b"", 1)
        ended(command, status)
        return out.decode("utf-8", "replace")

    # `x = !command` gives lists and texts of classes of IPython, which no service has.
    # They come back as what they are made of, on purpose: the stub thinks of a class's own values alone.
    copyreg.pickle(SList, lambda lines: (list, (list(lines),)))  # type: ignore[arg-type, return-value]
    copyreg.pickle(LSString, lambda text: (str, (str(text),)))  # type: ignore[arg-type, return-value]
    # Where they are looked up, and not on the shell: it expands {variables} by the caller's frame.
    ipykernel.zmqshell.system = watched_system
    IPython.core.interactiveshell.getoutput = watched_getoutput  # type: ignore[attr-defined] # imported there


def _watch_threads(shell):
    """Show an exception that ends a thread of the notebook as one of a cell, so that the build sees it.

    Of a library's own helper (a daemon with no frame of the notebook's or the repository's code) it is
    only printed, as in Jupyter.
    """
    jupyters = set(threading.enumerate())

    def show(kind, error, trace, thread):
        if kind is SystemExit:
            return
        if thread in jupyters or (thread.daemon and not _of_the_author(trace)):
            sys.stderr.write("Exception in thread {}:\n".format(thread.name))
            traceback.print_exception(kind, error, trace)
        else:
            shell.showtraceback((kind, error, trace))

    if hasattr(threading, "excepthook"):
        threading.excepthook = lambda told: show(told.exc_type, told.exc_value, told.exc_traceback, told.thread)
    else:
        _watch_started_threads(show)


def _watch_tasks(shell):
    """Show an exception of an asyncio task that nobody awaited as one of a cell, once nobody can await it any more.

    Of a library's own task it is only printed, as in Jupyter.
    """

    def show(loop, context):
        error = context.get("exception")
        if isinstance(context.get("future"), asyncio.Task) and error and _of_the_author(error.__traceback__):
            shell.showtraceback((type(error), error, error.__traceback__))
        else:
            loop.default_exception_handler(context)

    asyncio.get_event_loop().set_exception_handler(show)


def _of_the_author(trace):
    """Return whether a frame of `trace` is neither the standard library's nor an installed package's."""
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(trace)]
    return any(not name.startswith(_LIBRARIES) and not name.startswith("<frozen") for name in files)


def _watch_started_threads(show):
    """Do what threading.excepthook does, for Pythons before 3.8."""
    start = threading.Thread.start

    def watched_start(thread):
        run = thread.run

        def watched_run():
            try:
                run()
            # Whatever ends the thread is to be seen.
            except BaseException:
                kind, error, trace = sys.exc_info()
                show(kind, error, trace, thread)

        thread.run = watched_run
        start(thread)

    threading.Thread.start = watched_start  # type: ignore[method-assign] # to be called in its place is its purpose


def _plot_inline():
    """Let matplotlib, once it is imported here, plot as in Jupyter; programs started by cells are not told.

    ipykernel says it through the environment, which they inherit, and the backend is not in the venv.
    """
    backend = os.environ.get(PLOTS, "")
    if backend.startswith("module://"):
        del os.environ[PLOTS]
        import_hooks.around({"matplotlib": functools.partial(_run_with_backend, backend)})


def _do_without_display(shell):
    """Let `%matplotlib qt` and the like plot inline where there is nothing to show a window on."""
    enable = shell.enable_matplotlib

    def enable_what_works(gui=None):
        try:
            return enable(gui)
        # Each version of matplotlib and of IPython has its own error for it.
        except Exception as wrong:
            if gui == "inline" or getattr(wrong, "name", "") == "matplotlib":
                raise
        print("There is no display for '%matplotlib {}': plots are inline.".format(gui))
        return enable("inline")

    shell.enable_matplotlib = enable_what_works


def _run_with_backend(backend, run, module):
    """Run matplotlib, which takes its backend from the environment, and only then."""
    os.environ.setdefault(PLOTS, backend)
    try:
        run(module)
    finally:
        if os.environ.get(PLOTS) == backend:
            del os.environ[PLOTS]
