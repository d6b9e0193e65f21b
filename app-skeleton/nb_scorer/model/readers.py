"""Readers, which turn JSON's values into what a type hint promises: a class per kind of hint; see conversion.

A reader is called with a value; it returns what its hint promises, or raises Misfit with each field that is wrong.
"""

import datetime as dt
import decimal
import itertools
import pathlib
import uuid

from nb_scorer.model import binary, pydantic_models
from nb_scorer.model.misfit import MAX_ERRORS, Misfit

# As a client would say it; the first that fits, because to Python, true is an int.
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
    # CPython 3.10 and earlier don't know the letter for UTC.
    return kind.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)


# CPython 3.6 can't parse dates: they stay texts there. The first that fits: a datetime is a date.
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


def _refuse(expected, value):
    raise Misfit([((), "must be {}, not {}".format(expected, _noun(value)))])


def _read_all(pairs):
    """Return {key: what its reader makes of its value} for `pairs`, which are (key, reader, value).

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
    """Reads a whole sample; `tried` is the memory of its unions, for as long as it is read."""

    def __init__(self, inner, tried=None):
        self.inner = inner
        self.tried = {} if tried is None else tried

    def __call__(self, value):
        """Return what the reader `inner` makes of it; raise Misfit, also for a class nested in itself too deeply."""
        try:
            return self.inner(value)
        except RecursionError:
            raise Misfit([((), "is nested too deeply")]) from None
        finally:
            self.tried.clear()


class OfPydantic(object):
    """Reads through pydantic itself, whose own messages it gives."""

    def __init__(self, hint, kind):
        self._parser = pydantic_models.Parser(hint, kind)

    def __call__(self, value):
        """Return what the hint promises; raise Misfit with what pydantic says of each field."""
        result, errors = self._parser.parse(value)
        if errors:
            raise Misfit(errors)
        return result


class Fields(object):
    """Makes `kind`, a dataclass or a dict, of an object's values; `fields` are {name: (reader, whether needed)}."""

    def __init__(self, kind, fields=None, is_open=False):
        self.kind = kind
        self.fields = fields
        self.is_open = is_open
        self.noun = "an object"

    def __call__(self, value):
        """Return the instance; raise Misfit with fields that are missing, unknown or wrong, or that it refuses."""
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
        """Yield an error for each field that is missing, and for each that is not known."""
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
        # Its __post_init__ may check more than JSON's types.
        except (ValueError, TypeError, AssertionError) as error:
            raise Misfit([((), str(error) or type(error).__name__)]) from error


def _listed(names):
    names = list(names)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names) or "no fields"


class Items(object):
    """Makes a list, a tuple or a set of a list: the reader in `inner` reads all items, or, unless `alike`, one each."""

    def __init__(self, kind, inner, alike=True):
        self.kind = kind
        self.inner = inner
        self.alike = alike
        self.noun = "a list"

    def __call__(self, value):
        """Return the container; raise Misfit for what is no list, has another length, or wrong items."""
        if type(value) is not list:
            _refuse(self.noun, value)
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
        """Return the dict; raise Misfit for what is no object, or has wrong values."""
        if type(value) is not dict:
            _refuse(self.noun, value)
        return _read_all((name, self.inner, item) for name, item in value.items())


class AnyOf(object):
    """Reads by the first of several readers that takes the value.

    A value is read only once by each, however many readers of what is around it are tried: `tried` holds the outcome,
    by the ids of reader and value. Otherwise each level of nested unions would double the time.
    """

    def __init__(self, inner, tried):
        self.inner = inner
        self.tried = tried

    @property
    def noun(self):
        """Return what a client may send."""
        return " or ".join(alternative.noun for alternative in self.inner)

    def __call__(self, value):
        """Return what the first makes of it; raise Misfit with the errors of the first that got to the fields."""
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
    """Return (what the reader makes of a value, None), or (None, the errors of its Misfit)."""
    try:
        return read(value), None
    except Misfit as misfit:
        return None, misfit.errors


def _is_nested(value):
    """Return whether `value` is a list or an object that holds another."""
    inner = value.values() if type(value) is dict else value if type(value) is list else ()
    return any(type(item) in (dict, list) for item in inner)


class OneOf(object):
    """Takes one of a few values; of an enum it makes the member."""

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
    """Takes null, true or false, a number or a text; a whole number does for a float, too, and 3.0 for an int."""

    def __init__(self, kind):
        self.kind = kind
        self.noun = dict(_NOUNS)[kind]

    def __call__(self, value):
        """Return the value as its kind; raise Misfit for another."""
        if type(value) is self.kind:
            return value
        try:
            if self.kind is float and type(value) is int:
                return float(value)
        except OverflowError:
            raise Misfit([((), "must be a number that a float can hold")])
        if self.kind is int and type(value) is float and value.is_integer():
            return int(value)
        return _refuse(self.noun, value)


class Number(object):
    """Makes a Decimal of a number, or of a text that is one; JSON has no NaN and no infinity."""

    noun = "a number"

    @staticmethod
    def knows(kind):
        """Return whether the class `kind` is a Decimal."""
        return issubclass(kind, decimal.Decimal)

    def __init__(self, kind):
        self.kind = kind

    def __call__(self, value):
        """Return the Decimal; raise Misfit for what is no number."""
        if type(value) in (int, float, str):
            try:
                number = self.kind(str(value))
            except decimal.InvalidOperation:
                return _refuse(self.noun, value)
            if number.is_finite():
                return number
            raise Misfit([((), "must be a finite number")])
        return _refuse(self.noun, value)


class FromText(object):
    """Makes a date or time, a UUID, a path or bytes of its text, as answers write it."""

    @staticmethod
    def knows(kind):
        """Return whether there is a form in text for the class `kind`."""
        return any(issubclass(kind, base) for base, _, _ in _FROM_TEXT)

    def __init__(self, kind):
        self.kind = kind
        self.noun, self.make = next((noun, make) for base, noun, make in _FROM_TEXT if issubclass(kind, base))

    def __reduce__(self):
        """Return how this is pickled: what makes the value is looked up again."""
        return FromText, (self.kind,)

    def __call__(self, value):
        """Return the value; raise Misfit for a text that is no such value, and for what is no text."""
        if type(value) is str:
            try:
                return self.make(self.kind, value)
            except ValueError:
                raise Misfit([((), "must be {}".format(self.noun))])
        return _refuse(self.noun, value)
