"""Counts the values of predictions, individually or in a histogram, and of inputs by feature.

Each limit below bounds label cardinality, memory or time, whatever clients send.
"""

import json
from collections import Counter
from typing import Any

from nb_scorer.common import json_depth

from nb_service.http.histogram import ANY_NUMBER, Histogram, edges_around

MAX_VALUES = 100
FEW_VALUES = 16
MAX_FEATURES = 32
MAX_VALUE = 120
MAX_BODY = 4096
MAX_ARRAY = 1 << 16
NUMBERS = frozenset(("integer", "number"))
SCALARS = (str, int, float, bool, type(None))
# The number of samples examined between two calls of `refill`; others are skipped.
SAMPLES_A_TURN = 10
OTHER = "other"
DIGITS = b"-0123456789"


class Predictions:
    """Counts predictions: strings, whole numbers and booleans by value, other numbers in the histogram `numbers`."""

    def __init__(self, golden: list) -> None:
        floats = [answer for answer in golden if type(answer) is float]
        self.numbers = Histogram(edges_around(floats))
        self.other = 0
        self._by_payload: dict[bytes, int] = {}

    def saw(self, payload: bytes, count: int = 1) -> None:
        """Count a prediction, given as JSON."""
        count_so_far = self._by_payload.get(payload)
        if count_so_far is not None:
            self._by_payload[payload] = count_so_far + count
        elif len(payload) <= MAX_VALUE:
            self._count_new(payload, count)

    def saw_many(self, payload: bytes) -> None:
        """Count each prediction in a JSON array, unless the array is long or contains more than plain values."""
        if len(payload) > MAX_ARRAY or payload == b"[]":
            return
        if payload.count(b"[") == 1 and b'"' not in payload and b"{" not in payload:
            # Only numbers, booleans and null, separated by a comma and a space, as scorers write them.
            if not self._count_known(payload):
                for value, count in Counter(payload[1:-1].split(b", ")).items():
                    self.saw(value, count)
            return
        values = _decoded(payload)
        if values is None or not all(map(SCALARS.__contains__, map(type, values))):
            return
        # By type as well: to Python, 1, 1.0 and True are equal.
        for (_, value), count in Counter(zip(map(type, values), values, strict=True)).items():
            self.saw(json.dumps(value).encode("ascii"), count)

    def _count_known(self, payload: bytes) -> bool:
        """Count a flat array without creating objects, if its few values are known; return whether it was counted."""
        if len(self._by_payload) > FEW_VALUES:
            return False
        delimited = b"," + payload[1:-1].replace(b", ", b",,") + b","
        counts = {value: delimited.count(b"," + value + b",") for value in self._by_payload}
        if sum(counts.values()) != payload.count(b",") + 1:
            return False
        for value, count in counts.items():
            self._by_payload[value] += count
        return True

    def by_value(self) -> dict[str, int]:
        """Return the number of predictions of each value; values beyond the limit are "other"."""
        counts: dict[str, int] = {}
        for payload, count in list(self._by_payload.items()):
            label = _label(json.loads(payload))
            counts[label] = counts.get(label, 0) + count
        if self.other:
            counts[OTHER] = counts.get(OTHER, 0) + self.other
        return counts

    def _count_new(self, payload: bytes, count: int) -> None:
        if payload[0] in DIGITS and b"." in payload:
            # The usual form of a regression's prediction, which is faster to read than with the JSON decoder.
            self.numbers.observe(float(payload), count)
            return
        value = json.loads(payload)
        if type(value) is float:
            self.numbers.observe(value, count)
        elif not isinstance(value, (str, int, bool)):
            return
        elif len(self._by_payload) < MAX_VALUES:
            self._by_payload[payload] = count
        else:
            self.other += count


def _label(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    # A lone surrogate can't be encoded as UTF-8.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class Inputs:
    """A histogram per feature, for samples that are flat lists or objects of numbers.

    The features are those of the golden rows or, without such rows, those in `schema` (of samples; {} if unknown):
    clients can't add any.
    """

    def __init__(self, golden: list, schema: dict | None = None) -> None:
        self.features: dict[str, Histogram] = {}
        self._left = SAMPLES_A_TURN
        numbers_by_name: dict[str, list[float]] = {}
        for sample in golden:
            for name, number in _numbers(sample):
                numbers_by_name.setdefault(name, []).append(float(number))
        for name, numbers in list(numbers_by_name.items())[:MAX_FEATURES]:
            self.features[name] = Histogram(edges_around(numbers))
        self._names = frozenset(self.features if golden else names_in(schema or {}))

    @property
    def left(self) -> int:
        """Return the number of bodies that may still be examined."""
        return self._left

    def refill(self) -> None:
        """Allow more bodies to be examined."""
        self._left = SAMPLES_A_TURN

    def takes(self, size: int) -> bool:
        """Return whether a body of `size` bytes may be examined."""
        return self._left > 0 and size <= MAX_BODY and bool(self._names)

    def saw(self, samples: list) -> None:
        """Count the numbers in the samples of a successful request."""
        self._left -= 1
        for sample in samples:
            for name, number in _numbers(sample):
                if name in self._names:
                    self._count(name, number)

    def _count(self, name: str, number: float) -> None:
        histogram = self.features.get(name)
        if histogram is None:
            histogram = self.features[name] = Histogram(ANY_NUMBER)
        histogram.observe(number)


def _decoded(text: str | bytes) -> Any:
    """Return the value of JSON that a scorer has accepted; None if it is nested too deeply for this process."""
    try:
        return json_depth.loads(text)
    except (ValueError, RecursionError):
        return None


def names_in(schema: dict) -> list[str]:
    """Return the feature names of samples with this schema, at most MAX_FEATURES.

    If the schema, or the length of a list, is unknown, these are positions: numbers rather than names that a client
    chooses.
    """
    kinds = _kinds(schema)
    names = ["value"] if not kinds or kinds & NUMBERS else []
    if not kinds or "array" in kinds:
        names += [str(position) for position in range(min(MAX_FEATURES, schema.get("maxItems", MAX_FEATURES)))]
    names += [_label(name) for name, inner in schema.get("properties", {}).items() if _kinds(inner) & NUMBERS]
    return names[:MAX_FEATURES]


def _kinds(schema: dict) -> set[str]:
    kinds = schema.get("type", ())
    return {kinds} if isinstance(kinds, str) else set(kinds)


def _numbers(sample: object) -> list[tuple[str, float]]:
    """Return (name, number) of each feature; an empty list if a sample is not flat and numeric."""
    if type(sample) is list:
        items = [(str(position), item) for position, item in enumerate(sample)]
    elif type(sample) is dict:
        items = [(_label(name), item) for name, item in sample.items() if type(item) in (int, float)]
    else:
        items = [("value", sample)]
    if all(type(item) in (int, float) and abs(item) < 1e300 for _, item in items):
        return items
    return []
