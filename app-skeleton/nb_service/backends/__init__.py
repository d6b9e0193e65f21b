"""The ways to serve a model, found by name among the entry points of `nb_service.backends`.

A back end is a class without arguments whose `serve(loop, pool, log, settings, environ)` returns an
exit code. The pool is the scorers' client; a back end never touches the pickle.
"""

from typing import Any

from nb_service import problems
from nb_service.backends.http_service import Http

GROUP = "nb_service.backends"
# Found without a look at what is installed, which takes a third of the time until a service is healthy.
DEFAULT = "http"


def find(name: str) -> Any:
    """Return the back end registered as `name`; raise BackendUnknown with the names there are."""
    if name == DEFAULT:
        return Http()
    from importlib.metadata import entry_points

    known = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in known:
        raise problems.BackendUnknown(name, sorted(known))
    return known[name].load()()
