"""Watches a batch form: asks the model for some rows alone too, and compares both results where they come from.

A shadow of this kind sees what the proof could not: a model that answers otherwise for rows that nobody tried.
"""

import hashlib
import random

from nb_scorer.batching import joining
from nb_scorer.batching.form import Failure

# All rows until there were so many at a call, and all of a kind not seen there before; then this share.
FIRST = 1000
SHARE = 0.01
# More kinds than this are not remembered: each of them is a new one then, and watched.
MOST_KINDS = 10000


class Watch(object):
    """What a service's scorer compares. `ended` is None, or the facts of the difference that ended batching."""

    # Of a row that was asked alone too, this is the result that goes on.
    sends_alone = True

    def __init__(self, first=FIRST, share=SHARE):
        self.ended = None
        self._first = first
        # Not the module's own generator: the notebook's code may count on its sequence.
        self._random = random.Random()  # noqa: S311 - a sample is drawn, no secret
        self._share = share
        self._rows_at = {}
        self._kinds = set()

    def choose(self, key, count):
        """Return which of `count` rows that share a call with this `key` are asked alone, too."""
        kind = joining.kind_of(key)
        # The number of the stop within its function, and what is called there.
        at_call = kind[:2]
        seen = self._rows_at.get(at_call, 0)
        self._rows_at[at_call] = seen + count
        # Of what clients choose, keys of objects among it, only the hash is kept.
        kind = hash(kind)
        if seen < self._first or kind not in self._kinds:
            if len(self._kinds) < MOST_KINDS:
                self._kinds.add(kind)
            return range(count)
        draw, share = self._random.random, self._share
        return [place for place in range(count) if draw() < share]

    def compare(self, stop, alone, together):
        """Return whether both are one result; if not, batching has ended."""
        same = not isinstance(alone, Failure) and joining.same_result(alone, together)[0]
        if not same:
            self.end(stop, alone.error if isinstance(alone, Failure) else alone, joining.now(together))
        return same

    def end(self, stop, alone, together):
        """End batching for a difference at `stop`. Digests, not values: samples are no business of a log's readers."""
        if self.ended is None:
            self.ended = {"call": name_of(stop[1]), "alone": _digest(alone), "together": _digest(together)}


class ProofWatch(object):
    """Compares every row; `exact` tells whether all results were the same in every bit."""

    # The answers are to be those of the joined calls: the last digit of a float may turn a label.
    sends_alone = False

    def __init__(self):
        self.ended = None
        self.exact = True
        self.joined = 0

    def choose(self, key, count):
        """Return all `count` rows."""
        self.joined += count
        return range(count)

    def compare(self, stop, alone, together):
        """Return whether both are one result; if not, the proof has failed."""
        same, exact = (False, False) if isinstance(alone, Failure) else joining.same_result(alone, together)
        self.exact = self.exact and exact
        if not same:
            self.end(stop, alone, together)
        return same

    def end(self, stop, alone, together):
        """Note where the proof failed; rows out that are not rows in have no results to show."""
        if self.ended is None:
            reason = "it returns another number of rows than it gets" if together is None else None
            self.ended = {"call": name_of(stop[1]), "reason": reason}


def name_of(function):
    """Return what a call of `function` is for readers: GradientBoosting.predict, or the class of what is called."""
    owner = getattr(function, "__self__", None)
    name = getattr(function, "__name__", None)
    if owner is not None and name and not isinstance(owner, type(joining)):
        return "{}.{}".format(type(owner).__name__, name)
    return name or type(function).__name__


def _digest(value):
    # Objects of libraries raise what they like.
    try:
        text = repr(value)
    except Exception as error:
        text = "{} whose repr raises {}".format(type(value).__name__, type(error).__name__)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:12]
