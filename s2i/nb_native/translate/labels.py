"""Labels: one of a few constants. Python applies each operation on a label to every constant at translation time."""

import numpy as np
from nb_scorer.batching.syntax_nodes import UNKNOWN

from nb_native.translate.context import Raised
from nb_native.values import Known, Label, Record, Vector

# Maximum number of constants; combining two labels multiplies their numbers.
MAX_COUNT = 4096
_NOT_RAISED = object()


def as_label(value):
    """Return a constant as a one-item Label, a Label unchanged, and None for anything else."""
    if isinstance(value, Label):
        return value
    return Label("0", (value.value,)) if isinstance(value, Known) else None


def constant_of(value):
    """Return a value, including lists and dicts of constants, as Known or Label; UNKNOWN for anything else."""
    if isinstance(value, (Known, Label)):
        return value
    if isinstance(value, Record):
        fields = {key: constant_of(item) for key, item in value.fields.items()}
        if all(isinstance(item, Known) for item in fields.values()):
            return Known({key: item.value for key, item in fields.items()})
    if isinstance(value, Vector) and value.kind in ("list", "tuple", "generator"):
        items = [constant_of(item) for item in value.items]
        if all(isinstance(item, Known) for item in items):
            made = tuple if value.kind == "tuple" else list
            return Known(made(item.value for item in items))
    return UNKNOWN


def numpy_items(label):
    """Return an array item's Label with its constants as numpy numbers, whose division differs from Python's."""
    if all(type(item) in (bool, int, float) for item in label.table):
        return Label(label.code, tuple(np.array(label.table)))
    return label


def mapped(context, function, *values):
    """Return `function` of Knowns and Labels, applied to each combination of their constants.

    The program fails for combinations for which Python raises.
    """
    labels = [as_label(value) for value in values]
    size = 1
    for label in labels:
        size *= len(label.table)
    if size > MAX_COUNT:
        raise context.rejection(f"depends on {size} combinations of constants: more than {MAX_COUNT}")
    results, failing = [], []
    for index in range(size):
        try:
            results.append(function(*_combination(labels, index)))
        # Any exception of a constant's own code would also have been raised in the notebook's predictor.
        except Exception:
            failing.append(index)
            results.append(_NOT_RAISED)
    if len(failing) == size:
        context.fail()
    code = _index_of(context, labels)
    for index in failing:
        context.fail_if(f"{code} == {index}")
    if failing:
        stand_in = next(result for result in results if result is not _NOT_RAISED)
        results = [stand_in if result is _NOT_RAISED else result for result in results]
    return collapsed(Label(code, tuple(results)))


def _combination(labels, index):
    items = []
    for label in reversed(labels):
        index, place = divmod(index, len(label.table))
        items.append(label.table[place])
    return items[::-1]


def _index_of(context, labels):
    """Return C code for the index of a combination."""
    text = ""
    for label in labels:
        if len(label.table) > 1:
            text = f"({text}) * {len(label.table)} + {label.code}" if text else label.code
    if text and not text.isidentifier():
        text = context.name_of("k", "const int {} = (int)(" + text + ");")
    return text or "0"


def collapsed(label):
    """Return a Label as Known if all its constants are the same."""
    first = label.table[0]
    return Known(first) if all(same(first, item) for item in label.table[1:]) else label


def same(one, other):
    """Return whether two constants are indistinguishable."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, (str, bytes, int, float, bool, np.generic)):
        return repr(one) == repr(other)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return False


def raised(context, function, *arguments):
    """Return the result of `function` for constants; the program fails where Python raises."""
    try:
        return function(*arguments)
    # As above: any exception of a constant's own code.
    except Exception:
        context.fail()
    raise Raised
