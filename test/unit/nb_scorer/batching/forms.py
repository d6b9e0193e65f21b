"""Notebooks as text, their batch forms, and what both answer, as values."""

import copy
import itertools
import linecache
import re
import textwrap
import warnings

from nb_scorer.batching.form import Failure
from nb_scorer.kernel import derive_batch_form

_numbers = itertools.count(1)
_UNBOUND = re.compile(r"cannot access \w+ variable '(\w+)' where it is not associated with a value")


def notebook(text, **names):
    """Return the names that a notebook of one cell, which gets `names`, leaves behind."""
    text = textwrap.dedent(text)
    file = f"<cell {next(_numbers)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace = {"__name__": "__main__", **names}
    with warnings.catch_warnings():
        # In Python 3.14, of a return in finally.
        warnings.simplefilter("ignore", SyntaxWarning)
        code = compile(text, file, "exec")
    exec(code, namespace)  # noqa: S102 - a notebook
    return namespace


def form_of(predictor, repository="/nowhere"):
    """Return the BatchForm of a function; fail where it has none."""
    form, reason = derive_batch_form.derive_form(predictor, repository)
    assert reason is None, reason.reason
    return form


def refusal_of(text, **names):
    """Return (reason, line) of a notebook whose predictor has no batch form."""
    form, reason = derive_batch_form.derive_form(notebook(text, **names)["predictor"], "/nowhere")
    assert form is None
    return reason.reason, reason.line


def alone(predictor, sample):
    """Return what predictor makes of a copy of `sample`, and what it did to the copy."""
    sample = copy.deepcopy(sample)
    try:
        return "answer", predictor(sample), sample
    except BaseException as error:  # noqa: BLE001 - notebooks raise what they like
        return "error", _said(error), sample


def together(form, samples, **how):
    """Return the same for each of `samples`, asked together."""
    # One by one: what two of them share, copies do not.
    samples = [copy.deepcopy(sample) for sample in samples]
    outcomes = form.score([((sample,), {}) for sample in samples], **how)
    return [
        ("error", _said(outcome.error), sample) if isinstance(outcome, Failure) else ("answer", outcome, sample)
        for outcome, sample in zip(outcomes, samples, strict=True)
    ]


def _said(error):
    """Return an error's type and text.

    From Python 3.12 on, a comprehension's variables are the function's own, and in a batch form they are not always:
    there, a variable without a value is another kind of NameError.
    """
    unbound = isinstance(error, NameError) and _UNBOUND.match(str(error))
    return (NameError, unbound[1]) if unbound else (type(error), str(error))


def assert_same(text, samples, **names):
    """Return the form of a notebook's predictor, which gives each sample what predictor gives it alone."""
    predictor = notebook(text, **names)["predictor"]
    form = form_of(predictor)
    assert together(form, samples) == [alone(predictor, sample) for sample in samples]
    return form
