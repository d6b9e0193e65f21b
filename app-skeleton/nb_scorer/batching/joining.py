"""Determines which stops may share a model call, and calls the model: for one stop alone, or for many together.

A stop is what predictor's steps yield in place of calling a model: (number, function, args, keywords, stays_joined).
`number` identifies the place in the code; `stays_joined` means that only the next model reads the result.
"""

import itertools
import types

from nb_scorer.batching import joins, shapes
from nb_scorer.batching.deferred import Batch, Later, Rows, cut, now
from nb_scorer.batching.same_results import same_result

__all__ = [
    "DATA",
    "Later",
    "NotRowwise",
    "Rows",
    "Stops",
    "call_alone",
    "call_aside",
    "call_together",
    "chunks",
    "is_called",
    "key_of",
    "kind_of",
    "now",
    "same_result",
]

# Names of keyword arguments that contain the data.
DATA = ("X", "x", "data", "input_feed", "inputs", "texts", "sentences", "exog")
# Callable objects that are models: instances of a class of this package, or of one derived from it.
_CALLED = {("torch", "Module"), ("keras", "Layer"), ("tensorflow", "Layer"), ("spacy", "Language")}
# They compile for each input shape, so only a few batch sizes are used.
_COMPILING = {"keras", "tensorflow", "jax", "jaxlib"}
# With several outputs, they return a list with one result each.
_SEVERAL_RESULTS = {"predict_proba", "predict_log_proba"}
# They take several inputs as a list, and return several outputs as a list.
_SEVERAL_INPUTS = {"keras", "tensorflow"}
# They take a single object (a text or a flat row) without a list around it, and return a result without one.
_TAKE_ONE_TEXT, _TAKE_ONE_ROW = {"sentence_transformers"}, {"catboost"}
_ONE = "one object"
_MAX_TYPES = 1000
_FLOATS, _LISTS, _TEXTS, _LATER = {float}, {list}, {str}, {Later}

# Facts about classes, cached because every stop needs them.
_origins: dict = {}


class NotRowwise(Exception):
    """The result's rows don't correspond to the input's: this call can't be shared."""


class Stops(object):
    """Stops of one call that differ only in one argument: a sequence whose items are created on access.

    `data` are these arguments.
    """

    __slots__ = ("_alike", "data")

    def __init__(self, alike, data):
        """Store `alike` = (number, function, stays_joined), which all stops share."""
        self._alike = alike
        self.data = data

    def __len__(self):
        """Return the number of stops."""
        return len(self.data)

    def __getitem__(self, place):
        """Return one stop, or a slice as Stops."""
        if isinstance(place, slice):
            return Stops(self._alike, self.data[place])
        number, function, stays_joined = self._alike
        return number, function, (self.data[place],), {}, stays_joined


def is_called(value):
    """Return whether `value` is a model that is called directly, as model(x)."""
    return _origin(type(value))[1]


def _origin(kind):
    """Return (package names of a class and its bases, whether it is a callable model, whether it is spaCy's)."""
    found = _origins.get(kind)
    if found is None:
        names = [(shapes.top(base), base.__name__) for base in kind.__mro__]
        found = frozenset(package for package, _ in names), bool(_CALLED & set(names)), ("spacy", "Language") in names
        if len(_origins) < _MAX_TYPES:
            _origins[kind] = found
    return found


def _receiver(function):
    return getattr(function, "__self__", function)


def _is_session(function, args, keywords):
    """Return whether this calls ONNX's run(output names, {input: data})."""
    return getattr(function, "__name__", "") == "run" and (len(args) > 1 or "input_feed" in keywords)


def _place(function, args, keywords):
    """Return the position of the data: an index of `args`, a name in `keywords`, or None."""
    if _is_session(function, args, keywords):
        return "input_feed" if "input_feed" in keywords else 1
    if args:
        return 0
    return next((name for name in DATA if name in keywords), None)


# ---- keys


def key_of(stop):
    """Return a hashable key, equal for stops that may share a call; None for one that can't."""
    # Values from the notebook and from libraries may raise anything when they are inspected.
    try:
        number, function, args, keywords, _ = stop
        if type(function) is types.MethodType:
            receiver = function.__self__
            identity = type(receiver), id(receiver), id(function.__func__)
        else:
            identity = _identity(function)
        if not keywords and len(args) == 1:
            data = args[0]
            # A fast path for the most frequent stop, a row of floats in a list: this runs for every stop of every
            # sample.
            if type(data) is list and len(data) == 1 and type(data[0]) is list and set(map(type, data[0])) == _FLOATS:
                return number, identity, (list, float, len(data[0])), ()
            return number, identity, _shape(function, data, True), ()
        place = _place(function, args, keywords)
        data = args[place] if type(place) is int else keywords[place]
        others = tuple([shapes.fixed(value) for index, value in enumerate(args) if index != place])
        named = tuple([(name, shapes.fixed(value)) for name, value in keywords.items() if name != place])
        key = number, identity, _shape(function, data, False), (others, named)
        hash(key)
    except Exception:
        return None
    return key


def key_of_all(stops):
    """Return the key shared by all of these Stops, if each is one row of floats, one text, or a frame; otherwise None.

    Most samples are like that, and checking them together is fast; a deferred frame must have one row.
    """
    tables = stops.data
    kinds = set(map(type, tables))
    if kinds == _LATER:
        # An error such as a missing column of a frame is the sample's own.
        try:
            return key_of(stops[0]) if shapes.have_one_shape(tables) else None
        except Exception:
            return None
    if kinds != _LISTS or set(map(len, tables)) != {1}:
        return None
    rows = [row for (row,) in tables]
    kinds = set(map(type, rows))
    if kinds != _TEXTS:
        if kinds != _LISTS or len(set(map(len, rows))) > 1:
            return None
        if set(map(type, itertools.chain.from_iterable(rows))) != _FLOATS:
            return None
    return key_of(stops[0])


def kind_of(key):
    """Return a key without the object identities in it, which is equal for stops of the same kind."""
    if key is None:
        return None
    number, identity, shape, others = key
    return number, identity[0], shapes.without_identities(shape), shapes.without_identities(others)


def _identity(function):
    """Return the type and identity of a callable, or of its content for one that a library wraps again each time."""
    if isinstance(function, types.FunctionType) and function.__closure__:
        held = [cell.cell_contents for cell in function.__closure__]
        held.extend(function.__defaults__ or ())
        held.extend((function.__kwdefaults__ or {}).values())
        return (types.FunctionType, id(function.__code__), tuple(map(id, held)))
    receiver = _receiver(function)
    return type(receiver), id(receiver), getattr(function, "__name__", None)


def _shape(function, data, only_data):
    kind = type(data)
    if kind is str or kind is list or kind is tuple or (kind.__name__ == "ndarray" and data.ndim == 1):
        if _takes_one(function, data):
            return _ONE, kind, kind if kind is str else shapes.shape(_list_of_one(data))
        if kind is str:
            # Only spaCy takes a single text, and scores a blank text differently in a batch.
            if only_data and _is_spacy(function) and data.strip():
                return str
            raise shapes.Apart
        if _takes_several(function, data):
            return shapes.of_several(data)
    return shapes.shape(data)


def _is_spacy(function):
    return _origin(type(function))[2]


def _takes_one(function, data):
    """Return whether `data` is a single object rather than a list of objects."""
    kind = type(data)
    if kind is str:
        return not _TAKE_ONE_TEXT.isdisjoint(_origin(type(_receiver(function)))[0])
    if kind is list or kind is tuple:
        is_flat = len(data) > 0 and type(data[0]) not in (list, tuple) and not hasattr(data[0], "shape")
    else:
        is_flat = kind.__name__ == "ndarray" and len(data.shape) == 1
    return is_flat and not _TAKE_ONE_ROW.isdisjoint(_origin(type(_receiver(function)))[0])


def _list_of_one(data):
    return data[None] if hasattr(data, "shape") else [data]


def _takes_several(function, data):
    """Return whether `data` is a list of inputs, each with all rows, rather than a list of rows."""
    if type(data) not in (list, tuple) or not data or not hasattr(data[0], "shape"):
        return False
    return not _SEVERAL_INPUTS.isdisjoint(_origin(type(_receiver(function)))[0])


# ---- calls


def call_alone(stop):
    """Return the result of the call for one stop; raises what the call raises."""
    _, function, args, keywords, _ = stop
    return function(*[now(value) for value in args], **{name: now(value) for name, value in keywords.items()})


def call_aside(stop):
    """As call_alone, with a copy of the data, so that the sample's own code doesn't see changes by the call."""
    number, function, args, keywords, stays_joined = stop
    place = _place(function, args, keywords)
    if type(place) is int:
        args = (*args[:place], joins.copied(args[place]), *args[place + 1 :])
    elif place is not None:
        keywords = dict(keywords, **{place: joins.copied(keywords[place])})
    return call_alone((number, function, args, keywords, stays_joined))


def call_together(stops):
    """Return the results of one call for all `stops` of one key; raises NotRowwise, and what the call raises."""
    if len(stops) == 1:
        return [call_alone(stops[0])]
    _, function, args, keywords, _ = stops[0]
    place = _place(function, args, keywords)
    if type(stops) is Stops:
        parts = stops.data
    else:
        parts = [stop[2][place] if type(place) is int else stop[3][place] for stop in stops]
    is_one = _takes_one(function, parts[0])
    if type(parts[0]) is str and not is_one:
        return _call_pipe(function, parts)
    if is_one:
        parts = parts if type(parts[0]) is str else [_list_of_one(part) for part in parts]
        joined = parts if type(parts[0]) is str else joins.join(parts)
        return _results_of_each(function, _called(function, args, keywords, place, joined), len(parts))
    several = _takes_several(function, parts[0])
    is_rows = not several and set(map(type, parts)) == _LISTS
    sizes = list(map(len, parts)) if is_rows else [shapes.size(part[0] if several else part) for part in parts]
    joined = joins.join_several(parts) if several else joins.join(parts)
    return _split(function, _called(function, args, keywords, place, joined), sizes, stops)


def _called(function, args, keywords, place, joined):
    return function(
        *[joined if index == place else now(value) for index, value in enumerate(args)],
        **{name: joined if name == place else now(value) for name, value in keywords.items()},
    )


def _results_of_each(function, result, count):
    """Split the result of a call for `count` objects, each in the form that a call for one object returns."""
    if joins.several_results(result, count) is not False:
        raise NotRowwise(_describe_count(function, count))
    return [result[place] for place in range(count)]


def _call_pipe(function, texts):
    results = list(function.pipe(texts))
    if len(results) != len(texts):
        raise NotRowwise(_describe_count(function, len(texts)))
    return results


def _split(function, result, sizes, stops):
    rows = sum(sizes)
    several = joins.several_results(result, rows, _gives_several(function, stops[0]))
    if several is None:
        raise NotRowwise(_describe_count(function, rows))
    batch = Batch(result, rows, several)
    is_sliced = not several and not hasattr(result, "iloc")
    if type(stops) is Stops and is_sliced and rows == len(stops) and not stops[0][4]:
        return [result[place : place + 1] for place in range(rows)]
    results, end = [], 0
    for stop, count in zip(stops, sizes):
        start, end = end, end + count
        if stop[4]:
            results.append(Rows(batch, start, end))
        else:
            # Most results are a single array, for which cut() would repeat the same checks.
            results.append(result[start:end] if is_sliced else cut(batch, start, end))
    return results


def _gives_several(function, stop):
    """Return whether a list that a call returns contains several results rather than rows."""
    if getattr(function, "__name__", "") in _SEVERAL_RESULTS or _is_session(function, stop[2], stop[3]):
        return True
    return not _SEVERAL_INPUTS.isdisjoint(_origin(type(_receiver(function)))[0])


def _describe_count(function, rows):
    name = getattr(function, "__qualname__", None) or type(function).__name__
    return "{} received {} rows at once and did not return the same number".format(name, rows)


def chunks(stops, most):
    """Return lists of at most `most` of the `stops`, in order; with power-of-two sizes if that is faster."""
    function = stops[0][1]
    if _COMPILING.isdisjoint(_origin(type(_receiver(function)))[0]):
        return [stops[start : start + most] for start in range(0, len(stops), most)]
    lists, start = [], 0
    while start < len(stops):
        count = 1 << min(len(stops) - start, most).bit_length() - 1
        lists.append(stops[start : start + count])
        start += count
    return lists
