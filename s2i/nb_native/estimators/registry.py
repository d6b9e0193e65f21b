"""Which methods of which estimators have a native form, by the names of their classes."""

from nb_native.estimators.descriptions import described
from nb_native.refusal import Refusal

# {(top package, class name, method): function(code, estimator, rows) -> value}
_forms: dict = {}


def form(package, classes, method):
    """Return a decorator that notes a function as the native form of this method of these classes."""

    def note(function):
        for name in classes:
            _forms[package, name, method] = function
        return function

    return note


def emit(code, estimator, method, rows):
    """Write the C of `estimator.method(rows)` into `code`; return its value for this row.

    Raises Refusal for what has no native form: the method, or a setting of this estimator.
    """
    kind = type(estimator)
    # A subclass of the author's has another name or another package, and its own ideas.
    function = _forms.get((kind.__module__.partition(".")[0], kind.__name__, method))
    if function is None:
        raise Refusal(f"no native form of {kind.__name__}.{method}")
    code.recognised.append(described(estimator, method))
    return function(code, estimator, rows)


def supported():
    """Return a sorted list of (package, class name, method) of all that have a native form."""
    return sorted(_forms)
