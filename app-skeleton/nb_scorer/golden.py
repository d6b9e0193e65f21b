"""Golden rows: samples with the answers that the notebook's own predictor gave, asked as a client would.

A row's sample has the form that JSON gives it, so that it says what the service must answer.
"""

import io
import json
import os
import threading
import time
import traceback
import types

from nb_scorer import answers, functions, layout, values
from nb_scorer.complaints import Complaint
from nb_scorer.misfit import Misfit

MAX_ROWS = 50
MAX_BYTES = 1 << 20
# The notebook's own calls are a gift: a slow predictor must not make every build much longer.
CALL_SECONDS = 10
SHOWN = 200


def counted(rows):
    """Return in words how many golden rows there are."""
    return "1 golden row" if rows == 1 else "{} golden rows".format(rows)


def collect(called, examples, recorded, tolerance=answers.TOLERANCE, form=values.LABELLED):
    """Return (rows, notes): `examples` first, then the `recorded` calls, each asked of predictor now.

    `called` holds predictor and perhaps validator and batch_predictor, as nb_scorer.signatures gives them;
    `recorded` are bodies (bytes of JSON), `form` that of answers. Raises Complaint for a row of `examples`
    that gets no answer, and for a batch_predictor that answers otherwise.
    """
    asked = _Asked(called["predictor"], called.get("validator"), form)
    if hasattr(examples, "shape") or hasattr(examples, "columns"):
        # The rows of an array or a table, as a client would send them.
        examples = values.decode(values.encode(examples, values.BARE))
    if isinstance(examples, (list, tuple)):
        for number, sample in enumerate(examples, 1):
            asked.example(number, sample)
    elif examples is not None:
        asked.notes.append("examples is a {}, not a list of samples, and is left aside".format(type(examples).__name__))
    asked.calls(recorded)
    if called.get("batch_predictor") is not None:
        asked.notes.extend(check_batch(called, asked.rows, tolerance, form))
    return asked.rows, asked.notes


def check_batch(called, lines, tolerance, form=values.LABELLED):
    """Ask batch_predictor for all golden rows at once; raise Complaint with the first that differs.

    Returns notes: without rows, or where predictor contradicts itself, there is nothing to compare.
    """
    rows = [values.decode(line) for line in lines]
    if not rows:
        return ["batch_predictor is not compared with predictor: there are no golden rows"]
    samples = [row["sample"] for row in rows]
    try:
        got = values.decode(values.encode(values.listed(result_of(called["batch_predictor"], samples)), form))
    except BaseException as error:
        raise _batch_differs(rows, 0, "it fails with {}".format(shown(_words(error))), traceback.format_exc())
    if not isinstance(got, list) or len(got) != len(rows):
        told = "{} answers".format(len(got)) if isinstance(got, list) else "no list"
        at = min(len(got), len(rows) - 1) if isinstance(got, list) else 0
        raise _batch_differs(rows, at, "for {} samples it returns {}".format(len(rows), told))
    for at, (row, answer) in enumerate(zip(rows, got)):
        if not answers.same(row["answer"], answer, tolerance):
            again = values.decode(values.encode(result_of(called["predictor"], row["sample"]), form))
            if not answers.same(row["answer"], again, tolerance):
                return ["batch_predictor is not compared with predictor, which answers differently each time"]
            reason = "it answers {}, and predictor {}"
            raise _batch_differs(rows, at, reason.format(*(shown(json.dumps(one)) for one in (answer, row["answer"]))))
    return []


def _batch_differs(rows, at, reason, detail=""):
    sample = shown(json.dumps(rows[at]["sample"]))
    return Complaint("batch-differs", number=at + 1, sample=sample, reason=reason, detail=detail)


class _Asked(object):
    """The rows so far, and why others are not among them."""

    def __init__(self, predictor, validator, form):
        self.predictor = predictor
        self.validator = validator
        self.form = form
        self.rows = []
        self.notes = []
        self._seen = set()
        self._bytes = 0
        self._full = False

    def example(self, number, sample):
        """Add a row of `examples`; raise Complaint if it gets no answer."""
        try:
            # Labels are for who reads an answer; a row of a table is a sample without them.
            body = values.encode(sample, values.BARE)
            self._add(body, "examples", "row {} of examples".format(number))
        # A notebook's function may raise anything, SystemExit included.
        except BaseException as error:
            facts = {"number": number, "sample": shown(repr(sample)), "error": shown(_words(error))}
            # Of our own: that of the notebook's code is what there is to see.
            facts["detail"] = "" if isinstance(error, Misfit) else traceback.format_exc()
            if self._answers_first_of(sample):
                raise Complaint("examples-are-pairs", first=shown(repr(sample[0])), **facts)
            raise Complaint("example-fails", **facts)

    def _answers_first_of(self, sample):
        """Return whether `sample` is a pair, as of a sample and its label, whose first part predictor answers."""
        if not isinstance(sample, (list, tuple)) or len(sample) != 2:
            return False
        try:
            body = values.encode(sample[0], values.BARE)
            values.encode(result_of(self.predictor, values.decode(body)), self.form)
            return self._refusal(body) is None
        except BaseException:
            return False

    def calls(self, recorded):
        """Add the notebook's own calls; one that fails in the form of JSON is left out with a note."""
        until = time.time() + CALL_SECONDS
        for body in recorded:
            what = "the call predictor({})".format(shown(body.decode("utf-8", "replace")))
            if time.time() > until:
                self.notes.append("predictor is slow: {} and later ones are no golden rows".format(what))
                return
            try:
                self._add(body, "call", what)
            except BaseException as error:
                reason = "as JSON the sample gives {}".format(shown(_words(error)))
                self.notes.append("{} is no golden row: {}".format(what, reason))

    def _add(self, body, origin, what):
        if body in self._seen:
            return
        self._seen.add(body)
        if self._full or len(self.rows) >= MAX_ROWS:
            self._say_full()
            return
        reason = self._refusal(body)
        if reason is not None:
            words = "{} is no golden row: validator refuses it".format(what)
            self.notes.append("{}: {}".format(words, shown(reason)) if reason else words)
            return
        answer = values.encode(result_of(self.predictor, values.decode(body)), self.form)
        line = b'{"sample": ' + body + b', "answer": ' + answer + b', "from": "' + origin.encode("ascii") + b'"}\n'
        self._bytes += len(line)
        if self._bytes > MAX_BYTES:
            self._say_full()
            return
        self.rows.append(line)

    def _say_full(self):
        if not self._full:
            self.notes.append("there are more samples than can be golden rows; the first {} are".format(len(self.rows)))
        self._full = True

    def _refusal(self, body):
        """Return None if validator takes the sample, else its reason; to raise is to refuse, as in the service."""
        if self.validator is None:
            return None
        try:
            return functions.refusal(result_of(self.validator, values.decode(body)))
        except BaseException as error:
            return functions.words_of(error)


def result_of(function, sample):
    """Return what the notebook's function makes of `sample`, awaited where it is an async def."""
    result = function(sample)
    if type(result) is not types.CoroutineType:
        return result
    outcome = {}
    # In a thread of its own: the kernel's event loop is running in this one.
    thread = threading.Thread(target=_await, args=(result, outcome))
    thread.start()
    thread.join()
    if "error" in outcome:
        raise outcome["error"]
    return outcome["result"]


def _await(coroutine, outcome):
    import asyncio

    loop = asyncio.new_event_loop()
    try:
        outcome["result"] = loop.run_until_complete(coroutine)
    except BaseException as error:
        outcome["error"] = error
    finally:
        loop.close()


def keep(folder, verified):
    """Put the `verified` answers, one a row, into the golden rows of a model folder."""
    rows = [dict(row, answer=answer) for row, answer in zip(read(folder), verified)]
    path = os.path.join(str(folder), layout.GOLDEN)
    with io.open(path + ".new", "w", encoding="ascii") as file:
        # A lone surrogate has no other form than an escape.
        file.writelines(json.dumps(row) + "\n" for row in rows)
    os.replace(path + ".new", path)


def read(folder):
    """Return the golden rows of a model folder, each a dict with sample, answer and from."""
    with io.open(os.path.join(str(folder), layout.GOLDEN), "rb") as file:
        return [json.loads(line.decode("utf-8")) for line in file]


def shown(text):
    """Return `text` short enough for a line that a user reads."""
    return text if len(text) <= SHOWN else text[:SHOWN] + " ..."


def _words(error):
    text = str(error)
    if text and isinstance(error, (Misfit, values.NoJsonForm)):
        return text
    return "{}: {}".format(type(error).__name__, text) if text else type(error).__name__
