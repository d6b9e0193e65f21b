"""Collects golden rows in a notebook's kernel, from its own calls and examples, by calling predictor again."""

import json
import os
import re
import threading
import time
import traceback
import types

from nb_scorer.common import phrases
from nb_scorer.kernel import sample_files
from nb_scorer.kernel.call_recorder import parameters_of
from nb_scorer.kernel.save_errors import Complaint
from nb_scorer.model import binary, compare_answers, functions, golden_rows, json_codec, parameters, streams
from nb_scorer.model.calls import Call
from nb_scorer.model.misfit import Misfit

MAX_ROWS = 50
MAX_BYTES = 1 << 20
MAX_FILE_BYTES = 32 << 20
# Golden rows from the notebook's own calls are optional, and a slow predictor must not make every build much longer.
CALL_SECONDS = 10
# A stream may have no end.
STREAM_SECONDS = 60
# Results of a model in single and in double precision agree to about this relative difference.
SINGLE_TOLERANCE = 1e-3
CLOCK_SECONDS = 1.1
SHOWN = 200
EXAMPLES = "examples"
_FILE_IN_TEXT = re.compile(r"(data:[a-z./+-]*;base64,)[A-Za-z0-9+/]{16,}=*")
_LOOPS: list = []
# This package's modules, and those of asyncio and threading that await coroutines.
_OURS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")


def collect(called, examples, recorded, tolerance=compare_answers.TOLERANCE, form=json_codec.LABELLED, name=""):
    """Return (rows, notes): `examples` first, then the `recorded` calls, with predictor's present results.

    `called` contains predictor and perhaps validator and batch_predictor, as nb_scorer.model.signatures returns them;
    `recorded` are the recorder's Calls; `form` is the form of results; `name` is that of a predictor in `predictors`,
    which is added to its rows. Raises Complaint if a row of `examples` fails, if a call's result differs from the one
    in its cell, if no sample at all succeeds, or if batch_predictor's results differ.
    """
    try:
        return _collect(called, examples, recorded, tolerance, form, name)
    except Complaint as complaint:
        if name:
            complaint.facts.update(predictor=name)
        raise
    finally:
        binary.folder.remove()


def _collect(called, examples, recorded, tolerance, form, predictor_name):
    collector = _Collector(called["predictor"], called.get("validator"), recorded, tolerance, form, predictor_name)
    if hasattr(examples, "shape") or hasattr(examples, "columns"):
        # The rows of an array or table, as a client would send them.
        examples = json_codec.decode(json_codec.encode(examples, json_codec.BARE))
    if isinstance(examples, (list, tuple)):
        for number, sample in enumerate(examples, 1):
            collector.example(number, sample)
    elif examples is not None:
        collector.notes.append(
            "examples is a {}, not a list of samples, so it is ignored".format(type(examples).__name__)
        )
    collector.calls()
    collector.require_an_answer()
    if called.get("batch_predictor") is not None:
        collector.notes.extend(check_batch(called, collector.rows, tolerance, form, predictor_name))
    return collector.rows, collector.notes


def check_batch(called, lines, tolerance, form=json_codec.LABELLED, name=""):
    """Call batch_predictor with all golden rows at once; raise Complaint with the first difference.

    Returns notes. Without rows, or if predictor is not deterministic, there is nothing to compare.
    """
    rows = golden_rows.plain([json_codec.decode(line) for line in lines], name)
    if not rows:
        return ["batch_predictor is not compared with predictor: there are no golden rows"]
    samples = [row["sample"] for row in rows]
    try:
        batch = json_codec.decode(
            json_codec.encode(json_codec.listed(result_of(called["batch_predictor"], samples)), form)
        )
    except BaseException as error:
        raise _batch_differs(rows, 0, "it fails with {}".format(shown(_message(error))), _notebook_traceback(error))
    if not isinstance(batch, list) or len(batch) != len(rows):
        returned = "{} answers".format(len(batch)) if isinstance(batch, list) else "no list"
        index = min(len(batch), len(rows) - 1) if isinstance(batch, list) else 0
        raise _batch_differs(rows, index, "for {} samples it returns {}".format(len(rows), returned))
    for index, (row, answer) in enumerate(zip(rows, batch)):
        if not compare_answers.same(row["answer"], answer, tolerance):
            again = json_codec.decode(json_codec.encode(result_of(called["predictor"], row["sample"]), form))
            if not compare_answers.same(row["answer"], again, tolerance):
                return ["batch_predictor is not compared with predictor, which is random"]
            reason = "it returns {}, and predictor {}"
            raise _batch_differs(
                rows, index, reason.format(*(shown(json.dumps(value)) for value in (answer, row["answer"])))
            )
    return []


def check_explainer(called, lines, form=json_codec.LABELLED):
    """Call the explainer with the first golden row; return a note if that fails."""
    rows = golden_rows.plain([json_codec.decode(line) for line in lines])
    if called.get("explainer") is None or not rows:
        return []
    try:
        json_codec.encode(result_of(called["explainer"], rows[0]["sample"]), form)
    # The same as for a row of examples.
    except BaseException as error:
        sample = shown(json.dumps(rows[0]["sample"]))
        return ["explainer({}) fails with {}".format(sample, shown(_message(error)))]
    return []


def _batch_differs(rows, index, reason, detail=""):
    sample = shown(json.dumps(rows[index]["sample"]))
    return Complaint("batch-differs", number=index + 1, sample=sample, reason=reason, detail=detail)


class _Collector(object):
    """The golden rows so far, and notes on rejected samples."""

    def __init__(
        self, predictor, validator, recorded=(), tolerance=compare_answers.TOLERANCE, form=json_codec.LABELLED, name=""
    ):
        self._of_name = b', "predictor": ' + json.dumps(name).encode("ascii") if name else b""
        self.predictor = predictor
        self.validator = validator
        self.tolerance = tolerance
        self.form = form
        self.rows = []
        self.notes = []
        self._calls: dict = {}
        self._without_form = [call for call in recorded if call.body is None]
        for call in recorded:
            if call.body is not None:
                self._calls.setdefault(call.body, []).append(call)
        self._rejected = []
        self._failed = []
        self._seen = set()
        self._bytes = self._file_bytes = 0
        self._full = False

    def example(self, number, sample):
        """Add a row of `examples`; raise Complaint if it fails, or if a cell showed another result."""
        try:
            # A result's labels are for readers; a row of a table is a sample without them.
            value, _ = sample_files.in_json(_as_defined(self.predictor), sample)
            body = json_codec.encode(value, json_codec.BARE)
            self._add(body, EXAMPLES, "row {} of examples".format(number))
        except Complaint:
            raise
        # A notebook's function may raise anything, including SystemExit.
        except BaseException as error:
            facts = {"number": number, "sample": shown(repr(sample)), "error": shown(_message(error))}
            # nb_scorer itself raises a Misfit, so its traceback would not help the author.
            facts["detail"] = "" if isinstance(error, Misfit) else _notebook_traceback(error)
            if self._answers_first_of(sample):
                raise Complaint("examples-are-pairs", first=shown(repr(sample[0])), **facts)
            raise Complaint("example-fails", **facts)

    def _answers_first_of(self, sample):
        """Return whether `sample` is a pair, such as a sample and its label, whose first part predictor accepts."""
        if not isinstance(sample, (list, tuple)) or len(sample) != 2:
            return False
        try:
            body_of_first = json_codec.encode(sample[0], json_codec.BARE)
            json_codec.encode(result_of(self.predictor, json_codec.decode(body_of_first)), self.form)
            return self._rejection(body_of_first) is None
        except BaseException:
            return False

    def calls(self):
        """Add the notebook's own calls; note one that fails only because its sample was converted to JSON."""
        for call in self._without_form:
            if call.returned and call.current:
                self.notes.append("{} is not a golden row: {}".format(_call_of(call), call.lack))
        deadline = time.time() + CALL_SECONDS
        for body, calls in list(self._calls.items()):
            label = _call(body)
            if time.time() > deadline:
                self.notes.append("predictor is slow: {} and later ones are not golden rows".format(label))
                return
            returned = [call for call in calls if call.returned]
            if returned:
                # A plain sample first, because its type can't be the cause of a failure.
                self._add_call(min(returned, key=lambda call: bool(call.passed)), label)
            elif body not in self._seen:
                self.notes.append("{} is not a golden row: it raised in its cell".format(label))

    def _add_call(self, call, label):
        body = self._body_of_table(call) if call.is_table else self._form(call)
        if body is None:
            return
        try:
            self._add(body, "call", label)
        except Complaint:
            raise
        # The same as for a row of examples.
        except BaseException as error:
            self._add_otherwise(call, label, error)

    def _body_of_table(self, call):
        """Return a table as a client would send it, if that reproduces the cell's result; otherwise None."""
        if not call.current or self._shown(call) is None:
            return None
        outcome = self._misfit(call, call.body)
        if not outcome:
            return call.body
        if call.by_name and self._fits(call, call.by_name):
            self._calls.setdefault(call.by_name, [call])
            return call.by_name
        reason = "a client can only send the list of its rows as JSON, and for that {}".format(outcome)
        self.notes.append("{} is not a golden row: {}".format(_call_of(call), reason))
        self._note_unanswered(call)
        return None

    def _note_unanswered(self, call):
        """Count a table as failed if no form of it succeeds: its rows, with or without labels, or its first row."""
        rows = json_codec.decode(call.body)
        forms = [call.by_name] if call.by_name else []
        forms += [json_codec.encode(rows[0], self.form)] if isinstance(rows, list) and rows else []
        if any(self._answers(form) for form in forms):
            return
        try:
            self._ask(call.body)
        # The same as for a row of examples.
        except BaseException as error:
            self._failed.append((call, shown(_given(error)), _notebook_traceback(error)))

    def _add_otherwise(self, call, label, error):
        """Note why a call that fails with `error` is not a golden row; raise Complaint unless its JSON form is why."""
        message = shown(_given(error))
        if not call.current:
            self.notes.append("{} is not a golden row: a later cell redefines predictor".format(label))
            return
        # A missing name is independent of the sample.
        because_of_form = call.passed and not isinstance(error, NameError)
        if not because_of_form and self._shown(call) is not None and not self._answers(call.body):
            raise _changed(
                call, self._shown(call), detail=_notebook_traceback(error), outcome="fails with {}".format(message)
            )
        reason = "the sample as JSON gives {}" if because_of_form else "it gives {}"
        self.notes.append("{} is not a golden row: {}".format(label, reason.format(message)))
        self._failed.append((call, message, _notebook_traceback(error)))

    def _form(self, call):
        """Return the body for `call`: for a labelled row an object, if the list doesn't reproduce the result."""
        if call.by_name is None or self._fits(call, call.body) or not self._fits(call, call.by_name):
            return call.body
        self._calls.setdefault(call.by_name, [call])
        return call.by_name

    def _fits(self, call, body):
        """Return whether validator accepts `body`, and predictor's result is that in the cell."""
        return not self._misfit(call, body)

    def _misfit(self, call, body):
        """Return how the outcome for `body` differs from the result in the cell, "" if it doesn't."""
        try:
            rejection = self._rejection(body)
            if rejection is not None:
                return "validator {}".format(rejection[0])
            answer = self._ask(body)
        # The same as for a row of examples.
        except BaseException as error:
            return "predictor fails with {}".format(shown(_message(error)))
        if self._shown(call) is None or self._same(call, answer):
            return ""
        return "predictor answers {}".format(shown(answer.decode("utf-8", "replace")))

    def _answers(self, body):
        """Return whether predictor, called again, accepts `body`."""
        try:
            self._ask(body)
        except BaseException:
            return False
        return True

    def require_an_answer(self):
        """Raise Complaint if the notebook has samples of its own, but the service would reject them all."""
        if self.rows:
            return
        if self._rejected:
            label, reason = self._rejected[0]
            raise Complaint("validator-refuses-all", call=label, reason=reason)
        if self._failed:
            call, message, detail = self._failed[0]
            passed = call.passed or "sample"
            raise Complaint(
                "predictor-never-answers", call=_call(call.body), error=message, passed=passed, detail=detail
            )

    def _add(self, body, origin, label):
        if body in self._seen:
            return
        self._seen.add(body)
        if self._full or len(self.rows) >= MAX_ROWS:
            self._say_full()
            return
        rejection = self._rejection(body)
        if rejection is not None:
            does, reason = rejection
            note = "{} is not a golden row: validator rejects it".format(label)
            self.notes.append("{}: {}".format(note, shown(reason)) if reason else note)
            if origin == EXAMPLES or any(call.current for call in self._calls[body]):
                self._rejected.append((label, does))
            return
        answer = self._ask(body)
        reason = self._unlike_shown(body, answer)
        if reason and origin != EXAMPLES:
            self.notes.append("{} is not a golden row: {}".format(label, reason))
            return
        given = parameters_of(body)
        of_call = b', "parameters": ' + json.dumps(given, sort_keys=True).encode("ascii") if given else b""
        origin_facts = b', "from": "' + origin.encode("ascii") + b'"}\n'
        line = b'{"sample": ' + body + self._of_name + of_call + b', "answer": ' + answer + origin_facts
        size, file_size = golden_rows.sizes(line)
        self._bytes += size
        self._file_bytes += file_size
        if self._bytes > MAX_BYTES or self._file_bytes > MAX_FILE_BYTES:
            self._say_full()
            return
        self.rows.append(line)

    def _ask(self, body):
        given = self._given(body)
        return json_codec.encode(result_of(self.predictor, json_codec.decode(body), given), self.form)

    def _given(self, body):
        """Return the arguments that predictor receives with this body, {} for none; raise Misfit."""
        values = parameters_of(body)
        return parameters.given(self.predictor, {"parameters": values}) if values else {}

    def _unlike_shown(self, body, answer):
        """Return why `answer` differs from the result in the cell if another predictor gave that, otherwise "".

        Raises Complaint if the same predictor gave both results and is deterministic.
        """
        calls = [call for call in self._calls.get(body, ()) if self._shown(call) is not None]
        if not calls or self._same(calls[-1], answer):
            return ""
        call = calls[-1]
        # The result of an array that was passed later may differ only because of its type.
        if call.passed and any(self._same(earlier, answer) for earlier in calls[:-1]):
            return ""
        old, new = (shown(encoded.decode("utf-8", "replace")) for encoded in (self._shown(call), answer))
        if not call.current:
            return "{} shows {}, but the predictor of a later cell returns {}".format(_cell(call), old, new)
        # A predictor that depends on the clock may return the same result twice within a second.
        time.sleep(CLOCK_SECONDS)
        if not compare_answers.same(json_codec.decode(answer), json_codec.decode(self._ask(body)), self.tolerance):
            # The build warns that golden rows of such a model verify little.
            return ""
        raise _changed(call, self._shown(call), outcome="answers {}".format(new))

    def _shown(self, call):
        return call.bare if self.form is json_codec.BARE else call.answer

    def _same(self, call, answer):
        tolerance = max(self.tolerance, SINGLE_TOLERANCE) if call.single else self.tolerance
        return compare_answers.same(json_codec.decode(self._shown(call)), json_codec.decode(answer), tolerance)

    def _say_full(self):
        if not self._full:
            self.notes.append("only the first {} samples are golden rows".format(len(self.rows)))
        self._full = True

    def _rejection(self, body):
        """Return None if validator accepts the sample, else (what it did, the reason for the client or "").

        A validator that raises rejects the sample, as in the service.
        """
        if self.validator is None:
            return None
        try:
            given = parameters.for_function(self.validator, self._given(body))
            verdict = result_of(self.validator, json_codec.decode(body), given)
            reason = functions.rejection(verdict)
            return None if reason is None else ("returns {}".format(shown(repr(verdict))), reason)
        except BaseException as error:
            return "raises {}".format(shown(_message(error))), functions.describe_error(error)


def _changed(call, answer, outcome, detail=""):
    """Return the complaint about a call whose cell showed `answer`, which predictor no longer returns."""
    return Complaint(
        "answer-changed",
        sample=shown(call.body.decode("utf-8", "replace")),
        shown=shown(answer.decode("utf-8", "replace")),
        outcome=outcome,
        passed=call.passed,
        cell=call.cell,
        line=call.line,
        detail=detail,
    )


def _as_defined(predictor):
    """Return the notebook's own function behind a callable predictor."""
    return predictor.function if isinstance(predictor, Call) else predictor


def _call(body):
    values = parameters_of(body)
    given = "".join(", {}={}".format(name, json.dumps(value)) for name, value in sorted(values.items()))
    return "the call predictor({}{})".format(shown(body.decode("utf-8", "replace")), given)


def _call_of(call):
    """Return a description of a call whose sample itself can't be shown."""
    kind = " with a {}".format(call.passed) if call.passed else ""
    return "the call of predictor in {}{}".format(_cell(call), kind)


def _cell(call):
    return "its cell" if call.cell is None else "cell [{}]".format(call.cell)


def result_of(function, sample, given=None):
    """Return the result of the notebook's function for `sample`, awaited if it is an async def.

    `given` are further arguments. For a predictor that streams, the result is the list of its items.
    """
    result = awaited(function(sample, given) if given else function(sample))
    return _items_of(result) if streams.is_streaming(function) else result


def _items_of(result):
    """Return the list of a stream's items; raise ValueError if it is too long for a golden row."""
    until, size, found = time.time() + STREAM_SECONDS, 0, []
    items = streams.items(result, awaited)
    try:
        for item in items:
            found.append(item)
            size += len(json_codec.encode(item, json_codec.BARE))
            if size > MAX_BYTES or time.time() > until:
                text = (
                    "it yields more than {} bytes, or for longer than {} s, and a golden row has the list of all items"
                )
                raise ValueError(text.format(MAX_BYTES, STREAM_SECONDS))
    finally:
        items.close()
    return found


def awaited(result):
    """Return `result`, awaited if it is a coroutine."""
    if type(result) is not types.CoroutineType:
        return result
    outcome: dict = {}
    # In a separate thread, because this thread's event loop is running.
    thread = threading.Thread(target=_await, args=(result, outcome))
    thread.start()
    thread.join()
    if "error" in outcome:
        raise outcome["error"]
    return outcome["result"]


def _await(coroutine, outcome):
    try:
        outcome["result"] = _loop().run_until_complete(coroutine)
    except BaseException as error:
        outcome["error"] = error


def _loop():
    """Return the event loop for all coroutines.

    Sharing it lets predictor use objects that setup created in it, such as a session.
    """
    import asyncio

    if not _LOOPS:
        _LOOPS.append(asyncio.new_event_loop())
    return _LOOPS[0]


def _message(error):
    text = str(error)
    if text and isinstance(error, (Misfit, json_codec.NoJsonForm)):
        return text
    return "{}: {}".format(type(error).__name__, text) if text else type(error).__name__


def complaint_of_failure(code, error, **facts):
    """Return the Complaint `code` for a notebook's function that raised `error`, with its message and traceback."""
    return Complaint(code, error=shown(_message(error)), detail=_notebook_traceback(error), **facts)


def _given(error):
    """Return the message of `error` as the object of "the call gives"."""
    if isinstance(error, json_codec.NoJsonForm):
        return re.sub(r",? has no JSON form", ", which has no JSON form", str(error), count=1)
    return _message(error)


def _notebook_traceback(error):
    """Return the traceback of `error` without the frames before the author's code."""
    frame = error.__traceback__
    while frame is not None and frame.tb_frame.f_code.co_filename.startswith((_OURS, os.path.dirname(os.__file__))):
        frame = frame.tb_next
    return "".join(traceback.format_exception(type(error), error, frame))


def shown(text):
    """Return `text`, shortened for a line of output; a file in it is replaced by its type."""
    text = _FILE_IN_TEXT.sub(r"\1…", text)
    return phrases.cut(text, SHOWN)
