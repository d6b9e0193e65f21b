"""What the translation of a notebook's function computes with, alongside nb_native.values.

Within the translation a Label's table may hold any objects of Python's: whatever is done to a Label is done to each
of them now, by Python itself, and the program only keeps the index.
"""

from typing import Any, NamedTuple

# Forms of a Real. Any other is a C expression of type `enum nb_form`, known while running, and never FLOAT32.
BOOL, INTEGER, FLOAT, FLOAT32 = "NB_AS_BOOL", "NB_AS_INTEGER", "NB_AS_FLOAT", "float32"
STATIC = (BOOL, INTEGER, FLOAT, FLOAT32)
# Whose rules hold for a Real: where it is divided by 0, and how it is rounded, Python and numpy differ.
PYTHON, NUMPY, EITHER = "Python", "numpy", "either"

# What Python may have in the place of a number.
TEXT, COMPLEX, ARRAY = "a text or a list", "a complex number", "an array"
# A number, but one that numpy computes with in its own way: what exp and its like make of true and false.
HALF = "a half float"


class Real(NamedTuple):
    """A number of Python's or numpy's: `code` is a C expression of type double, or float for FLOAT32.

    `struct` is the name of an nb_number where the form is known only while running. `other` says what Python may have
    there that is no number, where the form is NB_AS_OTHER: TEXT, COMPLEX or ARRAY; None where it is one for sure. Of
    HALF the value is there, too.
    """

    code: str
    form: str
    owner: str = PYTHON
    struct: Any = None
    other: Any = None


class Lazy(NamedTuple):
    """A list, generator or array made of a sample's value item by item, whose length nobody has told yet.

    `make(item)` is what becomes of an item, a Sample; `code` the C of the sample's value; `kind` as a Vector's;
    `is_number` says that all items are numbers for sure.
    """

    code: str
    make: Any
    kind: str
    is_number: bool = False


class Matrix(NamedTuple):
    """What np.array made of JSON that came in, as models and reductions look at it: `inner` is a Sample or a Vector.

    `dtype` is None, "float64" or "float32"; `flat` says that reshape(1, -1) made one row of it all, of `width` numbers
    where the notebook says how many; `rows` is 1 where a new axis was put before the others.
    """

    inner: Any
    dtype: Any = None
    flat: bool = False
    rows: int = 0
    width: Any = None


class Table(NamedTuple):
    """A DataFrame of one row made of a sample: `columns` are their names, or None where the sample's keys are."""

    row: Any
    columns: Any = None


class Closure(NamedTuple):
    """A lambda or a function within a function: `node` is its definition, `frame` where its names are looked up."""

    node: Any
    frame: Any


class TypeOf(NamedTuple):
    """What type() returns of a value."""

    value: Any


class Torn(NamedTuple):
    """What a name stands for where two ways meet that gave it values without a common form: `reason` says so."""

    reason: str
