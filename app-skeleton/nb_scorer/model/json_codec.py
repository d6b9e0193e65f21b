"""Decodes samples from JSON for the notebook's functions, and encodes their results for clients.

Decoding follows JSON exactly. Encoding accepts any value of Python, numpy, pandas or pydantic that has a JSON form.
"""

import base64
import collections
import datetime as dt
import decimal
import enum
import json
import marshal
import types
import uuid

from nb_scorer.common import json_depth
from nb_scorer.model import pydantic_models

# int() of a long digit string is quadratic, and Pythons before 3.11 have no limit.
MAX_DIGITS = 4300
_DIGITS = b"0123456789"
_EXACT = 1 << 63
_TEXT = {str}
_CONTAINERS = {dict, list, tuple}
_BOM = b"\xef\xbb\xbf"


def decode(body, decoder=None):
    """Return the sample in `body` (UTF-8 JSON bytes); raise ValueError with a text for the client.

    With LENIENT as `decoder`, NaN, Infinity and -Infinity, which are not valid JSON, become None.
    """
    if body[:3] == _BOM:
        body = body[3:]
    if decoder is None:
        decoder = _BOUNDED if len(body) > MAX_DIGITS and _has_long_number(body) else _DECODER
    try:
        text = body.decode("utf-8")
        if json_depth.is_too_deep(body):
            raise ValueError("it is nested too deeply")
        try:
            # decoder.decode() does additional work, which takes longer than decoding a small sample.
            sample, end = decoder.scan_once(text, 0)
        except StopIteration:
            end = -1
        return sample if end == len(text) else decoder.decode(text)
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8 (byte {})".format(error.start))
    except RecursionError:
        raise ValueError("it is nested too deeply")


def fingerprint(sample):
    """Return bytes that change if a decoded sample is modified, or None if it can't be serialized."""
    try:
        # Version 2 of the format does not depend on reference counts.
        return marshal.dumps(sample, 2)
    except ValueError:
        # Nested too deeply for marshal, or contains a type that JSON doesn't have.
        return None


def _has_long_number(body):
    """Return whether `body` has more than MAX_DIGITS digits in a row."""
    # Any run of more than MAX_DIGITS digits covers a multiple of MAX_DIGITS. Checking these positions takes a
    # thousandth of the time of a search.
    for position in range(0, len(body), MAX_DIGITS):
        if body[position : position + 1].isdigit():
            before, after = body[max(0, position - MAX_DIGITS) : position], body[position : position + MAX_DIGITS]
            digits = len(before) - len(before.rstrip(_DIGITS)) + len(after) - len(after.lstrip(_DIGITS))
            if digits > MAX_DIGITS:
                return True
    return False


def _reject_constant(name):
    raise ValueError("{} is not JSON; null is".format(name))


def _bounded_int(digits):
    if len(digits) > MAX_DIGITS:
        raise ValueError("it has a number of more than {} digits".format(MAX_DIGITS))
    return int(digits)


# Created once: json.loads and json.dumps would create one per call, which takes longer than a small sample.
_DECODER = json.JSONDecoder(parse_constant=_reject_constant)
_BOUNDED = json.JSONDecoder(parse_constant=_reject_constant, parse_int=_bounded_int)


def bounded_decoder(on_constant):
    """Return a decoder that replaces NaN, Infinity and -Infinity by the result of `on_constant`."""
    return json.JSONDecoder(parse_constant=on_constant, parse_int=_bounded_int)


LENIENT = bounded_decoder(lambda name: None)


class NoJsonForm(TypeError):
    """A value has no JSON form; the text explains it to the client."""


def encode(answer, form=None):
    """Return `answer` as JSON bytes, pandas in the `form` LABELLED or BARE; raise NoJsonForm naming the type.

    NaN and infinities become null, because JSON can't express them.
    """
    own = _SCALARS.get(type(answer))
    if own is not None:
        answer = own(answer)
    # A fast path for the most common prediction: the same text as from json, in a tenth of the time.
    if type(answer) is int and -_EXACT < answer < _EXACT:
        return b"%d" % answer
    if isinstance(answer, float):
        # json does the same for subclasses such as numpy.float64.
        text = float.__repr__(answer)
        return b"null" if text in _NOT_FINITE else text.encode("ascii")
    if type(answer) is list and answer:
        # The encoder would call back for each of a thousand predictions. Most need no conversion, which the first one
        # shows: checking all would take a third of the time of writing them.
        own = _SCALARS.get(type(answer[0]))
        if own is not None and len(set(map(type, answer))) == 1:
            answer = list(map(own, answer))
    form = form or LABELLED
    try:
        # The encoder writes 1 and '1' as two values with the same name.
        text = None if _has_other_keys(answer) else form.encoder.encode(answer)
    except (ValueError, TypeError, OverflowError, RecursionError):
        text = None
    if text is None:
        # A NaN, a key that is not a string, or a cycle: plain() determines which, and fixes the first two. Its own
        # error is sufficient, so the encoder's is not logged.
        text = _text(plain(answer, form))
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        # A lone surrogate came from an escape, and can only be written as an escape.
        return json.dumps(plain(answer, form), allow_nan=False).encode("ascii")


def _has_other_keys(value):
    """Return whether a dict in `value` has keys that are not strings; for a list, only its first item is checked."""
    kind = type(value)
    if kind is dict:
        if set(map(type, value)) - _TEXT:
            return True
        return any(type(item) in _CONTAINERS and _has_other_keys(item) for item in value.values())
    return kind in _CONTAINERS and bool(value) and _has_other_keys(value[0])


def _text(answer):
    try:
        return json.dumps(answer, allow_nan=False, ensure_ascii=False)
    except ValueError:
        # The only remaining cause: CPython does not convert longer numbers to text, and no client would read them.
        raise NoJsonForm("a whole number of more than {} digits can't be sent as JSON".format(MAX_DIGITS)) from None


def plain(value, form=None):
    """Return `value` as None, bool, int, float, str, list and dict only, in `form`, or raise NoJsonForm."""
    try:
        return _plain(value, (form or LABELLED).leaf)
    except RecursionError:
        raise NoJsonForm("the prediction contains itself, or is nested too deeply for JSON") from None


def listed(value):
    """Return the list of predictions in a batch_predictor's `value`; raise NoJsonForm if it contains none.

    The labels of an array or a table identify samples and are not part of predictions.
    """
    return value if type(value) is list else BARE.leaf(value)


def _plain(value, leaf):
    kind = type(value)
    if kind is float:
        return value if value - value == 0 else None
    if value is None or kind in (bool, int, str):
        return value
    if isinstance(value, dict):
        return _object(value, leaf)
    if kind in (list, tuple):
        return [_plain(item, leaf) for item in value]
    return _plain(leaf(value), leaf)


def _object(value, leaf):
    named = {_key(key, leaf): _plain(item, leaf) for key, item in value.items()}
    if len(named) < len(value):
        # A JSON object has one value per name, so the others would be lost silently.
        raise NoJsonForm("a dict with two keys of the same name, such as 1 and '1', has no JSON form")
    return named


def _key(key, leaf):
    """Return a dict's key as JSON text."""
    if isinstance(key, str):
        return str.__str__(key)
    plain_key = _plain(key, leaf)
    if isinstance(plain_key, str):
        return plain_key
    if isinstance(plain_key, (list, dict)):
        return str(key)
    return json.dumps(plain_key)


class Form(object):
    """A way to encode predictions: `leaf` converts a value one step closer to JSON, `encoder` encodes with it."""

    def __init__(self, library_steps):
        self._library_steps = library_steps
        self.encoder = json.JSONEncoder(default=self.leaf, allow_nan=False, ensure_ascii=False)

    def leaf(self, value):
        """Return `value` one step closer to JSON; json.dumps calls this for types that it doesn't know."""
        own = _SCALARS.get(type(value))
        if own is not None:
            return own(value)
        for kinds, step in _STEPS:
            if isinstance(value, kinds):
                return step(value)
        url = _file_url(value)
        if url is not None:
            return url
        for applies, step in self._library_steps:
            if applies(value):
                return step(value)
        kind = type(value)
        home = "" if kind.__module__ == "builtins" else kind.__module__ + "."
        raise NoJsonForm("an answer of type {}{} has no JSON form".format(home, kind.__qualname__))


def _file_url(value):
    """Return the data: URL of a value that is a file, such as a picture; None for any other."""
    # Imported here, because it imports this module.
    from nb_scorer.model import binary

    part = binary.part_of_answer(value)
    return None if part is None else binary.data_url(part.content, part.media_type)


def _moment(value):
    # pandas.NaT is an instance of datetime, but contains no time.
    return None if value != value else value.isoformat()


def _duration(value):
    return None if value != value else value.total_seconds()


def _decimal(value):
    if not value.is_finite():
        return None
    if value.adjusted() > MAX_DIGITS:
        # Writing it out would take time and memory in proportion to its exponent.
        raise NoJsonForm("a Decimal of more than {} digits has no JSON form".format(MAX_DIGITS))
    return int(value) if value == value.to_integral_value() else float(value)


def _set(value):
    items = list(value)
    try:
        return sorted(items)
    except TypeError:
        return items


_STEPS: tuple = (
    (enum.Enum, lambda value: value.value),
    (bool, bool),
    (int, int),
    (float, float),
    (str, str.__str__),
    ((list, tuple), list),
    (memoryview, lambda value: base64.b64encode(bytes(value)).decode("ascii")),
    ((set, frozenset), _set),
    ((dt.datetime, dt.date, dt.time), _moment),
    (dt.timedelta, _duration),
    (decimal.Decimal, _decimal),
    (uuid.UUID, str),
    ((range, collections.deque, collections.UserList), list),
    ((type({}.keys()), type({}.values()), type({}.items())), list),
    ((types.MappingProxyType, collections.UserDict, collections.ChainMap), dict),
)


# Converters to Python's own types for each numpy type seen so far; numpy has about twenty.
_SCALARS: dict = {}
# Selected by kind of type; takes a tenth of the time of item().
_OWN = {"b": bool, "i": int, "u": int, "f": float}
_NOT_FINITE = ("nan", "inf", "-inf")


def _is_numpy_scalar(value):
    return hasattr(value, "dtype") and hasattr(value, "item") and getattr(value, "shape", None) == ()


def _numpy_scalar(value):
    kind = value.dtype.kind
    if value.dtype.names:
        # item() would drop the field names of a nested record, and the unit of a datetime64 in nanoseconds.
        return {name: value[name] for name in value.dtype.names}
    if kind == "M":
        return None if value != value else str(value)
    if kind == "m":
        return None if value != value else _seconds(value)
    # Excludes zero-dimensional arrays, because other arrays have the same class.
    if kind in _OWN and type(value).__module__ == "numpy" and not hasattr(value, "__setitem__"):
        own = _SCALARS[type(value)] = _OWN[kind]
        return own(value)
    # item() of a long double returns a long double again.
    plain_value = float(value) if kind == "f" else value.item()
    if type(plain_value) is type(value):
        raise NoJsonForm("an answer of type {} has no JSON form".format(type(value).__name__))
    return plain_value


def _seconds(value):
    try:
        return value / type(value)(1, "s")
    except TypeError:
        # A month or a year is not a fixed number of seconds.
        raise NoJsonForm("an answer of type numpy.{} has no JSON form".format(value.dtype)) from None


def _array(value):
    dtype = getattr(value, "dtype", None)
    if getattr(dtype, "names", None):
        return list(value)
    if getattr(dtype, "kind", "") in ("M", "m"):
        return list(value)
    return value.tolist()


def _table(value):
    if not getattr(value.columns, "is_unique", True):
        raise NoJsonForm("a DataFrame with two columns of the same name has no JSON form")
    return value.to_dict("records")


def _labelled_table(value):
    """Return the records of a DataFrame, each with its row's labels, unless these are only row numbers."""
    if not _is_labelled(value):
        return _table(value)
    try:
        return _table(value.reset_index())
    except ValueError:
        raise NoJsonForm("a DataFrame with a column and an index of the same name has no JSON form") from None


def _labelled_series(value):
    """Return a Series as an object by index; as a list if the index only counts the values."""
    if not _is_labelled(value):
        return _array(value)
    if not value.index.is_unique:
        raise NoJsonForm(
            "a Series with two values of the same label has no JSON form; reset_index(drop=True) makes it a list"
        )
    return dict(zip(value.index, _array(value)))


def _is_labelled(value):
    """Return whether the index of a Series or DataFrame is more than row numbers."""
    index = getattr(value, "index", None)
    if type(index).__name__ != "RangeIndex":
        return index is not None
    return index.name is not None or index.start != 0 or index.step != 1


def field_names(kind):
    """Return the names of a dataclass's fields, in order, without ClassVar and InitVar."""
    # The same as dataclasses.fields(), which Python 3.6 lacks.
    fields = kind.__dataclass_fields__.items()
    return [name for name, field in fields if field._field_type.name == "_FIELD"]  # noqa: SLF001


def _is_of(library, value):
    return type(value).__module__.split(".")[0] == library


def _has_columns(value):
    return hasattr(value, "to_dict") and hasattr(value, "columns")


def _is_array(value):
    return hasattr(value, "tolist") and not hasattr(value, "to_dict")


def _is_series(value):
    return hasattr(value, "to_dict") and hasattr(value, "index") and hasattr(value, "tolist")


# Recognised by their attributes, because none of these libraries may be imported here.
_FIRST_STEPS: tuple = (
    (lambda value: type(value).__name__ in ("NAType", "NaTType", "MaskedConstant"), lambda value: None),
    # The most common type first.
    (_is_numpy_scalar, _numpy_scalar),
    (_is_array, _array),
    (lambda value: pydantic_models.is_model(type(value)), pydantic_models.dumped),
    (lambda value: hasattr(value, "to_dicts"), lambda value: value.to_dicts()),
)
_OTHER_STEPS: tuple = (
    (lambda value: hasattr(value, "detach") and hasattr(value, "cpu"), lambda v: v.detach().cpu().tolist()),
    (lambda value: hasattr(value, "tolist"), _array),
    (lambda value: hasattr(value, "to_list"), lambda value: value.to_list()),
    (lambda value: hasattr(value, "toarray"), lambda value: value.toarray()),
    (
        lambda value: hasattr(value, "__dataclass_fields__") and not isinstance(value, type),
        lambda value: {name: getattr(value, name) for name in field_names(value)},
    ),
    (lambda value: type(value).__name__ in ("Period", "Interval") and _is_of("pandas", value), str),
    (lambda value: type(value).__name__ == "Fraction" and _is_of("fractions", value), float),
    (lambda value: hasattr(value, "__fspath__"), lambda value: value.__fspath__()),
)

# How pandas objects are encoded: with their index labels, or as bare lists and records.
LABELLED = Form((*_FIRST_STEPS, (_has_columns, _labelled_table), (_is_series, _labelled_series), *_OTHER_STEPS))
BARE = Form((*_FIRST_STEPS, (_has_columns, _table), *_OTHER_STEPS))
