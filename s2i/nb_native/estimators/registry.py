"""Which methods of which estimators have a native form, by class name."""

from nb_native.estimators.descriptions import described
from nb_native.refusal import Refusal

# {(top package, class name, method): function(code, estimator, rows) -> value}
_forms: dict = {}


def form(package, classes, method):
    """Return a decorator that registers a function as the native form of this method of these classes."""

    def note(function):
        for name in classes:
            _forms[package, name, method] = function
        return function

    return note


def emit(code, estimator, method, rows):
    """Write the C code of `estimator.method(rows)` to `code`; return its value for this row.

    Raises Refusal for a method or a setting of the estimator that has no native form.
    """
    kind = type(estimator)
    # An author's subclass has another name or package, and may behave differently.
    function = _forms.get((kind.__module__.partition(".")[0], kind.__name__, method))
    if function is None:
        raise Refusal(f"no native form of {kind.__name__}.{method}")
    code.recognised.append(described(estimator, method))
    return function(code, estimator, rows)


def supported():
    """Return a sorted list of (package, class name, method) of all native forms."""
    return sorted(_forms)
