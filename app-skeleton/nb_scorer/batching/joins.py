"""Joins values of one shape, for each type, and checks whether a result has the rows of the joined value."""

import sys
from copy import deepcopy

from nb_scorer.batching import shapes
from nb_scorer.batching.deferred import Batch, Later, Rows, now


def copied(value):
    """Return a copy of data that shares a call.

    Deferred data is returned as it is, and so is data that can't be copied.
    """
    if isinstance(value, (Later, Rows)):
        return value
    # Some values can't be copied, such as torch tensors with gradients.
    try:
        copy = deepcopy(value)
        if hasattr(copy, "flags") and hasattr(copy.flags, "writeable"):
            copy.flags.writeable = value.flags.writeable
    except Exception:
        return value
    return copy


def join(parts):
    """Return the rows of all `parts`, which have one shape, as one value."""
    first = parts[0]
    kind = type(first)
    kinds = set(map(type, parts))
    if Rows in kinds:
        return _join_rows(parts)
    if Later in kinds:
        # A built frame may have the same shape as a frame that a model returned.
        return _join_later(parts) if len(kinds) == 1 else join(list(map(now, parts)))
    if kind is list or kind is tuple:
        return kind([row for part in parts for row in part])
    if kind is dict:
        return {name: join([part[name] for part in parts]) for name in first}
    return _JOINERS[shapes.top(kind)](parts)


def join_several(parts):
    """Return the joined inputs of `parts`, each a list of inputs."""
    return type(parts[0])([join(list(inputs)) for inputs in zip(*parts)])


def _join_of_numpy(parts):
    joined = sys.modules["numpy"].concatenate(parts)
    joined.flags.writeable = parts[0].flags.writeable
    return joined


def _join_of_pandas(parts):
    return sys.modules["pandas"].concat(parts, ignore_index=True)


def _join_of_polars(parts):
    return sys.modules["polars"].concat(parts)


def _join_of_scipy(parts):
    return sys.modules["scipy.sparse"].vstack(parts, format="csr")


def _join_of_torch(parts):
    return sys.modules["torch"].cat(parts)


def _join_of_jax(parts):
    return sys.modules["jax"].numpy.concatenate(parts)


def _join_of_tensorflow(parts):
    return sys.modules["tensorflow"].concat(parts, 0)


_JOINERS = {
    "numpy": _join_of_numpy,
    "pandas": _join_of_pandas,
    "polars": _join_of_polars,
    "scipy": _join_of_scipy,
    "torch": _join_of_torch,
    "jaxlib": _join_of_jax,
    "tensorflow": _join_of_tensorflow,
}


def _join_rows(parts):
    """Return the joined rows: adjacent rows of a batch are sliced together; a complete batch is returned as it is."""
    runs: list = []
    for part in parts:
        last = runs[-1] if runs else None
        if type(part) is Rows and type(last) is Rows and last.batch is part.batch and last.end == part.start:
            runs[-1] = Rows(part.batch, last.start, part.end)
        else:
            runs.append(part)
    pieces = [
        run.batch.result if type(run) is Rows and run.end - run.start == run.batch.rows else now(run) for run in runs
    ]
    return pieces[0] if len(pieces) == 1 else join(pieces)


def _join_later(parts):
    before = _as_built(parts)
    if before is not None:
        return before
    first = parts[0]
    if shapes.is_built(first):
        joined = join([part.now() for part in parts])
    elif shapes.has_columns(first):
        joined = _joined_columns(first, [part.data for part in parts])
    else:
        joined = first.build(now(join([part.data for part in parts])))
    batch = Batch(joined, sum(map(shapes.size, parts)))
    end = 0
    for part in parts:
        start, end = end, end + shapes.size(part)
        part.rows = Rows(batch, start, end)
    return joined


def _as_built(parts):
    """Return the frame built earlier from exactly these parts, or None: two models may read the same frame."""
    rows = [part.rows for part in parts]
    if rows[0] is None or rows[0].start != 0:
        return None
    batch = rows[0].batch
    if rows[-1] is None or rows[-1].end != batch.rows:
        return None
    together = all(
        row is not None and row.batch is batch and row.start == before.end for before, row in zip(rows, rows[1:])
    )
    return batch.result if together else None


def _joined_columns(first, datas):
    if "index" not in first.keywords:
        return first.build({name: [cell for data in datas for cell in data[name]] for name in datas[0]})
    keywords = {name: value for name, value in first.keywords.items() if name != "index"}
    return first.build({name: [data[name] for data in datas] for name in datas[0]}, keywords)


def several_results(result, rows, is_several=False):
    """Return whether `result` is several results with `rows` rows each; None if it doesn't have these rows.

    A tuple or a dict is several; so is a list if `is_several`, or if it contains arrays with `rows` rows. Raises Apart
    if it is ambiguous: `rows` arrays of `rows` rows.
    """
    kind = type(result)
    if kind is dict or isinstance(result, tuple) or (is_several and kind is list):
        values = result.values() if kind is dict else result
        return True if len(result) and all(value is None or _has(value, rows) for value in values) else None
    if kind is list and result and all(_is_array(value) and _has(value, rows) for value in result):
        if len(result) == rows:
            raise shapes.Apart
        return True
    return False if _has(result, rows) else None


def _is_array(value):
    return hasattr(value, "shape") and len(value.shape) > 0


def _has(value, rows):
    if isinstance(value, (str, bytes, dict, set, frozenset)) or not hasattr(value, "__getitem__"):
        return False
    try:
        return shapes.size(value) == rows
    # A value without a length, or with an empty shape, has no rows.
    except (TypeError, IndexError):
        return False
