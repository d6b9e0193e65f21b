"""Numbers of a service that has everything: requests of both protocols, all kinds of answers, a bus, a baseline."""

import json
import os
import random

from nb_scorer.model import feature_bins
from nb_service.app import exposition
from nb_service.drift import baseline as baselines
from nb_service.gpus import Gpu
from nb_service.http.histogram import BATCHES, SECONDS, Histogram
from nb_service.identity import Identity

IDENTITY = Identity("fruit", 1763, "abc")


def baseline_of(samples, answers):
    """Return a Baseline of lists of two numbers and answers that are words."""
    columns = feature_bins.columns(samples, "array", ["0", "1"])
    features = [feature_bins.made_of("sample", name, column) for name, column in zip("01", columns, strict=True)]
    features.append(feature_bins.made_of("answer", "value", answers))
    facts = {
        "source": "examples",
        "rows": len(samples),
        "of": len(samples),
        "form": "array",
        "answer_form": "scalar",
        "features": [feature.facts() for feature in features],
        "not_compared": [],
    }
    return baselines.parsed(json.dumps(facts).encode())


def counted(baseline, samples, answers):
    """Return the counts of each feature of the baseline."""
    columns = {("sample", str(place)): [sample[place] for sample in samples] for place in range(2)}
    columns["answer", "value"] = answers
    return [feature.tally(columns[feature.part, feature.name]) for feature in baseline.features]


def histogram_of(edges, *values):
    """Return a histogram's numbers."""
    histogram = Histogram(edges)
    for value in values:
        histogram.observe(value)
    return histogram.numbers()


def of_bus(step=1):
    """Return the numbers of a bus whose counters have grown `step` times."""
    return {
        "connected": True,
        "waiting": 7 * step,
        "in_flight": 3,
        "oldest_seconds": 1.5,
        "taken": 50 * step,
        "redelivered": 2 * step,
        "answered": 40 * step,
        "lost": step,
        "errors": {"refused": 2 * step, "too slow": step},
    }


def everything(step=1):
    """Return (numbers, baseline) of a service, whose counters have grown `step` times."""
    chance = random.Random(5)  # noqa: S311 - the same numbers each time
    rows = [[chance.gauss(0, 1), chance.random()] for _ in range(300)]
    answers = ["yes" if row[0] > 0 else "no" for row in rows]
    baseline = baseline_of(rows, answers)
    counts = counted(baseline, rows, answers)
    latency = histogram_of(SECONDS, *[0.003] * step)
    call = "/inference.GRPCInferenceService/ModelInfer"
    return {
        "pid": os.getpid(),
        "answers": True,
        "requests": [["/predict", 200, 8 * step], ["/predict", 500, step]],
        "latencies": {"/predict": latency},
        "grpc": {"requests": [[call, "OK", step]], "latencies": {call: latency}},
        "processing": latency,
        "batches": histogram_of(BATCHES, *[4] * step),
        "predictors": {"price": latency},
        "streams": {"open": 1, "items": 3 * step, "first": latency},
        "values": {"yes": step, "no": 2 * step},
        "numbers": histogram_of((0.5, 1.0), *[0.25] * step),
        "features": {"0": histogram_of((0.5, 1.0), *[0.25] * step)},
        "waiting": 2,
        "waiting_limit": 10,
        "in_flight": 1,
        "scorers": 2,
        "gpu_scorers": {"GPU-a": 2},
        "gpus": [Gpu("GPU-a", "NVIDIA H200", 4 << 30, step << 30)],
        "endings": {"died": step, "too slow": 0, "recycled": 0},
        "form": "derived",
        "batching_ended": 0,
        "bus": of_bus(step),
        "feedback": {
            "outcomes": {"agrees": 6 * step, "differs": step, "unknown": step, "repeated": 0, "incomparable": 0},
            "errors": [4 * step, 0.5 * step, 0.25 * step],
            "classes": [["yes", "no", step], ["yes", "yes", 5 * step]],
        },
        "drift": {"counts": counts, "present": counts, "samples": 300, "seconds": 5.0, "cost": 0.25 * step},
    }, baseline


def text_of_everything(prefix="nb", step=1):
    """Return the text of /metrics of these numbers."""
    numbers, baseline = everything(step)
    return exposition.text_of(numbers, prefix, IDENTITY, baseline=baseline)[0].decode()
