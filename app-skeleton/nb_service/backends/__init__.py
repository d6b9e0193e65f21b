"""The ways to serve a model, found by name among the entry points of `nb_service.backends`.

A back end is a class without arguments whose `serve(loop, pool, log, settings)` returns an exit
code. The pool is the scorers' client; a back end never touches the pickle.
"""

from importlib.metadata import entry_points

from nb_service import problems

GROUP = "nb_service.backends"


def find(name: str):
    """Return the back end registered as `name`; raise BackendUnknown with the names there are."""
    known = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in known:
        raise problems.BackendUnknown(name, sorted(known))
    return known[name].load()()
