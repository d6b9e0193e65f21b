"""Creates samples for verification: variations of golden samples, and mixtures in which they are scored together.

The same seed gives the same samples on every Python, because only the generator's random() is used, which is stable
across versions, unlike choice() and shuffle().
"""

import random

# Larger samples, such as images, are varied only in a few places, because rebuilding 64 of them takes seconds.
_SMALL = 1000
_PLACES = 32
# Per _CYCLE variations, one lacks a key, and one has an invalid value.
_CYCLE, _LACKING, _INVALID = 16, 3, 6
# Sizes of mixtures, in addition to all samples at once and the special ones.
_SIZES = (2, 2, 2, 3, 3, 5, 8, 8, 17, 32)
_LARGE_SIZES = (64, 256, 1024)
_WORDS = ("one", "good day", "a longer text of some words", "Rome", "it was not bad at all", "x")
_FACTORS = (1.0, 1.0, 10.0, 100.0, -1.0)


class _Dice:
    """Random choices made with integer arithmetic."""

    def __init__(self, seed):
        self._random = random.Random(seed).random  # noqa: S311 - the same ones again for the same seed

    def below(self, number):
        return int(self._random() * number)

    def one_of(self, values):
        return values[self.below(len(values))]

    def is_less(self, chance):
        return self._random() < chance


# ---- variations of golden samples


def vary(samples, count, seed):
    """Return `count` samples: `samples` (at most half of them) and variations; empty if `samples` is.

    Samples share the parts that were not varied, so the caller must score copies.
    """
    if not samples:
        return []
    dice = _Dice(seed)
    made = list(samples[: max(1, count // 2)])[:count]
    optional = _optional_keys(samples)
    small = [_leaves(sample, _SMALL) < _SMALL for sample in samples]
    for turn in range(count - len(made)):
        place = dice.below(len(samples))
        sample, other = samples[place], dice.one_of(samples)
        varied = _varied(sample, other, dice) if small[place] else _varied_in_places(sample, other, dice)
        if turn % _CYCLE == _LACKING:
            varied = _without_a_key(varied, optional, dice)
        elif turn % _CYCLE == _INVALID:
            varied = _replaced(varied, other, dice, _invalid)
        made.append(varied)
    return made


def _leaves(value, most):
    """Return the number of values in `value`, counting up to `most`."""
    if not isinstance(value, (dict, list)):
        return 1
    found = 0
    for inner in value.values() if isinstance(value, dict) else value:
        found += _leaves(inner, most - found)
        if found >= most:
            break
    return found


def _optional_keys(samples):
    """Return the keys that only some of the samples have."""
    keys = [set(sample) for sample in samples if isinstance(sample, dict)]
    return set().union(*keys) - set.intersection(*keys) if keys else set()


def _without_a_key(sample, optional, dice):
    if not isinstance(sample, dict) or not sample:
        return sample
    # In the sample's order: a set's order differs between processes.
    lacking = dice.one_of([key for key in sample if key in optional] or list(sample))
    return {key: value for key, value in sample.items() if key != lacking}


def _of_other(other, key, default):
    """Return another sample's value at the same place."""
    if isinstance(other, dict):
        return other.get(key, default)
    if isinstance(other, list) and isinstance(key, int) and key < len(other):
        return other[key]
    return default


def _varied(value, other, dice):
    """Return `value` with more than half of its parts varied."""
    if isinstance(value, dict):
        return {key: _varied_part(part, _of_other(other, key, part), dice) for key, part in value.items()}
    if isinstance(value, list):
        return [_varied_part(part, _of_other(other, place, part), dice) for place, part in enumerate(value)]
    return _variation(value, other, dice)


def _varied_part(part, other, dice):
    return _varied(part, other, dice) if dice.is_less(0.6) else part


def _varied_in_places(sample, other, dice):
    """Return a large sample with some of its parts varied."""
    for _ in range(_PLACES):
        sample = _replaced(sample, other, dice, _variation)
    return sample


def _replaced(value, other, dice, change):
    """Return `value` with one randomly chosen part changed."""
    if not isinstance(value, (dict, list)) or not value:
        return change(value, other, dice)
    key = dice.one_of(list(value)) if isinstance(value, dict) else dice.below(len(value))
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[key] = _replaced(value[key], _of_other(other, key, value[key]), dice, change)
    return copy


def _variation(value, other, dice):
    """Return a value similar to `value`, as another client might send it."""
    if isinstance(value, bool):
        return dice.one_of([other, not value])
    if isinstance(value, int):
        return dice.one_of([other, value + 1, value - 1, -value, 0, 1, value * 11 // 10, value * 9 // 10])
    if isinstance(value, float):
        return _variation_of_float(value, other, dice)
    if isinstance(value, str):
        # A single word is usually a category, for which other texts are invalid.
        return dice.one_of([other, _longer(value, other), ""]) if " " in value else other
    return other


def _variation_of_float(value, other, dice):
    choice = dice.below(8)
    if choice == 0 or value != value or value in (_INFINITE, -_INFINITE):
        return other
    # JSON clients write whole numbers with and without a decimal point.
    whole = int(value) if abs(value) < _EXACT else value
    varied = (value * 1.1, value * 0.9, whole, float(whole), -value, 0.0, value + dice.one_of((1.0, -1.0)))[choice - 1]
    return varied if -_INFINITE < varied < _INFINITE else value


_INFINITE = float("inf")
_EXACT = 2**53


def _longer(value, other):
    return value + " " + (other if isinstance(other, str) else value)


def _invalid(value, other, dice):
    """Return a value that a client might send by mistake."""
    if isinstance(value, bool):
        return dice.one_of([None, "yes", 2])
    if isinstance(value, (int, float)):
        return dice.one_of([None, "text", "", [value], 2**70, -1e300])
    if isinstance(value, str):
        return dice.one_of([None, "", _longer(value, other), 5, [value]])
    return dice.one_of(["text", 0, None, [], {}])


# ---- mixtures


def mixtures(count, seed):
    """Return the mixtures in which `count` samples are scored together, each a list of indexes."""
    if not count:
        return []
    dice = _Dice(seed)
    one, two = dice.below(count), dice.below(count)
    fixed = [list(range(count)), list(reversed(range(count))), [one] * 5, [two, (two + 1) % count] * 4]
    return fixed + [[dice.below(count) for _ in range(size)] for size in _SIZES + _LARGE_SIZES]


# ---- samples from a schema


class _TooLittle(Exception):
    """The schema does not describe enough to create a sample that a model accepts."""


def from_schema(schema, count, seed):
    """Return `count` samples for a schema as made by nb_scorer.model.hint_schema; [] if it contains too little.

    A list of numbers without a length is too little: a model accepts only one length.
    """
    dice = _Dice(seed)
    try:
        return [_fitting(schema, dice) for _ in range(count)]
    except _TooLittle:
        return []


def _fitting(schema, dice):
    if schema.get("enum"):
        return dice.one_of(schema["enum"])
    kinds = schema.get("type")
    if not kinds:
        raise _TooLittle
    kind = dice.one_of(_likely(kinds)) if isinstance(kinds, list) else kinds
    if kind == "object":
        return _fitting_object(schema, dice)
    if kind == "array":
        return _fitting_array(schema, dice)
    return _SCALARS[kind](dice)


def _likely(kinds):
    """Return the types of a schema, with null as the rarest."""
    return [kind for kind in kinds if kind != "null"] * 3 + [kind for kind in kinds if kind == "null"]


def _fitting_object(schema, dice):
    properties = schema.get("properties")
    if not properties:
        raise _TooLittle
    required = schema.get("required", ())
    made = {}
    for name, part in properties.items():
        if name in required or (part and dice.is_less(0.7)):
            made[name] = _fitting(part, dice)
    if not made:
        raise _TooLittle
    return made


def _fitting_array(schema, dice):
    items = schema.get("items")
    least = schema.get("minItems")
    if not items:
        raise _TooLittle
    if least is None or least != schema.get("maxItems"):
        if items.get("type") != "string" and "enum" not in items:
            raise _TooLittle
        least = (least or 0) + 1 + dice.below(3)
    return [_fitting(items, dice) for _ in range(least)]


def _number(dice):
    # With as many digits as people usually write.
    value = dice.below(10000) / 10000 * dice.one_of(_FACTORS)
    return float(int(value)) if dice.is_less(0.2) else value


_SCALARS = {
    "null": lambda dice: None,
    "boolean": lambda dice: bool(dice.below(2)),
    "integer": lambda dice: dice.below(dice.one_of((2, 10, 100, 1000))) - dice.below(2),
    "number": _number,
    "string": lambda dice: dice.one_of(_WORDS),
}
