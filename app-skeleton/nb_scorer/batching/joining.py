"""Which stops may share a call of a model, and the call itself: for one stop alone, or for many together.

A stop is what the steps of predictor yield where it would have called a model: a tuple (number, function, args,
keywords, stays_joined), where `number` says at which place of the code, and `stays_joined` that only the next model
looks at the result.
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

# The names under which data is handed over by keyword.
DATA = ("X", "x", "data", "input_feed", "inputs", "texts", "sentences", "exog")
# Objects that are models and called themselves: of this package, or a class derived from one of it.
_CALLED = {("torch", "Module"), ("keras", "Layer"), ("tensorflow", "Layer"), ("spacy", "Language")}
# They compile for each shape of their input: of a few sizes only, each is compiled once.
_COMPILING = {"keras", "tensorflow", "jax", "jaxlib"}
# With several outputs they give a list, one for each.
_SEVERAL_RESULTS = {"predict_proba", "predict_log_proba"}
# They take several inputs as a list, and give several outputs as one.
_SEVERAL_INPUTS = {"keras", "tensorflow"}
# They take one object without a list around it, and give its result without one: a text, a flat row.
_TAKE_ONE_TEXT, _TAKE_ONE_ROW = {"sentence_transformers"}, {"catboost"}
_ONE = "one object"
_MAX_TYPES = 1000
_FLOATS, _LISTS, _TEXTS, _LATER = {float}, {list}, {str}, {Later}

# What is said of a class is asked for at each stop.
_origins: dict = {}


class NotRowwise(Exception):
    """Rows out were not rows in: this call can not be shared."""


class Stops(object):
    """Stops of one call that differ in their one argument only: a sequence of which each is made when it is asked for.

    `data` are these arguments.
    """

    __slots__ = ("_alike", "data")

    def __init__(self, alike, data):
        """Take `alike` = (number, function, stays_joined), which all of them have."""
        self._alike = alike
        self.data = data

    def __len__(self):
        """Return how many there are."""
        return len(self.data)

    def __getitem__(self, place):
        """Return one stop, or some as Stops."""
        if isinstance(place, slice):
            return Stops(self._alike, self.data[place])
        number, function, stays_joined = self._alike
        return number, function, (self.data[place],), {}, stays_joined


def is_called(value):
    """Return whether `value` is a model that is called itself, as model(x)."""
    return _origin(type(value))[1]


def _origin(kind):
    """Return (names of the packages that a class is made of, whether it is a model that is called, or spaCy's)."""
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
    """Return whether this calls ONNX's run(names of outputs, {input: data})."""
    return getattr(function, "__name__", "") == "run" and (len(args) > 1 or "input_feed" in keywords)


def _place(function, args, keywords):
    """Return where the data is, an index of `args` or a name among `keywords`, or None."""
    if _is_session(function, args, keywords):
        return "input_feed" if "input_feed" in keywords else 1
    if args:
        return 0
    return next((name for name in DATA if name in keywords), None)


# ---- keys


def key_of(stop):
    """Return by what stops may share a call, hashable; None where this one goes alone."""
    # Values of the notebook and of libraries raise what they like when they are looked at.
    try:
        number, function, args, keywords, _ = stop
        if type(function) is types.MethodType:
            receiver = function.__self__
            identity = type(receiver), id(receiver), id(function.__func__)
        else:
            identity = _identity(function)
        if not keywords and len(args) == 1:
            data = args[0]
            # Most stops are like this one, a row of floats in a list; this is run once a stop and sample.
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
    """Return the key that all of these Stops have, where each is one row of floats, one text, or a frame; else None.

    That is what most samples are, and is seen of all of them at once: of frames that are built later, each of one row.
    """
    tables = stops.data
    kinds = set(map(type, tables))
    if kinds == _LATER:
        # Columns that a frame does not have, for one, are an error of the sample's own.
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
    """Return a key without the identities of objects in it: what stops of one kind share."""
    if key is None:
        return None
    number, identity, shape, others = key
    return number, identity[0], shapes.without_identities(shape), shapes.without_identities(others)


def _identity(function):
    """Return the type and identity of a callable; of one that a library wraps again each time, those of its content."""
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
            # spaCy alone takes one text, and a text without a word is scored otherwise in company.
            if only_data and _is_spacy(function) and data.strip():
                return str
            raise shapes.Apart
        if _takes_several(function, data):
            return shapes.of_several(data)
    return shapes.shape(data)


def _is_spacy(function):
    return _origin(type(function))[2]


def _takes_one(function, data):
    """Return whether `data` is one object itself, and no list of objects."""
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
    """Return whether `data` is a list of inputs, each with all rows, and not a list of rows."""
    if type(data) not in (list, tuple) or not data or not hasattr(data[0], "shape"):
        return False
    return not _SEVERAL_INPUTS.isdisjoint(_origin(type(_receiver(function)))[0])


# ---- calls


def call_alone(stop):
    """Return the result of the call for one stop; raises what the call raises."""
    _, function, args, keywords, _ = stop
    return function(*[now(value) for value in args], **{name: now(value) for name, value in keywords.items()})


def call_aside(stop):
    """As call_alone, with a copy of the data: what the call changes in it is not seen by the sample's own code."""
    number, function, args, keywords, stays_joined = stop
    place = _place(function, args, keywords)
    if type(place) is int:
        args = (*args[:place], joins.copied(args[place]), *args[place + 1 :])
    elif place is not None:
        keywords = dict(keywords, **{place: joins.copied(keywords[place])})
    return call_alone((number, function, args, keywords, stays_joined))


def call_together(stops):
    """Return the results of one call for `stops` of one key; raises NotRowwise, and what the call raises."""
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
    """Return the results of one call for so many objects, each as it is for one object alone."""
    if joins.several_results(result, count) is not False:
        raise NotRowwise(_words(function, count))
    return [result[place] for place in range(count)]


def _call_pipe(function, texts):
    results = list(function.pipe(texts))
    if len(results) != len(texts):
        raise NotRowwise(_words(function, len(texts)))
    return results


def _split(function, result, sizes, stops):
    rows = sum(sizes)
    several = joins.several_results(result, rows, _gives_several(function, stops[0]))
    if several is None:
        raise NotRowwise(_words(function, rows))
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
            # Most results are one array, and cut() asks each time.
            results.append(result[start:end] if is_sliced else cut(batch, start, end))
    return results


def _gives_several(function, stop):
    """Return whether a list that a call gives is one of several results, and not one of rows."""
    if getattr(function, "__name__", "") in _SEVERAL_RESULTS or _is_session(function, stop[2], stop[3]):
        return True
    return not _SEVERAL_INPUTS.isdisjoint(_origin(type(_receiver(function)))[0])


def _words(function, rows):
    name = getattr(function, "__qualname__", None) or type(function).__name__
    return "{} received {} rows at once and did not return the same number".format(name, rows)


def chunks(stops, most):
    """Return lists of at most `most` of the `stops`, in order; of sizes that are powers of two where that is faster."""
    function = stops[0][1]
    if _COMPILING.isdisjoint(_origin(type(_receiver(function)))[0]):
        return [stops[start : start + most] for start in range(0, len(stops), most)]
    lists, start = [], 0
    while start < len(stops):
        count = 1 << min(len(stops) - start, most).bit_length() - 1
        lists.append(stops[start : start + count])
        start += count
    return lists
