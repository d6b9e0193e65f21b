"""Samples for verification: the golden rows, and samples around, between, at the edges of, and beyond them."""

import random
import struct

from nb_scorer.batching import variations

from nb_native.proof_texts import Texts

# Like the runtime's NB_LARGEST: beyond it, doubles can't represent all integers.
MAX_INTEGER = 2**53
# The number of samples created as for a batch form: with missing keys, or values of other types.
_ODD = 1000
# The number of golden rows for which all samples with other shapes are created.
_MISSHAPEN = 5
# Probabilities of drawing a number in each way; the rest are rounded to single precision.
_NEAR, _WIDE, _FAR, _SPECIAL, _EDGE = 0.35, 0.35, 0.1, 0.05, 0.1
# Probabilities that text changes, and that an integer stays an integer.
_OTHER_TEXT, _WHOLE = 0.5, 0.9
# Probability that text consists of words that a model searches for.
_DRAWN_TEXT = 0.9


def samples_around(golden, count, seed, edges=(), words=()):
    """Return `count` samples, or all of `golden` if these are more; reproducible with the same seed.

    `edges` are numbers and text that the model compares values with: some numbers are these or their neighbours, some
    text is one of these. `words` are those that it searches for in text: most text consists of these and others.
    Integers that the program always rejects are not among the samples.
    """
    dice = random.Random(seed)  # noqa: S311 - the same ones again for the same seed
    odd = _misshapen(golden) + variations.vary(golden, _ODD, seed)[len(golden) :]
    samples = [*golden, *(sample for sample in odd if not _has_large_integer(sample))]
    around = _Around(golden, edges, words, dice)
    while len(samples) < count:
        samples.append(around.moved(dice.choice(golden)))
    return samples[: max(count, len(golden))]


def _misshapen(golden):
    """Return samples of other shapes: other types, wrong lengths, missing, additional or reordered keys."""
    samples = [None, False, True, 0, -1.5, "", "text", [], {}, [[]], [{}], {"": None}]
    for sample in golden[:_MISSHAPEN]:
        if isinstance(sample, list):
            samples += [sample[:-1], [*sample, *sample[-1:]], [*sample, None], [sample], {"0": sample}]
        elif isinstance(sample, dict):
            samples += [dict(sample, additional=1), [sample], list(sample.values())]
            samples += [{key: sample[key] for key in order} for order in (sorted(sample), list(sample)[::-1])]
            samples += [{key: inner for key, inner in sample.items() if key != left} for left in sample]
            samples += [dict(sample, **{key: [inner]}) for key, inner in sample.items()]
        else:
            samples += [[sample], {"x": sample}]
    return samples


class _Around:
    """Draws samples around the golden ones, from the numbers' ranges and the text by position, and from all edges."""

    def __init__(self, golden, edges, words, dice):
        self._dice = dice
        self._ranges = {}  # (minimum, maximum), by position; list items have their index as part of it
        self._texts: dict = {}  # by position
        # Larger ones would become integers that the program always rejects.
        self._edges = [float(edge) for edge in edges if _is_number(edge) and abs(edge) < MAX_INTEGER]
        self._other_texts = [edge for edge in edges if isinstance(edge, str)]
        for sample in golden:
            self._note(sample, ())
        self._drawn = Texts(words, [text for texts in self._texts.values() for text in texts], dice) if words else None

    def _note(self, value, place):
        if isinstance(value, dict):
            for key, inner in value.items():
                self._note(inner, (*place, key))
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                self._note(inner, (*place, index))
        elif _is_number(value):
            least, largest = self._ranges.get(place, (value, value))
            self._ranges[place] = min(least, value), max(largest, value)
        elif isinstance(value, str):
            self._texts.setdefault(place, []).append(value)

    def moved(self, value, place=()):
        """Return a golden sample's value, or a part of it, with its numbers and text drawn again."""
        if isinstance(value, dict):
            return {key: self.moved(inner, (*place, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.moved(inner, (*place, index)) for index, inner in enumerate(value)]
        if isinstance(value, str) and self._drawn and self._dice.random() < _DRAWN_TEXT:
            return self._drawn.drawn()
        if isinstance(value, str) and self._dice.random() < _OTHER_TEXT:
            return self._dice.choice(self._texts[place] + self._other_texts)
        if not _is_number(value):
            return value
        number = self._number(value, *self._ranges[place])
        # If a position had integers, draw other integers, and rarely a fraction.
        return round(number) if type(value) is int and self._dice.random() < _WHOLE else number

    def _number(self, value, least, largest):
        dice = self._dice
        width = (largest - least) or abs(least) or 1.0
        kind = dice.random()
        for share, draw in (
            (_NEAR, lambda: value + dice.gauss(0.0, 0.3) * width),
            (_WIDE, lambda: dice.uniform(least - width, largest + width)),
            (_FAR, lambda: dice.uniform(least - 100 * width, largest + 100 * width)),
            (_SPECIAL, lambda: dice.choice((0.0, -0.0, 1.0, -1.0, float(least), float(largest), value))),
            (_EDGE if self._edges else 0.0, lambda: self._at_edge(least, largest, width)),
        ):
            if kind < share:
                return draw()
            kind -= share
        number = dice.uniform(least, largest)
        return _single(number) if abs(number) < MAX_INTEGER else number

    def _at_edge(self, least, largest, width):
        """Return an edge, preferably of this position, or a number next to one in single or double precision."""
        edge = self._dice.choice(self._edges)
        if not least - width <= edge <= largest + width:
            edge = self._dice.choice(self._edges)
        return self._dice.choice((edge, *_neighbours(edge, "<d", "<q"), *_neighbours(_single(edge), "<f", "<i")))


def _neighbours(value, floating, integer):
    """Return the two floats of this format that are next to a finite one."""
    if value == 0:
        (least,) = struct.unpack(floating, struct.pack(integer, 1))
        return [-least, least]
    # As integers, floats of the same sign keep their order.
    (bits,) = struct.unpack(integer, struct.pack(floating, value))
    return [struct.unpack(floating, struct.pack(integer, bits + step))[0] for step in (-1, 1)]


def _single(value):
    """Return the nearest single-precision float; raise OverflowError if there is none."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


def _has_large_integer(value):
    """Return whether a sample contains an integer that the program rejects before calling predictor."""
    if isinstance(value, dict):
        return any(map(_has_large_integer, value.values()))
    if isinstance(value, list):
        return any(map(_has_large_integer, value))
    return type(value) is int and abs(value) > MAX_INTEGER


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)
