"""Computes the shapes of arguments, for each type: two arguments of a model may be joined if their shapes are equal.

Two values may be joined if their shapes (see `shape`) are equal: then a model that processes rows one by one can't
distinguish joined rows from single ones. A value of an unknown type has no shape and is never joined. No library is
imported: if a value is from a library, that is in sys.modules.
"""

import datetime as dt
import decimal
import uuid

from nb_scorer.batching.deferred import Later, Rows, now

# In a shape, an object's identity follows: only the same object matches.
SAME = object()
# In the shape of a deferred value: its data are the columns of a frame.
_COLUMNS = object()
# Types of cells that alone determine how they are converted.
_CELLS = frozenset(
    (type(None), bool, float, complex, str, bytes, decimal.Decimal, uuid.UUID, dt.date, dt.time, dt.timedelta)
)
# Columns of these types get the type of their cells, so a joined frame has the same column types as a frame of one row.
_IN_FRAMES = frozenset((type(None), bool, int, float, str))
# Limits of the whole numbers that a float represents exactly, and of 64 bits; beyond them, numpy and pandas change the
# type.
_EXACT, _LONG = 2**53, 2**63
_FLOATS, _NUMBERS = {float}, {int, float}
# JSON rows that are nested more deeply are not input of a model.
_DEEPEST = 16
# More categories are compared by identity, because comparing values would cost more than a call.
_MAX_CATEGORIES = 64
_MAX_TYPES = 1000


class Apart(Exception):
    """This value can't be joined with others."""


def top(kind):
    """Return the top-level package of a class or function."""
    module = getattr(kind, "__module__", None)
    return module.split(".", 1)[0] if isinstance(module, str) else ""


# ---- shapes


def shape(value):
    """Return a value's shape: hashable, equal if values may be joined; raises Apart."""
    return _reader(type(value))(value)


def fixed(value):
    """Return a key for an argument that must be the same for all stops: an equal scalar, or the same object."""
    kind = type(value)
    if value is None or kind is bool or kind is int or kind is str or kind is bytes:
        return kind, value
    if kind is float:
        # Here, 0.0 and -0.0 differ, and nan equals nan.
        return kind, value.hex()
    if (kind is tuple or kind is list) and len(value) <= _MAX_FIXED:
        return (kind, *map(fixed, value))
    if isinstance(value, type):
        return kind, value
    return SAME, id(value)


# Longer lists of names are compared by identity.
_MAX_FIXED = 1000


def without_identities(part):
    """Return a shape, or a part of it, without object identities."""
    if type(part) is not tuple:
        return part
    if len(part) == 2 and part[0] is SAME:
        return SAME
    return tuple(map(without_identities, part))


def _of_list(value):
    if len(value) == 1:
        row = value[0]
        if type(row) is str:
            return type(value), str
        if type(row) in _LISTS:
            inner = _of_row(row, 1)
            return (type(value), *inner) if inner[0] is float or inner[0] is int else (type(value), inner)
    rows = _of_row(value, 0)
    if rows[0] is float or rows[0] is int:
        return (type(value), rows[0], *rows[2:])
    if not value or any(row != rows[1][0] for row in rows[1]):
        raise Apart
    return rows[0], rows[1][0]


def _of_row(row, depth):
    """Return (float or int, lengths...) for numbers in nested lists, otherwise (type, shape of each cell)."""
    kinds = set(map(type, row))
    if kinds == _FLOATS:
        return float, len(row)
    # If one number is a float, numpy converts all of them, and whole numbers too large for a float would change.
    if kinds and kinds <= _NUMBERS and _all_within(_EXACT, row):
        return float if float in kinds else int, len(row)
    cells = tuple([_of_cell(cell, depth + 1) for cell in row])
    if kinds and kinds <= _LISTS and all(cell[0] in _NUMBERS and cell[1:] == cells[0][1:] for cell in cells):
        return (float if any(cell[0] is float for cell in cells) else int, len(row), *cells[0][1:])
    return type(row), cells


def _all_within(most, row):
    """Return whether all whole numbers of a row, which has at least one, are between -`most` and `most` (exclusive)."""
    whole = [cell for cell in row if type(cell) is int]
    return -most < min(whole) and max(whole) < most


def _of_cell(cell, depth):
    """Return the shape of a cell: usually its type."""
    kind = type(cell)
    if kind in _CELLS:
        return kind
    if kind is int:
        if not -_LONG <= cell < _LONG:
            raise Apart
        return kind
    if depth > _DEEPEST:
        raise Apart
    if kind in _LISTS:
        return _of_row(cell, depth)
    if kind is dict:
        return kind, tuple(cell), tuple([_of_cell(value, depth + 1) for value in cell.values()])
    if kind is dt.datetime:
        return kind, (SAME, id(cell.tzinfo))
    return _of_library_cell(cell, kind)


def _of_library_cell(cell, kind):
    package = top(kind)
    if package == "numpy" and hasattr(cell, "dtype"):
        cells = _of_dtype(cell.dtype)
        return cells if not cell.shape else _whole(cell)
    if package == "pandas" and kind.__name__ in _PANDAS_CELLS:
        return kind, getattr(cell, "unit", None), (SAME, id(getattr(cell, "tzinfo", None)))
    if _reader(kind) is _of_tensor:
        return kind, str(cell.dtype), tuple(cell.shape)
    raise Apart


def _whole(array):
    """Return the shape of an array that is a single row."""
    if type(array).__name__ != "ndarray" or array.dtype.kind == "O":
        raise Apart
    return "row", _of_dtype(array.dtype), array.shape


def _of_dtype(dtype):
    """Return a dtype without the width of its texts, which numpy adjusts; raises Apart for records."""
    kind = dtype.kind
    if kind == "V":
        raise Apart
    return kind if kind in "US" else dtype


def _of_array(array):
    length = array.shape[:1]
    if not length or not length[0]:
        raise Apart
    kind = array.dtype.kind
    # A read-only array makes some calls fail, so the joined one must be read-only, too.
    named = "array" if array.flags.writeable else "locked array"
    if kind == "O":
        return named, kind, array.shape[1:], _of_list(array.tolist())
    return named, kind if kind in "US" else _of_dtype(array.dtype), array.shape[1:]


def _of_dict(value):
    """Return the shape of named inputs, which must have the same number of rows."""
    parts = tuple([(name, shape(part)) for name, part in value.items()])
    if len({size(part) for part in value.values()}) != 1:
        raise Apart
    return dict, parts


def of_several(values):
    """Return the shape of a list of inputs, as keras takes them, which must have the same number of rows."""
    return type(values), _of_dict(dict(enumerate(values)))


def _of_matrix(matrix):
    if matrix.format != "csr" or len(matrix.shape) != 2 or not matrix.shape[0]:
        raise Apart
    return type(matrix), matrix.dtype, matrix.shape[1]


def _of_tensor(tensor):
    lengths = tuple(tensor.shape)
    if not lengths or not lengths[0]:
        raise Apart
    # torch: device and gradients; jax: whether its type is weak.
    traits = (getattr(tensor, "requires_grad", None), getattr(tensor, "weak_type", None))
    return type(tensor), str(tensor.dtype), str(getattr(tensor, "device", "")), lengths[1:], traits


def _of_frame(frame):
    if not len(frame) or not _is_plain(frame.index):
        raise Apart
    columns, dtypes = frame.columns, tuple([_of_column_type(dtype) for dtype in frame.dtypes.tolist()])
    # The cells of mixed columns may have any type.
    mixed = _of_list(frame.to_numpy().tolist()) if "O" in dtypes else None
    return type(frame), columns.dtype, tuple(columns.names), tuple(columns.tolist()), dtypes, mixed


def _of_series(series):
    if not len(series) or not _is_plain(series.index):
        raise Apart
    dtype = _of_column_type(series.dtype)
    return type(series), series.name, dtype, _of_list(series.tolist()) if dtype == "O" else None


def _of_column_type(dtype):
    categories = getattr(dtype, "categories", None)
    if categories is not None:
        # Categories in another order have other codes, although pandas considers them equal.
        few = len(categories) <= _MAX_CATEGORIES
        return dtype, dtype.ordered, tuple(categories.tolist()) if few else (SAME, id(categories))
    return "O" if getattr(dtype, "kind", None) == "O" and top(type(dtype)) == "numpy" else dtype


def _is_plain(index):
    """Return whether an index only counts rows from 0, as that of joined rows does."""
    if index.name is not None or index.nlevels != 1:
        return False
    if type(index).__name__ == "RangeIndex":
        return index.start == 0 and index.step == 1
    return getattr(index.dtype, "kind", None) == "i" and index.tolist() == list(range(len(index)))


def _of_polars_frame(frame):
    if not len(frame):
        raise Apart
    return type(frame), tuple(frame.schema.items())


def _of_unknown(value):
    raise Apart


def _of_later(later):
    """Return the shape of a deferred value: from its data if possible, otherwise from the value built now."""
    if later.shape is None:
        later.shape = _shape_of_later(later)
    return later.shape


def is_built(later):
    """Return whether the shape is that of the built value."""
    return _of_later(later)[0] is not Later


def has_columns(later):
    """Return whether the data are a frame's columns rather than its rows."""
    form = _of_later(later)
    return form[0] is Later and type(form[2]) is tuple and form[2][0] is _COLUMNS


def _of_rows(rows):
    batch = rows.batch
    if batch.several:
        # Several results can't be rows of the next model, which is therefore called for each of them alone.
        raise Apart
    if batch.shape is None:
        batch.shape = (_uniform(batch.result),)
    return batch.shape[0] or shape(now(rows))


def _uniform(result):
    """Return the shape that all rows of `result` have; None if only the rows themselves determine it."""
    reader = _reader(type(result))
    if reader not in (_of_array, _of_matrix, _of_tensor) or str(result.dtype) == "object":
        return None
    try:
        return reader(result)
    except Apart:
        return None


_LISTS = {list, tuple}
_PANDAS_CELLS = {"Timestamp", "Timedelta", "NaTType"}
_READERS = {
    list: _of_list,
    tuple: _of_list,
    dict: _of_dict,
    Later: _of_later,
    Rows: _of_rows,
}
_BY_NAME = {
    ("numpy", "ndarray"): _of_array,
    ("pandas", "DataFrame"): _of_frame,
    ("pandas", "Series"): _of_series,
    ("polars", "DataFrame"): _of_polars_frame,
    ("scipy", "csr_matrix"): _of_matrix,
    ("scipy", "csr_array"): _of_matrix,
    ("torch", "Tensor"): _of_tensor,
    ("jaxlib", "ArrayImpl"): _of_tensor,
    ("tensorflow", "EagerTensor"): _of_tensor,
}


def _reader(kind):
    """Return the function that computes shapes for a class; cached, because every value needs it."""
    reader = _READERS.get(kind)
    if reader is None:
        # Limited, because a notebook that creates classes at run time would fill the cache.
        if len(_READERS) > _MAX_TYPES:
            return _of_unknown
        reader = _READERS[kind] = _BY_NAME.get((top(kind), kind.__name__), _of_unknown)
    return reader


# ---- deferred values


def _shape_of_later(later):
    keywords = tuple([(name, fixed(value)) for name, value in later.keywords.items() if name != "index"])
    described = (later.constructor, fixed(later.columns), keywords)
    if getattr(later.constructor, "__name__", "") != "DataFrame":
        return (Later, described, shape(later.data)) if "index" not in later.keywords else shape(later.now())
    if top(later.constructor) != "pandas":
        # polars distinguishes rows from columns by their number.
        return shape(later.now())
    form = _of_frame_data(later.data, later.keywords)
    return (Later, described, form) if form else shape(later.now())


def _of_frame_data(data, keywords):
    """Return the shape of a frame's data if it determines the types of columns; otherwise None."""
    kind = type(data)
    if kind is dict and data:
        return _of_columns(data, keywords)
    if "index" in keywords:
        return None
    if kind is list and data:
        return _of_frame_rows(data)
    return shape(data) if _reader(kind) in (_of_array, _of_rows) and not _has_objects(data) else None


def _has_objects(data):
    data = now(data)
    return str(getattr(data, "dtype", "object")) == "object"


def _of_columns(data, keywords):
    """Return the shape of {column: cells}, or of {column: cell} with the index [0]."""
    values = list(data.values())
    if "index" in keywords:
        index = keywords["index"]
        if type(index) is not list or len(index) != 1 or type(index[0]) is not int or index[0] != 0:
            return None
        cells = _of_frame_cells(values)
        return cells and (_COLUMNS, tuple(data), cells)
    if not all(type(value) is list and value for value in values) or len(set(map(len, values))) != 1:
        return None
    rows = {_of_frame_cells(row) for row in zip(*values)}
    return (_COLUMNS, list, tuple(data), rows.pop()) if len(rows) == 1 and None not in rows else None


def _of_frame_rows(data):
    first = type(data[0])
    if first is dict:
        names = tuple(data[0])
        if not names or not all(type(row) is dict and tuple(row) == names for row in data):
            return None
        rows = {_of_frame_cells(row.values()) for row in data}
    elif first in _LISTS:
        if not all(type(row) is first for row in data):
            return None
        names, rows = None, {_of_frame_cells(row) for row in data}
    else:
        return None
    return (first, names, rows.pop()) if len(rows) == 1 and None not in rows else None


def _of_frame_cells(row):
    """Return the types of a row's cells if each determines its column's type, otherwise None."""
    kinds = tuple(map(type, row))
    if not kinds or not _IN_FRAMES.issuperset(kinds):
        return None
    return kinds if int not in kinds or _all_within(_LONG, row) else None


def have_one_shape(laters):
    """Return whether deferred frames, each of one row of plain cells, all have the first one's shape.

    They are checked together, and the shape is stored in them. False also means that this fast check doesn't apply.
    """
    first = laters[0]
    row = first.data[0] if type(first.data) is list and len(first.data) == 1 else None
    if type(row) is not dict and type(row) not in _LISTS:
        return False
    kind, names, width = type(row), list(row), len(row)
    rows = []
    for later in laters:
        data = later.data
        if (
            later.constructor is not first.constructor
            or not _is_one(later.columns, first.columns)
            or later.keywords.keys() != first.keywords.keys()
            or not all(_is_one(later.keywords[name], value) for name, value in first.keywords.items())
            or type(data) is not list
            or len(data) != 1
            or type(data[0]) is not kind
            or len(data[0]) != width
        ):
            return False
        row = data[0]
        if kind is dict:
            if list(row) != names:
                return False
            row = row.values()
        rows.append(row)
    for cells in zip(*rows):
        kinds = set(map(type, cells))
        if len(kinds) > 1 or (int in kinds and not (min(cells) >= -_LONG and max(cells) < _LONG)):
            return False
    shape_of_first = _of_later(first)
    if shape_of_first[0] is not Later:
        return False
    for later in laters:
        later.shape = shape_of_first
    return True


def _is_one(one, other):
    """Return whether two arguments are the same object, or lists of the same texts, as in `fixed`."""
    if one is other:
        return True
    are_texts = type(one) is list and type(other) is list and set(map(type, one)) == set(map(type, other)) == {str}
    return are_texts and len(one) <= _MAX_FIXED and one == other


# ---- sizes


def size(value):
    """Return the number of rows of `value`; raises TypeError if it has none."""
    kind = type(value)
    if kind is list:
        return len(value)
    if kind is Rows:
        return value.end - value.start
    if kind is Later:
        return _size_of_later(value)
    if kind is dict:
        return size(next(iter(value.values())))
    lengths = getattr(value, "shape", None)
    return len(value) if lengths is None else int(lengths[0])


def _size_of_later(later):
    if is_built(later):
        return size(later.now())
    if not has_columns(later):
        return size(later.data)
    return 1 if "index" in later.keywords else len(next(iter(later.data.values())))
