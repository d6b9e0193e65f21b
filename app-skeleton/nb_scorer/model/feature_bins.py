"""Features of samples and predictions, and the bins that count their values; build and service share both.

A feature is a position in a list, a key of an object, or the value itself. Its bins are ranges of numbers, single
categories, or ranges of a text's length, followed by one for any other value and one for missing values.
"""

import bisect
import collections
import itertools
import re

ARRAY, OBJECT, SCALAR = "array", "object", "scalar"
NUMBERS, CATEGORIES, TEXTS = "numbers", "categories", "texts"
# The kinds whose bins have an order.
ORDERED = (NUMBERS, TEXTS)
# The feature of a value that is neither a list nor an object, as in the metric `input`.
VALUE = "value"
OTHER, MISSING = "other", "missing"
# Further columns of a sample are not compared with the baseline.
MAX_FEATURES = 100
MAX_BINS = 10
# Each range of numbers contains about this many rows of the baseline.
ROWS_A_BIN = 10
MAX_CATEGORIES = 20
# A text from the baseline appears in metrics only if at least this many rows have it: others may be names of people.
ROWS_A_CATEGORY = 5
MAX_CATEGORY = 120
MAX_SIZE = 1e300
# A longer text of only these characters is encoded data, whose length has no meaning.
_LONG = 256
_ENCODED = re.compile(r"(?:data:[^,]{0,200},)?[A-Za-z0-9+/=_\s-]+\Z")
_NUMBERS = frozenset((int, float))
_NEITHER = object()


class Uncomparable(Exception):
    """A feature can't be compared; the message completes a sentence that explains why."""


class Feature(object):
    """One feature: `part` is "sample" or "answer", and `counts` are the baseline's rows in each bin.

    `edges` are the upper limits of all ranges except the open-ended last one, `values` the categories; the one that the
    kind does not have is empty.
    """

    def __init__(self, part, name, kind, edges=(), values=(), counts=()):
        self.part = part
        self.name = name
        self.kind = kind
        self.edges = list(edges)
        self.values = list(values)
        self.counts = list(counts)
        self._index = {value: index for index, value in enumerate(self.values)}
        self._value_kinds = frozenset(map(type, self.values))

    @property
    def own(self):
        """Return the number of bins without those for other and missing values."""
        return len(self.values) if self.kind == CATEGORIES else len(self.edges) + 1

    @property
    def size(self):
        """Return the number of all bins."""
        return self.own + 2

    def labels(self):
        """Return a unique name for each bin: "<= 1.5", "> 1.5", "= red", "other", "missing"."""
        if self.kind == CATEGORIES:
            own = ["= {}".format(printable(value)) for value in self.values]
        else:
            own = ["<= {:.6g}".format(edge) for edge in self.edges]
            if len(set(own)) < len(own):
                own = ["<= {!r}".format(edge) for edge in self.edges]
            own.append("> " + own[-1][3:] if own else "any")
        return [*own, OTHER, MISSING]

    def tally(self, column):
        """Return the number of values in `column` in each bin; uses only C code if all have the usual type."""
        kinds = set(map(type, column))
        if self.kind == NUMBERS and kinds <= _NUMBERS:
            return self._ranged(column)
        if self.kind == TEXTS and kinds == {str}:
            return self._ranged(map(len, column))
        counts = [0] * self.size
        if self.kind == CATEGORIES and kinds <= self._value_kinds:
            for value, count in collections.Counter(column).items():
                counts[self._index.get(value, self.own)] += count
        else:
            for index, count in collections.Counter(map(self._bin, column)).items():
                counts[index] += count
        return counts

    def _ranged(self, numbers):
        # Looking up each edge in the sorted numbers takes a fifth of the time of looking up each number.
        ranked = sorted(numbers)
        counts = []
        before = 0
        for edge in self.edges:
            up_to = bisect.bisect_right(ranked, edge, before)
            counts.append(up_to - before)
            before = up_to
        return [*counts, len(ranked) - before, 0, 0]

    def _bin(self, value):
        kind = type(value)
        if value is None:
            return self.own + 1
        if self.kind == CATEGORIES:
            # By type as well: to Python, 1 and True are equal.
            return self._index.get(value, self.own) if kind in self._value_kinds else self.own
        if self.kind == NUMBERS:
            return bisect.bisect_left(self.edges, value) if kind in _NUMBERS else self.own
        return bisect.bisect_left(self.edges, len(value)) if kind is str else self.own

    def facts(self):
        """Return the feature in a form that JSON can hold and `parsed` accepts."""
        return {
            "part": self.part,
            "name": self.name,
            "kind": self.kind,
            "edges": self.edges,
            "values": self.values,
            "counts": self.counts,
        }


def printable(value):
    """Return a category or a name in a form that a page or a label can contain."""
    text = value if isinstance(value, str) else str(value).lower()
    # A lone surrogate can't be encoded as UTF-8.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def parsed(facts):
    """Return the Feature for these facts; raise ValueError if they don't have the form of `Feature.facts`."""
    if not isinstance(facts, dict) or set(facts) != {"part", "name", "kind", "edges", "values", "counts"}:
        raise ValueError("a feature has other fields")
    if facts["part"] not in ("sample", "answer") or facts["kind"] not in (NUMBERS, CATEGORIES, TEXTS):
        raise ValueError("a feature has another kind")
    if not isinstance(facts["name"], str) or not all(isinstance(facts[key], list) for key in ("edges", "values")):
        raise ValueError("a feature has another name or other bins")
    edges, values = facts["edges"], facts["values"]
    if not set(map(type, edges)) <= _NUMBERS or edges != sorted(set(edges)) or len(edges) > MAX_BINS:
        raise ValueError("the ranges of a feature are not in order")
    if not set(map(type, values)) <= {str, bool} or len(set(values)) < len(values) or len(values) > MAX_CATEGORIES:
        raise ValueError("the categories of a feature are not strings")
    if bool(values) is not (facts["kind"] == CATEGORIES) or (edges and values):
        raise ValueError("the bins of a feature don't match its kind")
    feature = Feature(**facts)
    counts = facts["counts"]
    if not isinstance(counts, list) or not all(type(count) is int and 0 <= count < 1 << 53 for count in counts):
        raise ValueError("the counts of a feature are not whole numbers")
    if len(counts) != feature.size or not sum(counts):
        raise ValueError("a feature has a different number of counts than bins")
    return feature


def form_of(samples):
    """Return (form, feature names) shared by decoded samples; raise Uncomparable if they share none.

    Lists may have different lengths only if the lengths have a maximum; objects may lack keys.
    """
    kinds = {ARRAY if type(sample) is list else OBJECT if type(sample) is dict else SCALAR for sample in samples}
    if len(kinds) != 1:
        raise Uncomparable("some are lists, some objects, some single values" if kinds else "there are none")
    form = kinds.pop()
    if form == SCALAR:
        return form, [VALUE]
    if form == ARRAY:
        return form, [str(position) for position in range(max(map(len, samples)))]
    return form, list(collections.OrderedDict.fromkeys(itertools.chain.from_iterable(samples)))


def columns(samples, form, names):
    """Return the column of each feature in `names`, with None for missing and null values."""
    if form == SCALAR:
        return [samples]
    if form == OBJECT:
        if set(map(type, samples)) == {dict}:
            return [[sample.get(name) for sample in samples] for name in names]
        return [[sample.get(name) if type(sample) is dict else _NEITHER for sample in samples] for name in names]
    positions = [int(name) for name in names]
    if set(map(type, samples)) == {list}:
        width = len(samples[0])
        if set(map(len, samples)) == {width} and (not positions or max(positions) < width):
            every = list(zip(*samples))
            return [every[position] for position in positions]
    return [[_at(sample, position) for sample in samples] for position in positions]


def _at(sample, position):
    if type(sample) is not list:
        return _NEITHER
    return sample[position] if position < len(sample) else None


def made_of(part, name, column):
    """Return the Feature with bins made from the values in `column`; raise Uncomparable."""
    present = [value for value in column if value is not None]
    kinds = {float if type(value) is int else type(value) for value in present}
    if not present:
        raise Uncomparable("it has no value in the baseline")
    if kinds & {list, dict}:
        raise Uncomparable("its values are nested")
    if len(kinds) > 1:
        raise Uncomparable("its values are of several types")
    kind = kinds.pop()
    if kind is float:
        feature = Feature(part, name, NUMBERS, edges=_edges(present))
    elif kind is bool:
        feature = Feature(part, name, CATEGORIES, values=[False, True])
    else:
        feature = _of_texts(part, name, present)
    feature.counts = feature.tally(column)
    return feature


def _of_texts(part, name, texts):
    if sum(map(len, texts)) > _LONG * len(texts) and all(map(_ENCODED.match, texts[:20])):
        raise Uncomparable("its strings are encoded data, such as images in base64")
    counted = sorted(collections.Counter(texts).items(), key=lambda pair: (-pair[1], pair[0]))
    common = [(text, count) for text, count in counted if count >= ROWS_A_CATEGORY and _is_short(text)]
    common = common[:MAX_CATEGORIES]
    if 2 * sum(count for _, count in common) >= len(texts):
        return Feature(part, name, CATEGORIES, values=[text for text, _ in common])
    return Feature(part, name, TEXTS, edges=_edges([len(text) for text in texts]))


def _is_short(text):
    return len(text.encode("utf-8", "backslashreplace")) <= MAX_CATEGORY


def _edges(values):
    """Return edges between ranges with about equally many `values`; between all distinct values if there are few."""
    if max(map(abs, values)) > MAX_SIZE:
        raise Uncomparable("its numbers are too large")
    ranked = sorted(map(float, values))
    distinct = sorted(set(ranked))
    if len(distinct) == 1:
        # Ranges below and above it, without any rows of the baseline.
        step = max(abs(distinct[0]), 1.0) * 1e-6
        return [distinct[0] - step, distinct[0] + step]
    if len(distinct) <= MAX_BINS:
        lasts = distinct[:-1]
    else:
        bins = min(MAX_BINS, max(1, len(ranked) // ROWS_A_BIN))
        lasts = [ranked[number * len(ranked) // bins - 1] for number in range(1, bins)]
    edges = {_between(last, distinct) for last in lasts if last < distinct[-1]}
    return sorted(edges)


def _between(last, distinct):
    """Return a number between `last` and the next greater one of `distinct`."""
    following = distinct[bisect.bisect_right(distinct, last)]
    middle = last + (following - last) / 2
    return middle if last <= middle < following else last
