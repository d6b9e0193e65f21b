"""What the translation computes with: what is known now, and what the native program will know.

A value is one of these classes. Two-dimensional arrays are a Vector of Vectors, both of kind "array".
"""

from typing import Any, NamedTuple


class Known(NamedTuple):
    """A Python object that is known now: a model, a module, a constant, a table."""

    value: Any


class Number(NamedTuple):
    """A number of the native program: a C expression without side effects.

    `kind` is "float64", "float32", "int64" or "bool", as numpy and C have them.
    """

    code: str
    kind: str


class Label(NamedTuple):
    """One of the constants in `table`, all of one type: `code` is a C expression for its index."""

    code: str
    table: tuple


class Text(NamedTuple):
    """A text of the native program: C expressions for where its UTF-8 begins and for how many bytes it has."""

    pointer: str
    length: str


class Vector(NamedTuple):
    """A sequence whose length is known now; `kind` is "list", "tuple", "array" or "generator".

    Python makes the items of a generator one by one, as somebody asks for them; `may_raise` says that one may fail.
    """

    items: tuple
    kind: str
    may_raise: bool = False


class Record(NamedTuple):
    """A dict whose keys are known now: {key: value}."""

    fields: dict


class Frame(NamedTuple):
    """A DataFrame of one row: {column: value}."""

    columns: dict


class Sample(NamedTuple):
    """JSON that came in, or a part of it: a C expression of type `const nb_value *`."""

    code: str


class Sparse(NamedTuple):
    """One row of `width` numbers, of which those that are not zero are there; `kind` is as a Number's.

    `code` is the C name of an array of nb_entry, `length` that of how many it has.
    """

    code: str
    length: str
    width: int
    kind: str
