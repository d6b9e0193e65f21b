"""Verifies that a native program equals predictor: both must make the same predictions for thousands of samples.

If predictor branches, both sides of each branch must have run. A single different prediction prevents the native image.
"""

import copy
import json
import subprocess
import warnings

from nb_scorer.model import compare_answers, functions, json_codec
from nb_scorer.model.misfit import Misfit

from nb_native.proof_samples import samples_around
from nb_native.refusal import Refusal

COUNT = 10000
SEED = 20
# Predictions closer than this are the same; the largest difference is reported.
TOLERANCE = 1e-6
SECONDS = 600
_SHOWN = 200
# Prefix of the runtime's line if predictor raises; a sample that the validator rejects has another line.
_FAILED = "The notebook's predictor failed"
# Prefix if Python may have a prediction but the program has none.
_BEYOND = "The sample leads to a number"


def prove(model, golden, branches, edges, words, program, counting):
    """Return the facts of a successful verification; raise Refusal.

    `golden` are samples, `branches` the conditions of predictor as (line, text, file, constants), `edges` the numbers
    and text where its estimators' results change, `words` those that they search for in text, `program` and `counting`
    the commands, lists of arguments, that run the program and one that also reports which sides of the branches ran.
    """
    if not golden:
        raise Refusal("there are no golden rows to verify it with; add examples to the notebook")
    constants = [constant for branch in branches for constant in branch[3]]
    samples = samples_around(golden, COUNT, SEED, [*constants, *edges], words)
    with warnings.catch_warnings():
        # Libraries warn about each unusual sample.
        warnings.simplefilter("ignore")
        expected = [_outcome(model, sample) for sample in samples]
    lines = "".join(json.dumps(sample) + "\n" for sample in samples).encode("ascii")
    actual = _answers(_run(program, lines), len(samples))
    largest, exact, answered = 0.0, 0, 0
    for sample, (kind, answer), found in zip(samples, expected, actual):
        if kind == "answer":
            answered += 1
            difference = _difference(answer, found)
            if difference is None:
                raise Refusal(
                    f"predictor({_shown(sample)}) answers {_shown(answer)}, the native program {_shown(found)}"
                )
            largest, exact = max(largest, difference), exact + (difference == 0.0)
        elif _kind_of_error(found) not in {kind, "beyond"}:
            raise Refusal(f"predictor({_shown(sample)}) is {kind}, and the native program answers {_shown(found)}")
    half_seen = _half_seen(_run(counting, lines), len(samples), branches) if branches else None
    if half_seen is not None:
        line, text, file = half_seen[:3]
        raise Refusal(f"no sample reaches both sides of '{text}'; add an example that does", file, line)
    return {
        "golden": len(golden),
        "samples": len(samples),
        "answered": answered,
        "equal": exact,
        "largest_difference": largest,
        "tolerance": TOLERANCE,
    }


def _outcome(model, sample):
    """Return ("answer", decoded JSON), or ("refused" or "failed", None), like the service's status 200, 422 or 500."""
    # The notebook's code may raise anything.
    try:
        if model.validator is not None and functions.rejection(model.validator(copy.deepcopy(sample))) is not None:
            return "refused", None
    except Exception:
        return "refused", None
    try:
        return "answer", json.loads(json_codec.encode(model.predictor(copy.deepcopy(sample)), model.form))
    except Misfit:
        return "refused", None
    except Exception:
        return "failed", None


def _run(program, lines):
    """Return the CompletedProcess of a program that gets these lines of JSON, one sample each; raise Refusal."""
    try:
        return subprocess.run([*program, "-"], input=lines, stdout=subprocess.PIPE, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        count = lines.count(b"\n")
        raise Refusal(f"the native program did not predict {count} samples within {SECONDS} seconds") from None


def _answers(process, count):
    """Return a program's predictions for `count` samples, decoded; raise Refusal if any is missing."""
    answers = process.stdout.splitlines()
    if process.returncode not in (0, 1) or len(answers) != count:
        raise Refusal(f"the program exited with status {process.returncode} after {len(answers)} of {count} answers")
    return [json.loads(answer) for answer in answers]


def _kind_of_error(answer):
    """Return "failed", "beyond" or "refused" for an error line of the program, None for a prediction."""
    message = answer.get("error") if isinstance(answer, dict) and len(answer) == 1 else None
    if message is None:
        return None
    return "failed" if message.startswith(_FAILED) else "beyond" if message.startswith(_BEYOND) else "refused"


def _difference(expected, actual):
    """Return the largest difference of two predictions' floats, relative or absolute, whichever is smaller, or None.

    None means that the predictions are not the same.
    """
    if not compare_answers.same(expected, actual, TOLERANCE):
        return None
    return max([0.0, *_differences(expected, actual)])


def _differences(expected, actual):
    if isinstance(expected, dict):
        for key, value in expected.items():
            yield from _differences(value, actual[key])
    elif isinstance(expected, list):
        for one, other in zip(expected, actual):
            yield from _differences(one, other)
    elif isinstance(expected, float) and expected != actual:
        # Near zero, the remainder of a cancelling sum may differ completely but negligibly, as in compare_answers.
        yield min(abs(expected - actual), abs(expected - actual) / max(abs(expected), abs(actual)))


def _half_seen(process, count, branches):
    """Return the first of `branches` of which `count` samples reached only one side, or None."""
    # After the predictions: how often each condition was false, and how often true.
    counts = [line.split() for line in process.stdout.decode("utf-8").splitlines()[count:]]
    seen = {int(number): (int(false), int(true)) for _, number, false, true in counts}
    return next((branch for index, branch in enumerate(branches) if 0 in seen.get(index, (0, 0))), None)


def _shown(value):
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
