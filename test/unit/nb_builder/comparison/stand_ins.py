"""What comparisons are made of, without services: outcomes, tallies and reports."""

import json

from nb_builder.comparison import limits, report, tally
from nb_builder.comparison.client import Outcome
from nb_builder.comparison.samples import Row, Samples
from nb_builder.comparison.services import Model
from nb_builder.comparison.trial import Trial

REFUSED = Outcome("422 Unprocessable Content", None, "The sample is too large.", 0.001)
FAILED = Outcome("500 Internal Server Error", None, "The predictor failed.", 0.001)
MANIFEST = {"notebook": "model.ipynb", "built": "2026-11-22T00:00:00Z", "python": "3.11"}


class Candidate:
    """A service that is only known."""

    kind = "folder"
    seconds = 60.0

    def __init__(self, label, name, golden=(), **manifest):
        """Take golden samples, and what else the manifest has."""
        self.label, self.name = label, name
        self.model = Model({**MANIFEST, **manifest}, [{"sample": sample, "answer": 0} for sample in golden])


def answered(value, seconds=0.001):
    """Return the outcome of a row that was answered."""
    return Outcome("200", value, "", seconds)


def tallied(*pairs):
    """Return the tally of pairs of outcomes; anything but an outcome is an answer."""
    made = tally.Tally(1e-6)
    for number, pair in enumerate(pairs, 1):
        outcomes = (each if isinstance(each, Outcome) else answered(each) for each in pair)
        made.add(Row(f"row {number}", json.dumps(number).encode()), *outcomes)
    return made


def trial_of(counted, memory=(None, None), pairs=()):
    """Return what a trial has measured: a tally, the memory of both, and pairs of seconds."""
    trial = Trial(1e-6)
    trial.tally = counted
    for peak, value in zip(trial.memory, memory, strict=True):
        peak.bytes = value
    for pair in pairs:
        trial.speed.add(*pair)
    return trial


def reported(trial, *chosen, names=("before", "after"), source="samples.csv"):
    """Return the report on a trial, or on a tally alone, held to limits such as MAX_DIFFERENT=1%."""
    if isinstance(trial, tally.Tally):
        trial = trial_of(trial)
    read = [limits.read(*each.split("=")) for each in chosen]
    verdicts = [limits.judge(limit, trial.tally, trial.speed, trial.memory) for limit in read]
    candidates = (Candidate(label, name) for label, name in zip(("OLD", "NEW"), names, strict=True))
    return report.build(*candidates, Samples(source, [], [], []), trial, verdicts)
