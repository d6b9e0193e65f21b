"""Values of the translation: those known at translation time, and those known to the native program at run time.

A value is one of these classes. Two-dimensional arrays are a Vector of Vectors, both of kind "array".
"""

from typing import Any, NamedTuple


class Known(NamedTuple):
    """A Python object known at translation time: a model, a module, a constant, a table."""

    value: Any


class Number(NamedTuple):
    """A number of the native program: a C expression without side effects.

    `kind` is "float64", "float32", "int64" or "bool", as in numpy and C.
    """

    code: str
    kind: str


class Label(NamedTuple):
    """One of the constants in `table`, all of one type: `code` is a C expression for its index."""

    code: str
    table: tuple


class Text(NamedTuple):
    """Text of the native program: C expressions for a pointer to its UTF-8 and its length in bytes."""

    pointer: str
    length: str


class Vector(NamedTuple):
    """A sequence of known length; `kind` is "list", "tuple", "array" or "generator".

    Python computes the items of a generator on demand; `may_raise` means that one may raise.
    """

    items: tuple
    kind: str
    may_raise: bool = False


class Record(NamedTuple):
    """A dict with known keys: {key: value}."""

    fields: dict


class Frame(NamedTuple):
    """A one-row DataFrame: {column: value}."""

    columns: dict


class Sample(NamedTuple):
    """JSON input, or a part of it: a C expression of type `const nb_value *`."""

    code: str


class Sparse(NamedTuple):
    """A sparse row of `width` numbers, with only non-zero entries stored; `kind` is as in Number.

    `code` is the C name of an array of nb_entry, `length` the number of its entries.
    """

    code: str
    length: str
    width: int
    kind: str
