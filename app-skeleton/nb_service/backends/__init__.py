"""The ways to serve a model, found by name among the entry points of `nb_service.backends`.

A back end is a class without arguments whose `serve(loop, pool, log, settings, environ)` returns an
exit code. The pool is the scorers' client; a back end never touches the pickle.

It may have three more names. `take(words)` gets the words that follow its name on the command line, before anything
else happens; it returns whether to go on, and raises a Problem for words that it does not know. Where `keeps_stdout` is
true, stdout is for what the back end itself writes: log, prints and problems go to stderr. `end(exit_status, problem)`
is called when all else is over, also after a problem, which has been said then; it may raise another one.
"""

import sys
from collections.abc import Sequence
from typing import Any

from nb_scorer.common.problem import Problem

from nb_service import problems, stdio_capture

GROUP = "nb_service.backends"
# Found without searching the installed distributions, which takes a third of the time until a service is healthy.
DEFAULT = "http"


def find(name: str) -> Any:
    """Return the back end registered as `name`; raise BackendUnknown, which lists the names that are registered."""
    if name == DEFAULT:
        # Imported here: other back ends run where its libraries are not, such as on executors of Spark.
        from nb_service.backends.http_service import Http

        return Http()
    entries = _entries()
    if name not in entries:
        raise problems.BackendUnknown(name, sorted(entries))
    return entries[name].load()()


def names() -> list[str]:
    """Return the names of the back ends that are installed."""
    return sorted(_entries())


def give(name: str, backend: Any, words: Sequence[str]) -> bool:
    """Give the words after its name to the back end; return whether to go on. Raise BackendWithoutWords."""
    if hasattr(backend, "take"):
        return backend.take(words)
    if words:
        raise problems.BackendWithoutWords(name, words)
    return True


def end(backend: Any, exit_status: int, problem: Problem | None = None) -> None:
    """Tell the back end how it ends; raise the problem that it has with that."""
    if hasattr(backend, "end"):
        backend.end(exit_status, problem)


def show_help(text: str) -> None:
    """Print the words that a back end takes to stdout; raise HelpUnwritten."""
    try:
        stdio_capture.print_once(text, sys.stdout)
    except OSError as error:
        raise problems.HelpUnwritten(error) from error


def keeps_stdout(backend: Any) -> bool:
    """Return whether stdout is for the back end alone."""
    return getattr(backend, "keeps_stdout", False)


def _entries() -> dict[str, Any]:
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in entry_points(group=GROUP)}
