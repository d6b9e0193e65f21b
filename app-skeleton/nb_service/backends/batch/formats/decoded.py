"""Sizes of decoded Arrow columns: a dictionary stores a value once, and the rows refer to it by number."""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from nb_service.backends.batch.formats.chunk import MAX_SIZE

# Maximum size of rows that are decoded together.
MAX_COUNT = 4 * MAX_SIZE


def most_of(array: Any) -> int:
    """Return an upper bound of the size of an array's values, in bytes."""
    from pyarrow import types

    kind = array.type
    if types.is_dictionary(kind):
        return len(array) * _longest(array.dictionary)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return most_of(array.flatten())
    if types.is_map(kind):
        return most_of(array.keys) + most_of(array.items)
    if types.is_struct(kind):
        return sum(most_of(inner) for inner in array.flatten())
    return array.nbytes


def longest_in(array: Any) -> int:
    """Return the size in bytes of the longest value in an array's dictionaries."""
    from pyarrow import types

    kind = array.type
    if types.is_dictionary(kind):
        return _longest(array.dictionary)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return longest_in(array.values)
    if types.is_map(kind):
        return max(longest_in(array.keys), longest_in(array.items))
    if types.is_struct(kind):
        return max((longest_in(array.field(at)) for at in range(kind.num_fields)), default=0)
    return 0


def pieces(batch: Any, most: int = MAX_COUNT) -> Iterator[Any]:
    """Yield a record batch in parts of at most `most` bytes, or of one row."""
    at = 0
    while at < batch.num_rows:
        rest = batch.slice(at)
        part = rest.slice(0, rows_within(rest, most))
        at += part.num_rows
        yield part


def rows_within(batch: Any, most: int) -> int:
    """Return how many leading rows of a record batch fit into `most` bytes, at least one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    count = batch.num_rows
    sizes = [most_of(column) for column in batch.columns]
    if sum(sizes) <= most:
        return count
    total = pa.array([0] * count, pa.int64())
    for column, size in zip(batch.columns, sizes, strict=True):
        total = pc.add(total, _by_row(column, size))
    sums = pc.cumulative_sum(total)
    return max(1, bisect_right(range(count), most, key=lambda at: sums[at].as_py()))


def _by_row(column: Any, size: int) -> Any:
    """Return each row's size in a column of at most `size` bytes.

    If sizes are unknown, each row gets an equal share.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import types

    kind = column.type
    if types.is_dictionary(kind) and _is_text(kind.value_type):
        lengths = pc.take(pc.binary_length(column.dictionary), column.indices)
    elif _is_text(kind):
        lengths = pc.binary_length(column)
    else:
        return pa.array([-(-size // len(column))] * len(column), pa.int64())
    return pc.fill_null(lengths.cast(pa.int64()), 0)


def _longest(dictionary: Any) -> int:
    import pyarrow.compute as pc

    if _is_text(dictionary.type):
        return pc.max(pc.binary_length(dictionary)).as_py() or 0
    return max((most_of(dictionary.slice(at, 1)) for at in range(len(dictionary))), default=0)


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    return types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind) or types.is_large_binary(kind)
