"""The notebook's functions as both build and service call them: what may be one, and what a yes is."""

import copyreg
import functools
import inspect
import sys

SIGNATURE_LENGTH = 500
# An array of arrays, a table: `all` of it takes a step a dimension.
MAX_DIMENSIONS = 8


class FromEstimator(object):
    """An estimator as a predictor: asks its `predict` for the one row that the sample is."""

    def __init__(self, estimator):
        self.estimator = estimator

    def __call__(self, sample):
        """Return the estimator's answer for `sample`."""
        return self.estimator.predict(self._rows(sample))[0]

    def _rows(self, sample):
        """Return `sample` as the one row of what the estimator was trained on: of a list, or of a pandas table.

        Raises KeyError, which names them, where an object lacks columns. `feature_names_in_` is scikit-learn's
        word for the columns of the table that an estimator was trained on.
        """
        names = getattr(self.estimator, "feature_names_in_", None)
        table = _table() if names is not None else None
        if table is None:
            return [sample]
        if isinstance(sample, dict):
            return table([sample])[list(names)]
        return table([sample], columns=list(names))


def _table():
    """Return pandas' table, or None where an estimator has names of columns from a library like it."""
    try:
        from pandas import DataFrame
    except ImportError:
        return None
    return DataFrame


def as_predictor(thing):
    """Return `thing` if it can be called, what asks its `predict` if it has one, else `thing` again."""
    if callable(thing) or not callable(getattr(thing, "predict", None)):
        return thing
    return FromEstimator(thing)


def refusal(verdict):
    """Return None where a validator's `verdict` is a yes, else the reason that it gives, which may be "".

    A text is a reason to refuse. A pair such as (False, "reason") is a verdict and its reason.
    """
    reason = ""
    if isinstance(verdict, tuple) and len(verdict) == 2 and _is_with_reason(*verdict):
        verdict, reason = verdict
    if isinstance(verdict, str):
        return str(verdict)
    return None if accepts(verdict) else _text(reason)


def words_of(error):
    """Return what an exception of a validator tells a client: its message, with its kind where that says more."""
    text = str(error)
    if text and isinstance(error, (ValueError, AssertionError)):
        return text
    return "{}: {}".format(type(error).__name__, text) if text else type(error).__name__


def _is_with_reason(verdict, reason):
    # A truth of numpy's is no bool.
    return not isinstance(verdict, (str, tuple)) and (isinstance(verdict, bool) or isinstance(reason, str))


def _text(reason):
    return "" if reason is None else str(reason)


def accepts(verdict):
    """Return whether a validator's `verdict` is a yes: its truth; of an array or table, that of every element."""
    for _ in range(MAX_DIMENSIONS):
        if not callable(getattr(verdict, "all", None)) or getattr(verdict, "shape", ()) == ():
            break
        verdict = verdict.all()
    return bool(verdict)


def doc(function):
    """Return what the notebook says of `function`, or None."""
    if isinstance(function, FromEstimator):
        return "The answer of {}.predict for one row.".format(type(function.estimator).__name__)
    if isinstance(function, functools.partial):
        # Its own is that of functools.
        return inspect.getdoc(function.func)
    return inspect.getdoc(function)


def signature(function, name):
    """Return name, parameters and type hints of `function` as text, or None where Python can't tell them."""
    try:
        text = name + str(inspect.signature(function))
    # A hint may be any object, with any fault in its repr.
    except Exception:
        return None
    return text if len(text) <= SIGNATURE_LENGTH else None


def refuses_one_argument(function):
    """Return whether `function` can't be called with one sample, as far as its signature tells."""
    try:
        known = inspect.signature(function)
    # Written in C, or of a kind that Python has no words for.
    except Exception:
        return False
    try:
        known.bind(None)
    except TypeError:
        return True
    return False


def named_parameters(function):
    """Return the parameters that an object's keys can be bound to, of a function that takes several; else None.

    Several are taken where one argument does not do, and all that is needed can be given by name.
    """
    if not refuses_one_argument(function):
        return None
    known = inspect.signature(function).parameters.values()
    named = [one for one in known if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    needs_place = any(one.kind is one.POSITIONAL_ONLY and one.default is one.empty for one in known)
    return named if named and not needs_place else None


def _cached(function, maxsize, typed):
    return functools.lru_cache(maxsize, typed)(function)


def _reduce_cached(wrapper):
    """Return how a function under functools.lru_cache is pickled: anew, with an empty cache.

    One that a module has is found there again; pickle alone knows only that way.
    """
    owner = sys.modules.get(wrapper.__module__)
    for name in wrapper.__qualname__.split("."):
        owner = getattr(owner, name, None)
    if wrapper.__module__ != "__main__" and owner is wrapper:
        return wrapper.__qualname__
    parameters = wrapper.cache_parameters() if hasattr(wrapper, "cache_parameters") else {}
    return _cached, (wrapper.__wrapped__, wrapper.cache_info().maxsize, parameters.get("typed", False))


def let_caches_be_pickled():
    """Have pickle and cloudpickle save functions under functools.lru_cache by value from now on."""
    copyreg.pickle(type(functools.lru_cache()(len)), _reduce_cached)
