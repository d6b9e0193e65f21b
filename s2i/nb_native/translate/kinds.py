"""The values that the translation of a notebook's function computes with, in addition to those of nb_native.values.

During translation, a Label's table may hold any Python objects: an operation on a Label is applied to each of them by
Python itself, and the program only stores the index.
"""

from typing import Any, NamedTuple

# Forms of a Real. Any other value is a C expression of type `enum nb_form`, known at run time, and never FLOAT32.
BOOL, INTEGER, FLOAT, FLOAT32 = "NB_AS_BOOL", "NB_AS_INTEGER", "NB_AS_FLOAT", "float32"
STATIC = (BOOL, INTEGER, FLOAT, FLOAT32)
# Whose rules apply to a Real: Python and numpy differ in division by 0, and in rounding.
PYTHON, NUMPY, EITHER = "Python", "numpy", "either"

# What Python may have here instead of a number.
TEXT, COMPLEX, ARRAY = "a text or a list", "a complex number", "an array"
# A number that numpy handles differently: the result of functions such as exp for true and false.
HALF = "a half float"


class Real(NamedTuple):
    """A Python or numpy number: `code` is a C expression of type double, or float for FLOAT32.

    `struct` is the name of an nb_number if the form is known only at run time. `other` describes what may be there
    instead of a number if the form is NB_AS_OTHER: TEXT, COMPLEX or ARRAY; None if it is certainly a number. With HALF
    the value is available, too.
    """

    code: str
    form: str
    owner: str = PYTHON
    struct: Any = None
    other: Any = None


class Lazy(NamedTuple):
    """A list, generator or array computed from a sample's items on demand, whose length is unknown so far.

    `make(item)` computes the result for an item, a Sample; `code` is the C code of the sample's value; `kind` is as in
    Vector; `is_number` means that all items are certainly numbers.
    """

    code: str
    make: Any
    kind: str
    is_number: bool = False


class Matrix(NamedTuple):
    """The result of np.array for JSON input, as models and reductions see it: `inner` is a Sample or a Vector.

    `dtype` is None, "float64" or "float32"; `flat` means that reshape(1, -1) made it a single row, of `width` numbers
    if the notebook specifies how many; `rows` is 1 if a new axis was added in front.
    """

    inner: Any
    dtype: Any = None
    flat: bool = False
    rows: int = 0
    width: Any = None


class Table(NamedTuple):
    """A one-row DataFrame made from a sample: `columns` are its column names, or None if they are the sample's keys."""

    row: Any
    columns: Any = None


class Closure(NamedTuple):
    """A lambda or a nested function: `node` is its definition; names are looked up in `frame`."""

    node: Any
    frame: Any


class TypeOf(NamedTuple):
    """The result of type() for a value."""

    value: Any


class Torn(NamedTuple):
    """The value of a name after a branch whose arms assigned incompatible values, which `reason` explains."""

    reason: str
