"""Compares predictions: all checks share this definition of "the same answer".

Values are decoded JSON, and compared exactly, with two exceptions. The last bits of floats differ between valid runs of
one model (order of summation, number of threads, batch or row). The files of pictures differ between library versions
(zlib, libjpeg), even if their pixels are equal.
"""

# Smaller differences between floats are noise of values near zero.
FLOOR = 1e-9
TOLERANCE = 1e-6


def same(expected, actual, tolerance=TOLERANCE):
    """Return whether `actual` equals the prediction `expected`, with floats within the relative `tolerance`.

    Pixel values may differ by `tolerance` times the largest one.
    """
    if isinstance(expected, dict) and isinstance(actual, dict):
        return expected.keys() == actual.keys() and all(
            same(value, actual[key], tolerance) for key, value in expected.items()
        )
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and all(same(one, other, tolerance) for one, other in zip(expected, actual))
    if isinstance(expected, float) or isinstance(actual, float):
        return _is_number(expected) and _is_number(actual) and _near(expected, actual, tolerance)
    # True == 1 in Python, but not in JSON.
    if type(expected) is not type(actual):
        return False
    return expected == actual or (
        _is_picture(expected) and _is_picture(actual) and _look_same(expected, actual, tolerance)
    )


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _near(expected, actual, tolerance):
    try:
        one, other = float(expected), float(actual)
    except OverflowError:
        return expected == actual
    if one == other:
        return True
    if one != one or other != other:
        return one != one and other != other
    allowed = max(tolerance * max(abs(one), abs(other)), min(FLOOR, tolerance))
    return abs(one - other) <= allowed


def _is_picture(value):
    return isinstance(value, str) and value[:11] == "data:image/"


def _look_same(expected, actual, tolerance):
    """Return whether two data: URLs of pictures have the same type and pixels; False if one can't be read."""
    # Imported here, because few predictions are pictures.
    from nb_scorer.model import binary, misfit

    try:
        one, other = binary.part_of(expected), binary.part_of(actual)
        return one.media_type == other.media_type and binary.look_same(one, other, tolerance)
    # A data: URL without base64, or a picture that can't be read.
    except (ValueError, misfit.Misfit):
        return False
