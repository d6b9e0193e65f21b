"""A function of the notebook as a generator that pauses at each model call, and how it is pickled."""

import types
from typing import Any

# The function in which the generator is created: its parameters are the generator's free variables.
OUTER = "free_variables"
# Prefix of the functions made from comprehensions.
COMPREHENSION = "comprehension"

# Code objects of generators made here from a plain function or a comprehension.
_codes: set = set()


class Steps(object):
    """One function in steps: `begin(...)` takes its arguments and returns the generator.

    `stages` are functions that do the same for many samples at once (see straight_line); a function may have none.

    It is pickled as the function, the generator's code, and the additional values that the code needs. Loading creates
    the generator from them, so it shares globals and closure with the function, even if that is pickled by name.
    """

    def __init__(self, function, code, extras, contexts, stages=()):
        """Store a plain `function`, its generator's `code`, {name: value} of further free variables, and `contexts`.

        `contexts` are (factory, args, keywords) of context managers around a model call in the function: the code that
        drives the generator enters them. `stages` are code objects, too; models of earlier versions have none.
        """
        self._parts = function, code, extras, contexts, stages
        _note(code)
        self.contexts = contexts
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or ()))
        for name, value in extras.items():
            cells[name] = _cell(value.begin if isinstance(value, Steps) else value)

        def function_of(code, defaults=None):
            closure = tuple([cells[name] for name in code.co_freevars])
            return types.FunctionType(code, function.__globals__, code.co_name, defaults, closure)

        self.stages = [function_of(stage) for stage in stages]
        made: Any = function_of(code, function.__defaults__)
        made.__name__ = function.__name__
        made.__kwdefaults__ = function.__kwdefaults__
        # Used in messages about arguments.
        made.__qualname__ = function.__qualname__
        self.begin: Any = made

    def __reduce__(self):
        return Steps, self._parts


def code_named(module_code, name):
    """Return the code of the function `name` inside OUTER in `module_code`."""
    outer = next(value for value in module_code.co_consts if isinstance(value, types.CodeType))
    return next(value for value in outer.co_consts if isinstance(value, types.CodeType) and value.co_name == name)


def _note(code):
    _codes.add(code)
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType) and inner.co_name.startswith(COMPREHENSION):
            _note(inner)


def raised_within(error):
    """Return the exception of the author's code, given the `error` that a generator of Steps raised.

    A StopIteration that leaves a generator becomes a RuntimeError, which would not happen in the author's function.
    """
    cause = error.__cause__
    while type(error) is RuntimeError and isinstance(cause, StopIteration) and cause.__traceback__ is not None:
        # Raised by one of our generators; one of the author's own raises a RuntimeError correctly.
        if cause.__traceback__.tb_frame.f_code not in _codes:
            break
        error, cause = cause, cause.__cause__
    return error


def _cell(value):
    """Return a new cell that contains `value`; types.CellType exists since 3.8."""
    return (lambda: value).__closure__[0]
