"""Converts Arrow columns to JSON values: for files with typed columns, and for Spark workers."""

import math
from typing import Any


def lacks_json(kind: Any) -> bool:
    """Return whether values of this type are or contain values without a JSON form."""
    from pyarrow import types

    inner = [kind]
    while inner:
        kind = inner.pop()
        if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
            return True
        if types.is_nested(kind):
            inner += [kind.field(at).type for at in range(kind.num_fields)]
    return False


def values(column: Any) -> list:
    """Return a column as JSON values: dates and times as ISO 8601, NaN and infinities as null."""
    from pyarrow import types

    if types.is_floating(column.type):
        numbers = column.to_pylist()
        # One sum is faster than checking each number: it is finite only if all numbers are.
        if not column.null_count and math.isfinite(sum(numbers)):
            return numbers
        return [None if value is None or not math.isfinite(value) else value for value in numbers]
    if types.is_integer(column.type) or types.is_string(column.type) or types.is_boolean(column.type):
        return column.to_pylist()
    return [_plain(value) for value in column.to_pylist()]


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    # An item of a map is a (key, value) tuple.
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    number = value.total_seconds() if hasattr(value, "total_seconds") else float(value)
    return number if math.isfinite(number) else None
