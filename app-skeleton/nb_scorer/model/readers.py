"""Readers convert JSON values to the type of a hint; there is a class per kind of hint (see conversion).

A reader is called with a value; it returns a value of its hint's type, or raises Misfit with each invalid field.
"""

import datetime as dt
import decimal
import itertools
import pathlib
import uuid

from nb_scorer.model import binary, pydantic_models
from nb_scorer.model.misfit import MAX_ERRORS, Misfit

# Type names for clients; the first match counts, because to Python, True is an int.
_NOUNS = (
    (type(None), "null"),
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a number"),
    (str, "a text"),
    (list, "a list"),
    (dict, "an object"),
)


def _moment(kind, text):
    # CPython 3.10 and earlier don't support the suffix Z for UTC.
    return kind.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)


# CPython 3.6 can't parse dates, so they stay texts there. The first match counts, because a datetime is also a date.
_MOMENTS = (
    (dt.datetime, "a date and time in ISO 8601", _moment),
    (dt.date, "a date in ISO 8601", _moment),
    (dt.time, "a time in ISO 8601", _moment),
)
_FROM_TEXT = (
    *(_MOMENTS if hasattr(dt.date, "fromisoformat") else ()),
    (uuid.UUID, "a UUID", lambda kind, text: kind(text)),
    (pathlib.PurePath, "a path", lambda kind, text: kind(text)),
    (bytearray, "a data: URL or base64", lambda kind, text: kind(binary.part_of(text).content)),
)


def _noun(value):
    return next((noun for kind, noun in _NOUNS if isinstance(value, kind)), "something else")


def _reject(expected, value):
    raise Misfit([((), "must be {}, not {}".format(expected, _noun(value)))])


def _read_all(pairs):
    """Return {key: result of its reader} for `pairs`, which are (key, reader, value).

    Raise all Misfits as one; nothing is read after the first MAX_ERRORS of them.
    """
    values: dict = {}
    errors: list = []
    for key, read, value in pairs:
        if len(errors) >= MAX_ERRORS:
            break
        try:
            values[key] = value if read is None else read(value)
        except Misfit as misfit:
            errors += [((key, *path), detail) for path, detail in misfit.errors]
    if errors:
        raise Misfit(errors)
    return values


class Sample(object):
    """Reads a whole sample; `tried` is the cache of its unions, which is cleared after each sample."""

    def __init__(self, inner, tried=None):
        self.inner = inner
        self.tried = {} if tried is None else tried

    def __call__(self, value):
        """Return the result of the reader `inner`; raise Misfit, also if the sample is nested too deeply."""
        try:
            return self.inner(value)
        except RecursionError:
            raise Misfit([((), "is nested too deeply")]) from None
        finally:
            self.tried.clear()


class OfPydantic(object):
    """Delegates to pydantic and passes on its messages."""

    def __init__(self, hint, kind):
        self._parser = pydantic_models.Parser(hint, kind)

    def __call__(self, value):
        """Return a value of the hint's type; raise Misfit with pydantic's message for each field."""
        result, errors = self._parser.parse(value)
        if errors:
            raise Misfit(errors)
        return result


class Fields(object):
    """Creates `kind`, a dataclass or a dict, from an object's values; `fields` are {name: (reader, whether needed)}."""

    def __init__(self, kind, fields=None, is_open=False):
        self.kind = kind
        self.fields = fields
        self.is_open = is_open
        self.noun = "an object"

    def __call__(self, value):
        """Return the instance; raise Misfit with missing, unknown or invalid fields, or if the class rejects it."""
        if type(value) is not dict:
            raise Misfit([((), "must be an object with {}, not {}".format(_listed(self.fields), _noun(value)))])
        errors = list(itertools.islice(self._strange(value), MAX_ERRORS))
        if len(errors) < MAX_ERRORS:
            try:
                values = _read_all((name, self.fields.get(name, (None,))[0], value[name]) for name in value)
            except Misfit as misfit:
                errors += misfit.errors
        if errors:
            raise Misfit(errors)
        return values if self.kind is dict else self._instance(values)

    def _strange(self, value):
        """Yield an error for each missing field and each unknown one."""
        for name, (_, needed) in self.fields.items():
            if needed and name not in value:
                yield (name,), "is missing"
        if not self.is_open:
            for name in value:
                if name not in self.fields:
                    yield (name,), "is not expected"

    def _instance(self, values):
        try:
            return self.kind(**values)
        # The class's __post_init__ may check more than JSON types.
        except (ValueError, TypeError, AssertionError) as error:
            raise Misfit([((), str(error) or type(error).__name__)]) from error


def _listed(names):
    names = list(names)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names) or "no fields"


class Items(object):
    """Creates a list, a tuple or a set from a list.

    The reader in `inner` reads all items, or, unless `alike`, one each.
    """

    def __init__(self, kind, inner, alike=True):
        self.kind = kind
        self.inner = inner
        self.alike = alike
        self.noun = "a list"

    def __call__(self, value):
        """Return the container; raise Misfit if the value is not a list, has another length, or invalid items."""
        if type(value) is not list:
            _reject(self.noun, value)
        inner = (self.inner or [None])[:1] * len(value) if self.alike else self.inner
        if len(inner) != len(value):
            raise Misfit([((), "must be a list of {} values, not {}".format(len(inner), len(value)))])
        items = _read_all(zip(range(len(value)), inner, value)).values()
        try:
            return self.kind(items)
        except TypeError:
            raise Misfit([((), "must be a list of hashable values")])


class Values(object):
    """Reads each value of an object."""

    noun = "an object"

    def __init__(self, inner):
        self.inner = inner

    def __call__(self, value):
        """Return the dict; raise Misfit if the value is not an object, or has invalid values."""
        if type(value) is not dict:
            _reject(self.noun, value)
        return _read_all((name, self.inner, item) for name, item in value.items())


class AnyOf(object):
    """Reads with the first of several readers that accepts the value.

    Each reader reads a value only once, however many readers of its container are tried: `tried` caches the outcome, by
    the ids of reader and value. Otherwise, each level of nested unions would double the time.
    """

    def __init__(self, inner, tried):
        self.inner = inner
        self.tried = tried

    @property
    def noun(self):
        """Return the accepted types as text for a client."""
        return " or ".join(alternative.noun for alternative in self.inner)

    def __call__(self, value):
        """Return the result of the first reader that accepts the value; raise Misfit if none does.

        Its errors are those of the first reader that reached the fields.
        """
        nested_errors = None
        remembers = len(self.inner) > 1 and _is_nested(value)
        for read in self.inner:
            result, errors = self._once(read, value) if remembers else _outcome(read, value)
            if errors is None:
                return result
            if nested_errors is None and (len(errors) > 1 or errors[0][0]):
                nested_errors = errors
        raise Misfit(nested_errors or [((), "must be " + self.noun)])

    def _once(self, read, value):
        key = id(read), id(value)
        if key not in self.tried:
            self.tried[key] = _outcome(read, value)
        return self.tried[key]


def _outcome(read, value):
    """Return (the reader's result for a value, None), or (None, the errors of its Misfit)."""
    try:
        return read(value), None
    except Misfit as misfit:
        return None, misfit.errors


def _is_nested(value):
    """Return whether `value` is a list or an object that contains another."""
    inner = value.values() if type(value) is dict else value if type(value) is list else ()
    return any(type(item) in (dict, list) for item in inner)


class OneOf(object):
    """Accepts one of a few values; for an enum, it returns the member."""

    def __init__(self, allowed, kind=None):
        self.allowed = allowed
        self.kind = kind
        self.noun = "one of " + ", ".join(map(str, allowed))

    def __call__(self, value):
        """Return the value or the member; raise Misfit for any other."""
        if not any(type(choice) is type(value) and choice == value for choice in self.allowed):
            raise Misfit([((), "must be {}".format(self.noun))])
        return value if self.kind is None else self.kind(value)


class Scalar(object):
    """Accepts null, a boolean, a number or a text; a float may be a whole number, and an int may be 3.0."""

    def __init__(self, kind):
        self.kind = kind
        self.noun = dict(_NOUNS)[kind]

    def __call__(self, value):
        """Return the value as its kind; raise Misfit for another type."""
        if type(value) is self.kind:
            return value
        try:
            if self.kind is float and type(value) is int:
                return float(value)
        except OverflowError:
            raise Misfit([((), "must be a number that a float can hold")])
        if self.kind is int and type(value) is float and value.is_integer():
            return int(value)
        return _reject(self.noun, value)


class Number(object):
    """Creates a Decimal from a number, or from a text that is one; JSON has no NaN and no infinity."""

    noun = "a number"

    @staticmethod
    def knows(kind):
        """Return whether the class `kind` is a Decimal."""
        return issubclass(kind, decimal.Decimal)

    def __init__(self, kind):
        self.kind = kind

    def __call__(self, value):
        """Return the Decimal; raise Misfit for an invalid number."""
        if type(value) in (int, float, str):
            try:
                number = self.kind(str(value))
            except decimal.InvalidOperation:
                return _reject(self.noun, value)
            if number.is_finite():
                return number
            raise Misfit([((), "must be a finite number")])
        return _reject(self.noun, value)


class FromText(object):
    """Creates a date or time, a UUID, a path or bytes from text, in the form in which predictions are written."""

    @staticmethod
    def knows(kind):
        """Return whether the class `kind` has a text form."""
        return any(issubclass(kind, base) for base, _, _ in _FROM_TEXT)

    def __init__(self, kind):
        self.kind = kind
        self.noun, self.make = next((noun, make) for base, noun, make in _FROM_TEXT if issubclass(kind, base))

    def __reduce__(self):
        """Return how to pickle this: its constructor is looked up again."""
        return FromText, (self.kind,)

    def __call__(self, value):
        """Return the value; raise Misfit for an invalid text, or a value that is not a text."""
        if type(value) is str:
            try:
                return self.make(self.kind, value)
            except ValueError:
                raise Misfit([((), "must be {}".format(self.noun))])
        return _reject(self.noun, value)
