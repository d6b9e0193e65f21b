"""When two answers are the same: the one definition that every check shares.

Values are decoded JSON. Everything is exact but floats, which honest runs of one model change in
their last bits (order of summation, number of threads, batch or row).
"""

# Below this a difference between floats says nothing: it is the noise of values near zero.
FLOOR = 1e-9
TOLERANCE = 1e-6


def same(expected, got, tolerance=TOLERANCE):
    """Return whether `got` is the answer `expected`, floats within the relative `tolerance`."""
    if isinstance(expected, dict) and isinstance(got, dict):
        return expected.keys() == got.keys() and all(
            same(value, got[key], tolerance) for key, value in expected.items()
        )
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(same(one, other, tolerance) for one, other in zip(expected, got))
    if isinstance(expected, float) or isinstance(got, float):
        return _is_number(expected) and _is_number(got) and _near(expected, got, tolerance)
    # True == 1 in Python and not in JSON.
    return type(expected) is type(got) and expected == got


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _near(expected, got, tolerance):
    try:
        one, other = float(expected), float(got)
    except OverflowError:
        return expected == got
    if one == other:
        return True
    if one != one or other != other:
        return one != one and other != other
    allowed = max(tolerance * max(abs(one), abs(other)), min(FLOOR, tolerance))
    return abs(one - other) <= allowed
