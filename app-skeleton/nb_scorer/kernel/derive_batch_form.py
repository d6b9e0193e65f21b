"""Derives a notebook's batch form in its kernel, from the live functions, while the model is saved."""

import os
import sys

from nb_scorer.batching.form import BatchForm, comes_from
from nb_scorer.batching.rewrite import Underivable, derive
from nb_scorer.model import calls, functions

# Folders for installed packages, which may be within a repository.
INSTALLED = ("site-packages", "dist-packages")


def derive_form(predictor, repository):
    """Return (BatchForm, None), or (None, Underivable) for a predictor.

    Code in `repository`, a folder, counts as the author's own, like the notebook's functions.
    """
    function = predictor.function if isinstance(predictor, calls.Call) else predictor
    function, fixed = comes_from(function)
    if hasattr(function, "cache_info"):
        # A function wrapped with functools.lru_cache.
        return None, Underivable("predictor caches its predictions, and samples of a batch would bypass the cache")
    if not hasattr(function, "__code__") and not hasattr(function, "__func__") and not isinstance(function, type):
        function = getattr(function, "__call__", function)  # noqa: B004 - the method itself is wanted
    try:
        derived = derive(function, lambda value: is_own(value, repository))
    except Underivable as reason:
        return None, reason
    # The notebook's objects may raise when inspected. The model is saved anyway, and the build reports why samples are
    # scored one by one.
    except Exception as error:
        return None, Underivable("it can't be followed ({}: {})".format(type(error).__name__, error))
    texts = [*derived.source, *derived.stages]
    source = "\n\n\n".join(texts) if None not in texts else None
    return BatchForm(derived.steps, derived.receiver, fixed, derived.stops, source), None


def is_own(value, repository):
    """Return whether the notebook or a module of its repository defines this function or class."""
    name = getattr(value, "__module__", None)
    if name in ("__main__", functions.__name__):
        return True
    file = getattr(sys.modules.get(name), "__file__", None) if isinstance(name, str) else None
    if not file:
        return False
    path, root = os.path.realpath(file), os.path.join(os.path.realpath(repository), "")
    return path.startswith(root) and not any(part in path.split(os.sep) for part in INSTALLED)
