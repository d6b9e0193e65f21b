"""Hooks into the import of modules that are not imported yet, and may never be."""

import functools
import importlib.util
import sys


def around(wrappers):
    """Execute modules that are imported from now on through `wrappers`, {module name: wrapper(run, module)}.

    Removing a name from the dict removes its hook.
    """
    sys.meta_path.insert(0, _Finder(wrappers))


class _Finder(object):
    def __init__(self, wrappers):
        self._wrappers = wrappers

    def find_spec(self, name, path=None, target=None):
        """Return the module's own spec, with a loader that calls our wrapper; None for modules without one."""
        if name not in self._wrappers:
            return None
        # The other finders are searched each time, because `%pip install` may run in between.
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        if spec is not None and spec.loader is not None:
            wrapped = functools.partial(self._wrappers[name], spec.loader.exec_module)
            spec.loader.exec_module = wrapped  # type: ignore[method-assign] # to be called in its place is its purpose
        return spec
