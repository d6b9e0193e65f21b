"""What is done around the import of a module that has not been imported yet, and may never be."""

import functools
import importlib.util
import sys


def around(runs):
    """Have modules run by what `runs` has for them, as call(run, module), whenever they are imported from now on.

    `runs` is {name: call}; who takes a name out of it later ends that.
    """
    sys.meta_path.insert(0, _Finder(runs))


class _Finder(object):
    def __init__(self, runs):
        self._runs = runs

    def find_spec(self, name, path=None, target=None):
        """Return the module's own spec, with a loader that has it run by our call; None for all other modules."""
        if name not in self._runs:
            return None
        # Asked again from the start, the other finders have it; `%pip install` may come before the next time.
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        if spec is not None and spec.loader is not None:
            run = functools.partial(self._runs[name], spec.loader.exec_module)
            spec.loader.exec_module = run  # type: ignore[method-assign] # to be called in its place is its purpose
        return spec
