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
def _codes(found):
    """Return the characters in spans."""
    return frozenset(code for first, behind in found for code in range(first, behind))


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
        self._marked = _codes(tuple(marked))
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
        found: list = []
        for letter in map(self._placeholder, text):
            if letter != self._unknown or found[-self._shortest :] != [self._unknown] * self._shortest:
                found.append(letter)
        return "".join(found)

    def _placeholder(self, letter):
        """Return letter if it is in the alphabet, else the character that represents it."""
        if letter in self._alphabet:
            return letter
        if (ord(letter) in self._marked) != self._is_words:
            # Words end at any other character; white space is kept.
            return _BETWEEN if self._is_words else letter
        return self._unknown

    def _runs(self, changed):
        # Most are one character, and with "ascii" a million become no character at all.
        runs: list = []
        for code, text in changed:
            becomes = self._reported_apart(text) if len(text) > 1 else text and self._placeholder(text)
            if (self.has_sigma and code == ord(_SIGMA)) or becomes == self._placeholder(chr(code)):
                continue
            is_other = len(becomes) == 1 and becomes != self._unknown
            _add(runs, code, (ord(becomes) - code) if is_other else becomes)
        # No other combined character has a shorter replacement.
        return [
            Run(first, last, 0, chr(first + becomes)) if step and first == last else Run(first, last, step, becomes)
            for first, last, step, becomes in runs
        ]


def _add(runs, code, becomes):
    """Extend the last run, a list of what a Run has, with a character, or start a new run."""
    if runs:
        first, last, of_run, replacement = runs[-1]
        step = code - last
        # The second character determines the step of a run.
        fits = step == (of_run or 1) or (step == 2 and of_run == 1 and first == last)
        if fits and replacement == becomes and code - first <= _MAX_SPAN:
            runs[-1][1:3] = code, of_run and step
            return
    runs.append([code, code, 0 if isinstance(becomes, str) else 1, becomes])


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
