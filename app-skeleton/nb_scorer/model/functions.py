"""The notebook's functions as build and service call them: possible predictors, and verdicts of validators."""

import copyreg
import functools
import inspect
import sys

SIGNATURE_LENGTH = 500
# For arrays and tables: `all` takes one step per dimension.
MAX_DIMENSIONS = 8


class FromEstimator(object):
    """An estimator as a predictor: calls its `predict` with the sample as the only row."""

    def __init__(self, estimator):
        self.estimator = estimator

    def __call__(self, sample):
        """Return the estimator's prediction for `sample`."""
        return self.estimator.predict(self._rows(sample))[0]

    def _rows(self, sample):
        """Return `sample` as the only row of a list, or of a pandas table if the estimator was trained on one.

        Raises KeyError with the names of columns that an object lacks. `feature_names_in_` is scikit-learn's name for
        the columns of the table that an estimator was trained on.
        """
        names = getattr(self.estimator, "feature_names_in_", None)
        table = _table() if names is not None else None
        if table is None:
            return [sample]
        if isinstance(sample, dict):
            return table([sample])[list(names)]
        return table([sample], columns=list(names))


def _table():
    """Return pandas' DataFrame, or None if the column names come from a similar library."""
    try:
        from pandas import DataFrame
    except ImportError:
        return None
    return DataFrame


def as_predictor(value):
    """Return a predictor that calls the `predict` method of `value` if it isn't callable itself, otherwise `value`."""
    if callable(value) or not callable(getattr(value, "predict", None)):
        return value
    return FromEstimator(value)


def rejection(verdict):
    """Return None if a validator's `verdict` means yes, otherwise its reason, which may be "".

    A text is a reason to reject. A pair such as (False, "reason") is a verdict with its reason.
    """
    reason = ""
    if isinstance(verdict, tuple) and len(verdict) == 2 and _is_with_reason(*verdict):
        verdict, reason = verdict
    if isinstance(verdict, str):
        return str(verdict)
    return None if accepts(verdict) else _text(reason)


def describe_error(error):
    """Return a validator's exception as text for the client: its message, with its type if that adds information."""
    text = str(error)
    if text and isinstance(error, (ValueError, AssertionError)):
        return text
    return "{}: {}".format(type(error).__name__, text) if text else type(error).__name__


def _is_with_reason(verdict, reason):
    # numpy's own booleans are not instances of bool.
    return not isinstance(verdict, (str, tuple)) and (isinstance(verdict, bool) or isinstance(reason, str))


def _text(reason):
    return "" if reason is None else str(reason)


def accepts(verdict):
    """Return whether a validator's `verdict` means yes: its truth; for an array or table, that of every element."""
    for _ in range(MAX_DIMENSIONS):
        if not callable(getattr(verdict, "all", None)) or getattr(verdict, "shape", ()) == ():
            break
        verdict = verdict.all()
    return bool(verdict)


def doc(function):
    """Return the docstring of `function`, or None."""
    if isinstance(function, FromEstimator):
        return "The answer of {}.predict for one row.".format(type(function.estimator).__name__)
    if isinstance(function, functools.partial):
        # A partial's own docstring is that of functools.partial.
        return inspect.getdoc(function.func)
    return inspect.getdoc(function)


def signature(function, name):
    """Return name, parameters and type hints of `function` as text, or None if Python can't determine them."""
    try:
        text = name + str(inspect.signature(function))
    # A hint may be any object, whose repr may fail.
    except Exception:
        return None
    return text if len(text) <= SIGNATURE_LENGTH else None


def _cached(function, maxsize, typed):
    return functools.lru_cache(maxsize, typed)(function)


def _reduce_cached(wrapper):
    """Return how to pickle a function under functools.lru_cache: by value, with an empty cache.

    A function in a module is pickled by name, which is all that pickle supports.
    """
    owner = sys.modules.get(wrapper.__module__)
    for name in wrapper.__qualname__.split("."):
        owner = getattr(owner, name, None)
    if wrapper.__module__ != "__main__" and owner is wrapper:
        return wrapper.__qualname__
    parameters = wrapper.cache_parameters() if hasattr(wrapper, "cache_parameters") else {}
    return _cached, (wrapper.__wrapped__, wrapper.cache_info().maxsize, parameters.get("typed", False))


def let_caches_be_pickled():
    """Make pickle and cloudpickle save functions under functools.lru_cache by value from now on."""
    copyreg.pickle(type(functools.lru_cache()(len)), _reduce_cached)
