"""Measures a case: derived or why not, verified or why not, the same in company or not, and the gain."""

import copy
import inspect
import json
import random
import re
import time
import types
from dataclasses import dataclass, field
from pathlib import Path

from nb_scorer.batching.form import BatchForm
from nb_scorer.kernel import derive_batch_form
from nb_scorer.model import compare_answers
from nb_scorer.protocol import frames
from nb_scorer.worker.scorer import Scorer

from cases import Case

HERE = Path(__file__).parent
GOLDEN, PROOF_SECONDS = 8, 60
# Of the one definition of the same answer; and of what is left of float32 after a few sums.
TOLERANCE, FLOAT32 = 1e-6, 1e-5
MIXTURES, MIXED = 40, (2, 3, 8, 32)
SIZES = (2, 8, 32, 64)
# The fastest of this number of turns, each of this length or one call.
TURNS, TURN_SECONDS = 3, 0.03


@dataclass
class Measured:
    """What came of one case."""

    case: Case
    reason: str = ""
    facts: dict = field(default_factory=dict)
    unproved: str = ""
    proof_seconds: float = 0.0
    wrong: int = 0
    near: int = 0
    asked: int = 0
    alone: float = 0.0
    gains: dict = field(default_factory=dict)
    micros: float = 0.0

    @property
    def is_batched(self) -> bool:
        """Whether a service would batch it."""
        return bool(self.facts)

    @property
    def said(self) -> str:
        """The sentence on why it is not batched, or nothing."""
        return self.reason or self.unproved


def measure(case: Case, is_timed: bool = True) -> Measured:
    """Derive, verify, mix and time a case."""
    found = Measured(case)
    form, reason = derive_batch_form.derive_form(case.predictor, str(HERE))
    if form is None:
        found.reason = reason.reason + _place(reason)
        return found
    _mix(found, form)
    began = time.perf_counter()
    asked = json.dumps({"samples": case.samples[:GOLDEN], "tolerance": TOLERANCE, "seconds": PROOF_SECONDS})
    facts = json.loads(scorer_of(case, form).prove(asked.encode())[1])
    found.proof_seconds = time.perf_counter() - began
    if "reason" in facts:
        found.unproved = facts["reason"]
        return found
    found.facts = facts
    if is_timed:
        _time(found, form)
    return found


def _place(reason) -> str:
    if reason.line is None:
        return ""
    return f" ({Path(reason.file).name}, line {reason.line})"


def scorer_of(case: Case, form: BatchForm | None, facts: dict | None = None) -> Scorer:
    """Return a service's scorer with this predictor, which batches if there are `facts` of a verification."""
    parts = {"predictor": case.predictor, "validator": None, "batch_predictor": None, "batch_form": form}
    return Scorer(types.SimpleNamespace(**parts, setup=None, teardown=None, manifest={"batching": facts}))


def _mix(found: Measured, form: BatchForm) -> None:
    """Note how many of many samples are answered otherwise in random company: wrong, or by float32's last digits."""
    case = found.case
    drawn = random.Random(1)  # noqa: S311 - drawn to be repeated
    alone, together = scorer_of(case, None), scorer_of(case, form, {"pays_from": 2})
    # The form itself: it is neither watched nor stopped.
    together._watch = None  # noqa: SLF001 - no service does without
    bodies = [json.dumps(sample).encode() for sample in case.samples]
    wrong = near = asked = 0
    for _ in range(MIXTURES):
        chosen = drawn.choices(bodies, k=drawn.choice(MIXED))
        answers = [answer for answers in together.answer_together(chosen) for answer in answers]
        for body, answer in zip(chosen, answers, strict=True):
            expected = alone.answer(body)
            if same(expected, answer):
                continue
            if expected[0] == answer[0] == frames.OK and near_enough(json.loads(expected[1]), json.loads(answer[1])):
                near += 1
            else:
                wrong += 1
        asked += len(chosen)
    found.wrong, found.near, found.asked = wrong, near, asked


def near_enough(one: object, other: object) -> bool:
    """Return whether only floats differ, by what is left of float32's digits after a network, or by a rounding step."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(near_enough(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(near_enough, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= max(FLOAT32 * max(abs(one), abs(other)), FLOAT32 / 10)
    return one == other and type(one) is type(other)


def same(one: tuple, other: tuple) -> bool:
    """Return whether two answers of a scorer are the same, errors by their last line."""
    if one[0] != other[0]:
        return False
    if one[0] != frames.OK:
        return last_line(one[1]) == last_line(other[1])
    return compare_answers.same(json.loads(one[1]), json.loads(other[1]), TOLERANCE)


def last_line(payload: bytes) -> str:
    """Return the last line of a failure's traceback, without addresses."""
    text = (json.loads(payload).get("traceback") or "").strip().rpartition("\n")[2]
    return re.sub("0x[0-9a-f]+", "", text)


def _time(found: Measured, form: BatchForm) -> None:
    """Note the samples answered per second alone, and the factor gained together."""
    run = _run_of(found.case.predictor)
    samples = [json.loads(json.dumps(sample)) for sample in found.case.samples]
    samples = (samples * max(SIZES))[: max(SIZES)]
    before = json.dumps(samples)
    for sample in samples:
        run(sample)
    # One that changes its samples gets new ones each time, and both sides pay for that.
    fresh = copy.deepcopy if json.dumps(samples) != before else lambda samples: samples
    samples = json.loads(before)
    one_by_one = _seconds(lambda: [run(sample) for sample in fresh(samples)]) / len(samples)
    found.alone = 1 / one_by_one
    for size in SIZES:
        part = samples[:size]
        together = _seconds(lambda part=part: form.score([((sample,), {}) for sample in fresh(part)]))
        found.gains[size] = one_by_one * size / together
    found.micros = 1e6 * one_by_one / found.gains[max(SIZES)]


def _run_of(predictor):
    """Return a function that raises nothing and awaits nothing."""

    def run(sample):
        try:
            result = predictor(sample)
            if inspect.iscoroutine(result):
                result.send(None)
        # A sample's own error is its answer; an async def without an await returns by StopIteration.
        except (Exception, StopIteration):  # noqa: BLE001
            return

    return run


def _seconds(run) -> float:
    run()
    best = float("inf")
    for _ in range(TURNS):
        times, began = 0, time.perf_counter()
        while times == 0 or time.perf_counter() - began < TURN_SECONDS:
            run()
            times += 1
        best = min(best, (time.perf_counter() - began) / times)
    return best
