"""Hooks around the import of modules that have not been imported yet, and may never be."""

import functools
import importlib.util
import sys


def around(wrappers):
    """From now on, have modules that are imported executed through `wrappers`, {module's name: wrapper(run, module)}.

    Taking a name out of the dict removes its hook.
    """
    sys.meta_path.insert(0, _Finder(wrappers))


class _Finder(object):
    def __init__(self, wrappers):
        self._wrappers = wrappers

    def find_spec(self, name, path=None, target=None):
        """Return the module's own spec, with a loader that calls our wrapper; None for all other modules."""
        if name not in self._wrappers:
            return None
        # The other finders are asked each time again: a `%pip install` may come in between.
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        if spec is not None and spec.loader is not None:
            wrapped = functools.partial(self._wrappers[name], spec.loader.exec_module)
            spec.loader.exec_module = wrapped  # type: ignore[method-assign] # to be called in its place is its purpose
        return spec
