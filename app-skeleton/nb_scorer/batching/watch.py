"""Watches a batch form in service, by also calling the model for some rows alone and comparing both results.

Verification can't detect a model that treats rows differently that it has never tried; this can.
"""

import hashlib
import random

from nb_scorer.batching import joining
from nb_scorer.batching.form import Failure

# The first rows of a call, and of each new kind of row, are all compared; after that, only a share of them.
FIRST = 1000
SHARE = 0.01
# Scoring a row alone may cost as much as scoring hundreds together. If it would take more than this part of the time of
# shared calls, the share is reduced, down to the minimum.
PART_OF_TIME = 0.25
MIN_SHARE = 0.001
# Verification compares this many rows of a call, evenly spread if there are more.
MAX_COMPARED = 256
# Further kinds are not stored, so they always count as new and are compared.
MAX_KINDS = 10000


class Watch(object):
    """Compares results of shared calls with those of samples scored alone, in a service's scorer.

    `ended` is None, or the facts about the difference that disabled batching.
    """

    # The separate result is used for rows that were also scored alone.
    sends_alone = True

    def __init__(self, first=FIRST, share=SHARE):
        self.ended = None
        # Called after each row that is scored alone because batching is disabled.
        self.note_progress = _do_nothing
        self._first = first
        # Not the module's own generator, whose sequence the notebook's code may depend on.
        self._random = random.Random()  # noqa: S311 - a sample is drawn, no secret
        self._share = share
        self._costs = {}
        self._kinds = set()

    def choose(self, key, count, seconds):
        """Return which of `count` rows that shared a call with this `key`, taking `seconds`, to score alone."""
        kind = joining.kind_of(key)
        cost = self._cost_of(kind)
        seen = cost.rows
        cost.rows += count
        cost.seconds += seconds
        # Only a hash is stored, because keys contain values that clients choose.
        kind = hash(kind)
        if seen < self._first or kind not in self._kinds:
            if len(self._kinds) < MAX_KINDS:
                self._kinds.add(kind)
            return range(count)
        draw, share = self._random.random, self._share_at(cost)
        return [place for place in range(count) if draw() < share]

    def asked_alone(self, key, count, seconds):
        """Record that the `count` rows returned by `choose` took `seconds` alone."""
        cost = self._cost_of(joining.kind_of(key))
        cost.rows_alone += count
        cost.seconds_alone += seconds

    def _cost_of(self, kind):
        # The stop's number within its function, and what it calls.
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
        """Return whether both results are the same; if not, batching is disabled."""
        same = not isinstance(alone, Failure) and joining.same_result(alone, together)[0]
        if not same:
            self.end(stop, alone.error if isinstance(alone, Failure) else alone, joining.now(together))
        return same

    def end(self, stop, alone, together):
        """Disable batching because of a difference at `stop`.

        Records only digests, because logs must not contain samples.
        """
        if self.ended is None:
            self.ended = {"call": name_of(stop[1]), "alone": _digest(alone), "together": _digest(together)}


def _do_nothing():
    return None


class _Cost(object):
    """The rows of a call, the number scored alone, and the time of each."""

    __slots__ = ("rows", "rows_alone", "seconds", "seconds_alone")

    def __init__(self):
        self.rows = self.rows_alone = 0
        self.seconds = self.seconds_alone = 0.0


class ProofWatch(object):
    """Compares the rows of every call during verification, at most MAX_COMPARED of each.

    `exact` is whether all results were identical to the last bit.
    """

    # Predictions must come from joined calls, because a float's last digit may change a label.
    sends_alone = False

    def __init__(self):
        self.ended = None
        self.exact = True
        self.joined = 0

    def choose(self, key, count, seconds):
        """Return all `count` rows, or an evenly spread selection, however long their call took."""
        self.joined += count
        return range(0, count, max(1, -(-count // MAX_COMPARED)))

    def asked_alone(self, key, count, seconds):
        """Do nothing."""

    def note_progress(self):
        """Do nothing."""

    def compare(self, stop, alone, together):
        """Return whether both results are the same; if not, verification has failed."""
        same, exact = (False, False) if isinstance(alone, Failure) else joining.same_result(alone, together)
        self.exact = self.exact and exact
        if not same:
            self.end(stop, alone, together)
        return same

    def end(self, stop, alone, together):
        """Record where verification failed; without corresponding rows, there are no results to show."""
        if self.ended is None:
            reason = "it returns a different number of rows than it receives" if together is None else None
            self.ended = {"call": name_of(stop[1]), "reason": reason}


def name_of(function):
    """Return the name of a call for messages, such as GradientBoosting.predict or the class of a callable object."""
    owner = getattr(function, "__self__", None)
    name = getattr(function, "__name__", None)
    if owner is not None and name and not isinstance(owner, type(joining)):
        return "{}.{}".format(type(owner).__name__, name)
    return name or type(function).__name__


def _digest(value):
    # Objects of libraries may raise anything.
    try:
        text = repr(value)
    except Exception as error:
        text = "{} whose repr raises {}".format(type(value).__name__, type(error).__name__)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:12]
