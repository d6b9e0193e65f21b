"""Run by each Python that a model may have: derives, pickles where cloudpickle is there, scores and compares.

Its arguments: a JSON file with {name: text of a notebook}, and samples as JSON. It prints how many notebooks it tried,
and ends with 1 where a form's answers are not predictor's.
"""

import copy
import json
import linecache
import pickle
import sys
import textwrap

from nb_scorer.batching.form import Failure
from nb_scorer.kernel import derive_batch_form

try:
    import cloudpickle
except ImportError:
    cloudpickle = None


class Linear:
    """As in stand_ins.py, without numpy."""

    def __init__(self):
        """Note how many rows a call has."""
        self.calls = []

    def predict(self, rows):
        """Return one number a row."""
        self.calls.append(len(rows))
        for row in rows:
            if sum(row) < 0:
                raise ValueError(f"a negative row: {list(map(float, row))}")
        return [2.0 * float(sum(row)) for row in rows]

    def predict_proba(self, rows):
        """Return two numbers a row."""
        self.calls.append(len(rows))
        return [[1.0 / (1.0 + abs(sum(row))), 0.0] for row in rows]


# A class of a library's, not of the notebook's.
for part in (Linear, Linear.predict, Linear.predict_proba):
    part.__module__ = "a_library"
sys.modules["a_library"] = sys.modules["__main__"]


def outcome_of(run):
    """Return what `run` returns, or its error, as values."""
    try:
        return told(run())
    except BaseException as error:  # noqa: BLE001 - notebooks raise what they like
        return told(Failure(error))


def told(answer):
    """Return an answer, a Failure or what a coroutine comes to, as values."""
    if isinstance(answer, Failure):
        return ["error", type(answer.error).__name__, str(answer.error)]
    if hasattr(answer, "send"):
        try:
            answer.send(None)
        except StopIteration as stop:
            return ["answer", stop.value]
    return ["answer", answer]


def differences(name, text, samples):
    """Return lines on what a notebook's form does otherwise; None where this Python has no such syntax or module."""
    text = textwrap.dedent(text)
    file = f"<{name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    model = Linear()
    namespace = {"__name__": "__main__", "model": model}
    try:
        exec(compile(text, file, "exec"), namespace)  # noqa: S102 - a notebook
    except (SyntaxError, ImportError):
        return None
    predictor = namespace["predictor"]
    form, reason = derive_batch_form.derive_form(predictor, "/nowhere")
    if form is None:
        return [f"{name}: {reason.reason}"]
    expected = [outcome_of(lambda sample=sample: predictor(copy.deepcopy(sample))) for sample in samples]
    forms = [form]
    if cloudpickle is not None:
        forms.append(pickle.loads(cloudpickle.dumps((predictor, form)))[1])  # noqa: S301 - our own
    lines = []
    for tested in forms:
        model.calls[:] = []
        outcomes = tested.score([((copy.deepcopy(sample),), {}) for sample in samples])
        actual = [outcome_of(lambda outcome=outcome: outcome) for outcome in outcomes]
        if actual != expected:
            lines.append(f"{name}: {actual} is not {expected}")
        if tested is form and max(model.calls) < 2:
            lines.append(f"{name}: nothing was asked together")
    return lines


def main(path, samples):
    """Try all notebooks in the file at `path`."""
    with open(path) as file:
        notebooks = json.load(file)
    found = [differences(name, text, json.loads(samples)) for name, text in sorted(notebooks.items())]
    print(len([lines for lines in found if lines is not None]), "with" if cloudpickle else "without", "cloudpickle")
    wrong = [line for lines in found for line in lines or []]
    sys.exit("\n".join(wrong) if wrong else 0)


main(*sys.argv[1:])
