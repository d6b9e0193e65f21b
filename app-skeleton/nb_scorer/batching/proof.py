"""Verifies a batch form in the scorer that will use it, by scoring samples both alone and together.

The samples are golden rows and variations of them. Predictions are compared by the definition of "the same answer", and
results of shared calls by the precision of their types (see nb_scorer.batching.joining). A predictor that is not
deterministic is not batched.
"""

import json
import time

from nb_scorer.batching import variations
from nb_scorer.batching.form import MAX_TOGETHER
from nb_scorer.batching.watch import MAX_COMPARED, ProofWatch
from nb_scorer.common import phrases
from nb_scorer.model import compare_answers

# (rows, maximum rows in a call): the first pair that fits into the time limit is used.
SCALES = ((64, MAX_TOGETHER), (64, MAX_COMPARED), (32, 64), (16, 32), (8, 8))
PATIENCE_SECONDS = 10.0
# Calls that take less time are measured more than once.
UNSURE_SECONDS = 0.2
# A form is used only if this many samples together save enough time.
GATE_SAMPLES = 8
GATE = 1.5
# If samples choose among models, few of eight share a call, so this many samples must save enough.
LARGE_GATE_SAMPLES = 32
LARGE_GATE = 2.0
# The batch sizes at which batching may start to pay off, tried in this order.
SIZES = (2, 4, GATE_SAMPLES, 16, LARGE_GATE_SAMPLES)
TURNS = 5
# Limits memory: the decoded samples of a mixture are held together with their predictions.
MAX_BYTES = 16 << 20
SHOWN = 200


class Unproved(Exception):
    """The batch form is not used; the text is the reason."""


class Subject(object):
    """The interface to the scorer: samples as JSON texts, predictions as ("answer", value) or ("error", text)."""

    def __init__(self, alone, together, accepts):
        """Store functions: `alone(body)`, `together(bodies, watch)`, and `accepts(body)`, which calls the validator."""
        self.alone = alone
        self.together = together
        self.accepts = accepts


def prove(subject, golden, tolerance, seconds, seed=0):
    """Return the facts of a successful verification, as a dict for the manifest; raise Unproved.

    `golden` are the samples of golden rows; `seconds` is the time limit.
    """
    return _Proof(subject, tolerance, time.time() + seconds).run(golden, seed)


class _Proof(object):
    def __init__(self, subject, tolerance, deadline):
        self._subject = subject
        self._tolerance = tolerance
        self._deadline = deadline
        self._watch = ProofWatch()

    def run(self, golden, seed):
        bodies = [json.dumps(sample).encode("ascii") for sample in golden]
        row_count, most = self._scale(bodies[0])
        bodies, known = bodies[:row_count], set(bodies)
        varied = variations.vary(golden, row_count - len(bodies), seed)
        varied = [json.dumps(sample).encode("ascii") for sample in varied]
        varied = [body for body in varied if body not in known and self._subject.accepts(body)]
        rows = bodies + varied
        alone = self._alone_twice(rows)
        answered = sum(kind == "answer" for kind, _ in alone)
        if not answered:
            raise Unproved("predictor fails for all samples created for the verification; add examples")
        most = max(2, min(most, MAX_BYTES // max(map(len, rows))))
        for indexes in _mixtures(len(rows), most, seed):
            self._compare(rows, alone, indexes)
        if not self._watch.joined:
            raise Unproved("no call of a model can score two samples at once")
        return dict(
            self._gain(rows, alone, len(bodies)),
            golden=len(bodies),
            variations=len(varied),
            most=most,
            exact=self._watch.exact,
        )

    def _scale(self, body):
        """Return how many rows to try, and how many of them together: fewer if predictor is slow."""
        self._subject.alone(body)
        seconds = _seconds(lambda: self._subject.alone(body))
        # The best time counts, so that a machine that is slow for a moment does not decide.
        for _ in range(TURNS if seconds < UNSURE_SECONDS else 0):
            seconds = min(seconds, _seconds(lambda: self._subject.alone(body)))
        for rows, most in SCALES:
            # Each row is scored twice, and once more in each mixture that is compared.
            asked = 2 * rows + sum(min(len(mixture), MAX_COMPARED) for mixture in _mixtures(rows, most, 0))
            if asked * seconds <= PATIENCE_SECONDS:
                return rows, most
        raise Unproved("predictor takes {:.1f} s per sample, which is too slow for a verification".format(seconds))

    def _in_time(self):
        if time.time() > self._deadline:
            raise Unproved("the verification took too long")

    def _alone_twice(self, rows):
        answers = []
        for body in rows:
            self._in_time()
            answers.append(self._subject.alone(body))
        for body, first in zip(rows, answers):
            self._in_time()
            if not self._same(first, self._subject.alone(body)):
                raise Unproved("predictor returns different predictions for the same sample")
        return answers

    def _compare(self, rows, alone, indexes):
        self._in_time()
        answers = self._subject.together([rows[index] for index in indexes], self._watch)
        if self._watch.ended is not None:
            reason = self._watch.ended["reason"] or "a row's result depends on the other rows"
            raise Unproved("{}: {}".format(self._watch.ended["call"], reason))
        for index, answer in zip(indexes, answers):
            if not self._same(alone[index], answer, rounded=not self._watch.exact):
                raise Unproved(
                    "predictor({}) returns {} alone and {} in a batch".format(
                        phrases.cut(rows[index].decode("ascii"), SHOWN), _shown(alone[index]), _shown(answer)
                    )
                )

    def _same(self, one, other, rounded=False):
        if one[0] != other[0]:
            return False
        if one[0] == "error":
            return one[1] == other[1]
        return compare_answers.same(one[1], other[1], self._tolerance) or (
            rounded and same_but_for_rounding(one[1], other[1], self._tolerance)
        )

    def _gain(self, rows, alone, golden):
        """Return {"gain", "pays_from"} for rows with predictions; raise Unproved if the form gains too little."""
        answered = [index for index, answer in enumerate(alone) if answer[0] == "answer"]
        # Golden rows come first, because a variation that makes predictor catch an exception costs many calls.
        answered = [index for index in answered if index < golden] or answered
        fit = [rows[index] for index in answered] * LARGE_GATE_SAMPLES
        pays_from, gains = None, {}
        for size in SIZES:
            one_by_one, together = [], []
            # Measured alternately, and the best times count, because other work on the machine slows both.
            for _ in range(TURNS):
                self._in_time()
                one_by_one.append(_seconds(lambda rows=fit[:size]: [self._subject.alone(row) for row in rows]))
                together.append(_seconds(lambda rows=fit[:size]: self._subject.together(rows, None)))
            gains[size] = gain = min(one_by_one) / max(min(together), 1e-9)
            if pays_from is None and gain > 1.0:
                pays_from = size
            if size == GATE_SAMPLES and gain >= GATE:
                return {"gain": round(gain, 1), "pays_from": pays_from}
        if gains[LARGE_GATE_SAMPLES] >= LARGE_GATE:
            return {"gain": round(gains[LARGE_GATE_SAMPLES], 1), "gain_at": LARGE_GATE_SAMPLES, "pays_from": pays_from}
        speed = _speed(gains[GATE_SAMPLES])
        raise Unproved("{} samples in one call are {} as one by one".format(GATE_SAMPLES, speed))


def _mixtures(count, most, seed):
    """Return mixtures of `count` samples with at most `most` each.

    Of the larger ones, include only those that need no cut.
    """
    mixtures = variations.mixtures(count, seed)
    return [mixture[:most] for mixture in mixtures if len(mixture) <= max(most, MAX_COMPARED)]


def same_but_for_rounding(one, other, tolerance):
    """Return whether two predictions are equal up to float32's last digits, or one rounding step.

    If the underlying results differ in their last bits, a value near the middle between two steps may be rounded up in
    one prediction and down in the other.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_but_for_rounding(one[key], other[key], tolerance) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(
            same_but_for_rounding(*pair, tolerance=tolerance) for pair in zip(one, other)
        )
    if compare_answers.same(one, other, tolerance):
        return True
    if type(one) is not float or type(other) is not float:
        return False
    if abs(one - other) <= max(SHORT_RELATIVE * max(abs(one), abs(other)), SHORT_ABSOLUTE):
        return True
    places = max(_places(one), _places(other))
    return places <= MAX_PLACES and abs(one - other) <= 1.001 * 10.0**-places


# Tolerances of predictions computed from float32 results, as in the comparison of these results.
SHORT_RELATIVE, SHORT_ABSOLUTE = 1e-5, 1e-6
# The author did not round floats with more decimals.
MAX_PLACES = 8


def _places(value):
    text = repr(value)
    return MAX_PLACES + 1 if "e" in text or "n" in text else len(text.partition(".")[2])


def _seconds(run):
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _speed(gain):
    if gain < 1.0:
        return "{:.1f} times as slow".format(1 / max(gain, 1e-9))
    return "only {:.1f} times as fast".format(gain)


def _shown(answer):
    return (
        phrases.cut(json.dumps(answer[1]), SHOWN)
        if answer[0] == "answer"
        else "an error ({})".format(phrases.cut(answer[1], SHOWN))
    )
