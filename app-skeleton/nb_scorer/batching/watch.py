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
# A row alone may cost what hundreds cost together. Where the share would take more than this part of the time of the
# shared calls, it is smaller, down to the least one.
PART_OF_TIME = 0.25
MIN_SHARE = 0.001
# So many rows of a call are compared for a proof; of more, these are spread over it.
MAX_COMPARED = 256
# More kinds than this are not remembered: each of them is a new one then, and watched.
MAX_KINDS = 10000


class Watch(object):
    """What a service's scorer compares. `ended` is None, or the facts of the difference that ended batching."""

    # Of a row that was asked alone too, this is the result that goes on.
    sends_alone = True

    def __init__(self, first=FIRST, share=SHARE):
        self.ended = None
        # Called after each row that is asked alone because batching has ended.
        self.note_progress = _do_nothing
        self._first = first
        # Not the module's own generator: the notebook's code may count on its sequence.
        self._random = random.Random()  # noqa: S311 - a sample is drawn, no secret
        self._share = share
        self._costs = {}
        self._kinds = set()

    def choose(self, key, count, seconds):
        """Return which of `count` rows that have shared a call with this `key`, of so many seconds, are asked alone."""
        kind = joining.kind_of(key)
        cost = self._cost_of(kind)
        seen = cost.rows
        cost.rows += count
        cost.seconds += seconds
        # Of what clients choose, keys of objects among it, only the hash is kept.
        kind = hash(kind)
        if seen < self._first or kind not in self._kinds:
            if len(self._kinds) < MAX_KINDS:
                self._kinds.add(kind)
            return range(count)
        draw, share = self._random.random, self._share_at(cost)
        return [place for place in range(count) if draw() < share]

    def asked_alone(self, key, count, seconds):
        """Note that `count` rows that `choose` gave have taken so many seconds."""
        cost = self._cost_of(joining.kind_of(key))
        cost.rows_alone += count
        cost.seconds_alone += seconds

    def _cost_of(self, kind):
        # The number of the stop within its function, and what is called there.
        at_call = kind[:2]
        if at_call not in self._costs:
            self._costs[at_call] = _Cost()
        return self._costs[at_call]

    def _share_at(self, cost):
        if not cost.seconds_alone:
            return self._share
        by_time = PART_OF_TIME * (cost.seconds / cost.rows) / (cost.seconds_alone / cost.rows_alone)
        return min(self._share, max(MIN_SHARE, by_time))

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


def _do_nothing():
    return None


class _Cost(object):
    """How many rows came to a call, how many of them were asked alone too, and how long each has taken."""

    __slots__ = ("rows", "rows_alone", "seconds", "seconds_alone")

    def __init__(self):
        self.rows = self.rows_alone = 0
        self.seconds = self.seconds_alone = 0.0


class ProofWatch(object):
    """Compares the rows of every call, at most MAX_COMPARED of each.

    `exact` tells whether all results were the same in every bit.
    """

    # The answers are to be those of the joined calls: the last digit of a float may turn a label.
    sends_alone = False

    def __init__(self):
        self.ended = None
        self.exact = True
        self.joined = 0

    def choose(self, key, count, seconds):
        """Return all `count` rows, or some of all parts, however long their call has taken."""
        self.joined += count
        return range(0, count, max(1, -(-count // MAX_COMPARED)))

    def asked_alone(self, key, count, seconds):
        """Note nothing."""

    def note_progress(self):
        """Note nothing."""

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
            reason = "it returns a different number of rows than it receives" if together is None else None
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
