"""C tables of how each Unicode character changes before words are counted, computed with this Python."""

import functools
import re
import sys
import unicodedata
from typing import Any, NamedTuple

_SIGMA, _SMALL_SIGMAS = "\u03a3", ("\u03c3", "\u03c2")
_MAX_SPAN = 0xFFFF
_ASCII = 0x80
# A word character and a non-word character that represent all characters not used in terms.
_LETTERS = range(0x4E00, sys.maxunicode + 1)
_BETWEEN = " "


def strip_accents(text, kind):
    """Return text after scikit-learn's strip_accents; `kind` is None, "ascii" or "unicode".

    Character by character: normalisation reorders only characters that are removed.
    """
    if kind is None:
        return text
    decomposed = unicodedata.normalize("NFKD", text)
    if kind == "ascii":
        return decomposed.encode("ascii", "ignore").decode("ascii")
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


@functools.lru_cache
def spans(pattern):
    """Return [(first, one past the last)] of the characters in a regular expression's class."""
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    return [match.span() for match in re.finditer(f"{pattern}+", everything)]


@functools.lru_cache
def cased_and_ignorable():
    """Return the spans of characters after which a sigma is final, and of those that are skipped for this.

    unicodedata has no such property; str.lower() reveals it.
    """
    ignorable, cased = [], []
    for code in range(sys.maxunicode + 1):
        letter = chr(code)
        counts = (letter + _SIGMA).lower()[-1] != _SMALL_SIGMAS[0]
        if counts:
            cased.append(code)
        elif ("A" + letter + _SIGMA).lower()[-1] != _SMALL_SIGMAS[0]:
            ignorable.append(code)
    return _spans_of(cased), _spans_of(ignorable)


def _becomes(letter, lowercase, accents):
    return strip_accents(letter.lower() if lowercase else letter, accents)


@functools.lru_cache
def _changed(lowercase, accents):
    """Return [(code, replacement)] of all non-ASCII characters that change."""
    found = [(code, _becomes(chr(code), lowercase, accents)) for code in range(_ASCII, sys.maxunicode + 1)]
    return [(code, becomes) for code, becomes in found if becomes != chr(code)]


def _spans_of(codes):
    found: list = []
    for code in codes:
        if found and found[-1][1] == code:
            found[-1] = (found[-1][0], code + 1)
        else:
            found.append((code, code + 1))
    return found


class Run(NamedTuple):
    """Consecutive characters that change alike: `step` 1 or 2 with the offset to add, 0 with a replacement text."""

    first: int
    last: int
    step: int
    becomes: Any


class Changes:
    """How lower case and accent stripping change characters, if that affects terms and words."""

    def __init__(self, alphabet, marked, *, is_words, shortest, lowercase, accents):
        """Compute the changes: `alphabet` has the characters of all terms, `marked` the spans of words or white space.

        `shortest` is the minimum length of a word.
        """
        self._alphabet, self._is_words, self._shortest = alphabet, is_words, shortest
        self._marked = {code for begin, end in marked for code in range(begin, end)}
        self._unknown = next(
            letter
            for letter in map(chr, _LETTERS)
            if letter not in alphabet and (ord(letter) in self._marked) == is_words
        )
        # A sigma's lower case depends on its context, so it isn't in the tables.
        self.has_sigma = (
            lowercase
            and all(strip_accents(small, accents) == small for small in _SMALL_SIGMAS)
            and not alphabet.isdisjoint(_SMALL_SIGMAS)
        )
        self.ascii = [_becomes(chr(code), lowercase, accents) for code in range(_ASCII)]
        self.runs = self._runs(_changed(lowercase, accents))

    def _reported_apart(self, text):
        """Return text with placeholders for characters outside the alphabet, as many as make a difference."""
        found = []
        for letter in text:
            if letter in self._alphabet:
                found.append(letter)
            elif (ord(letter) in self._marked) != self._is_words:
                # Words end at any other character; white space is kept.
                found.append(_BETWEEN if self._is_words else letter)
            elif found[-self._shortest :] != [self._unknown] * self._shortest:
                found.append(self._unknown)
        return "".join(found)

    def _runs(self, changed):
        runs: list = []
        for code, text in changed:
            becomes = self._reported_apart(text)
            if (self.has_sigma and code == ord(_SIGMA)) or becomes == self._reported_apart(chr(code)):
                continue
            is_other = len(becomes) == 1 and becomes != self._unknown
            _add(runs, code, (ord(becomes) - code) if is_other else becomes)
        # No other combined character has a shorter replacement.
        return [
            run._replace(step=0, becomes=chr(run.first + run.becomes)) if run.step and run.first == run.last else run
            for run in runs
        ]


def _add(runs, code, becomes):
    """Extend the last run with a character, or start a new run."""
    last = runs[-1] if runs else None
    if last is not None and last.becomes == becomes and code - last.first <= _MAX_SPAN:
        step = code - last.last
        # The second character determines the step of a run.
        if step == (last.step or 1) or (step == 2 and last.step == 1 and last.first == last.last):
            runs[-1] = last._replace(last=code, step=last.step and step)
            return
    runs.append(Run(code, code, 0 if isinstance(becomes, str) else 1, becomes))


def edges_of(found):
    """Return (edges, planes) of spans in the form of nb_character_set."""
    edges, planes = [], [0]
    for plane in range(17):
        begin, end = plane << 16, plane + 1 << 16
        for first, behind in found:
            if first < end and behind > begin:
                edges.append(max(first, begin) - begin)
                if behind < end:
                    edges.append(behind - begin)
        planes.append(len(edges))
    return edges, planes
