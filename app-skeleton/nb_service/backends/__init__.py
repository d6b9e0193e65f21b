"""The back ends, which are ways to serve a model, by their names in the entry points of `nb_service.backends`.

A back end is a class without constructor arguments whose `serve(loop, pool, log, settings, environ)` returns an exit
status. The pool is the client of the scorers; a back end never reads the pickle.

Three more names are optional. `take(words)` gets the command-line arguments after its name, before anything else
happens; it returns whether to continue, and raises a Problem for invalid arguments. If `keeps_stdout` is true, stdout
is reserved for the back end's own output: log, prints and problems go to stderr. `end(exit_status, problem)` is called
last, also after a problem, which has then been reported; it may raise another one.
"""

import sys
from collections.abc import Sequence
from typing import Any

from nb_scorer.common.problem import Problem

from nb_service import problems, stdio_capture

GROUP = "nb_service.backends"
# Known without searching the installed distributions, which would take a third of the time until a service is healthy.
DEFAULT = "http"


def find(name: str) -> Any:
    """Return the back end registered as `name`; raise BackendUnknown, which lists the registered names."""
    if name == DEFAULT:
        # Imported here, because other back ends run without its libraries, for example on Spark executors.
        from nb_service.backends.http_service import Http

        return Http()
    entries = _entries()
    if name not in entries:
        raise problems.BackendUnknown(name, sorted(entries))
    return entries[name].load()()


def names() -> list[str]:
    """Return the names of the back ends that are installed."""
    return sorted(_entries())


def give(name: str, backend: Any, arguments: Sequence[str]) -> bool:
    """Pass a back end the arguments after its name; return whether to continue. Raise BackendWithoutWords."""
    if hasattr(backend, "take"):
        return backend.take(arguments)
    if arguments:
        raise problems.BackendWithoutWords(name, arguments)
    return True


def end(backend: Any, exit_status: int, problem: Problem | None = None) -> None:
    """Notify the back end of the outcome; raise the problem that it reports."""
    if hasattr(backend, "end"):
        backend.end(exit_status, problem)


def show_help(text: str) -> None:
    """Print a back end's help to stdout; raise HelpUnwritten."""
    try:
        stdio_capture.print_once(text, sys.stdout)
    except OSError as error:
        raise problems.HelpUnwritten(error) from error


def keeps_stdout(backend: Any) -> bool:
    """Return whether stdout is reserved for the back end."""
    return getattr(backend, "keeps_stdout", False)


def _entries() -> dict[str, Any]:
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in entry_points(group=GROUP)}
