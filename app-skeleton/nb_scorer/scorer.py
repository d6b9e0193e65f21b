"""The loop of a scorer: takes samples from the front, asks the notebook's functions, answers in order.

One thread calls the model: notebooks are not written thread-safe.
"""

import json
import os
import sys
import time
import traceback
import types

from nb_scorer import frames, functions, values

RECEIVE_BYTES = 1 << 18
_OURS = os.path.dirname(os.path.abspath(__file__))


class Scorer(object):
    """The notebook's functions behind one method: a body in, a status and a payload out."""

    def __init__(self, model):
        self._predictor = model.predictor
        self._validator = model.validator
        self._loop = None

    def answer(self, body):
        """Return (status, payload) for one sample; nothing that the notebook's code raises escapes."""
        try:
            sample = values.decode(body)
        except ValueError as wrong:
            return frames.NOT_JSON, _facts(reason=str(wrong))
        refused = self._refusal(sample, body)
        if refused is not None:
            return refused
        if self._validator is not None and isinstance(sample, (list, dict)):
            # The validator may have changed it; the predictor gets what the client sent.
            sample = values.decode(body)
        try:
            return frames.OK, values.encode(self._result(self._predictor(sample)))
        # SystemExit and KeyboardInterrupt too: a notebook's exit() must cost one answer, not a scorer.
        except BaseException:
            return frames.FAILED, _told("The predictor failed on a sample:")

    def _refusal(self, sample, body):
        """Return None, or what the client gets because the validator said no."""
        if self._validator is None:
            return None
        try:
            if functions.accepts(self._result(self._validator(sample))):
                return None
        except BaseException:
            return frames.REFUSED, _told("The validator raised on a sample, which counts as a no:")
        return frames.REFUSED, _facts(traceback=None)

    def _result(self, result):
        """Return `result`, awaited where the notebook's function is an async def."""
        if type(result) is not types.CoroutineType:
            return result
        if self._loop is None:
            self._loop = _new_loop()
        return self._loop.run_until_complete(result)


def _new_loop():
    # Here and not above: few notebooks need it, and it takes a while to import.
    import asyncio

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop


def serve(link, tally, scorer):
    """Answer every request that arrives on the socket `link` until the front closes it.

    `tally` counts a sample before it is touched, so that the front knows the one that this process
    dies of; each answer leaves before the next sample is counted.
    """
    link.sendall(frames.answer(frames.HELLO, _facts(pid=os.getpid())))
    buffer = bytearray()
    while True:
        data = link.recv(RECEIVE_BYTES)
        if not data:
            return
        buffer += data
        for _kind, body in frames.take_requests(buffer):
            tally.start()
            began = time.perf_counter()
            status, payload = scorer.answer(body)
            link.sendall(frames.answer(status, payload, time.perf_counter() - began))
            _flush()


def report_problem(link, problem):
    """Tell the front over `link` why this scorer has no model: `problem` has code, what, why, fix."""
    link.sendall(frames.answer(frames.PROBLEM, json.dumps(problem_facts(problem)).encode("ascii")))


def problem_facts(problem):
    """Return the facts of a ModelProblem, and its cause's traceback, as a dict for JSON."""
    cause = problem.__cause__ or problem.__context__
    return {
        "code": problem.code,
        "what": problem.what,
        "why": problem.why,
        "fix": problem.fix,
        "traceback": None if cause is None else notebook_traceback(cause),
    }


def notebook_traceback(error):
    """Return the traceback of `error` as text, without the frames of this package at its start."""
    frame = error.__traceback__
    while frame is not None and frame.tb_frame.f_code.co_filename.startswith(_OURS):
        frame = frame.tb_next
    return "".join(traceback.format_exception(type(error), error, frame))


def _told(headline):
    """Print the error being handled under `headline`; return it as a payload."""
    try:
        text = notebook_traceback(sys.exc_info()[1])
    except Exception as odd:
        # A notebook's exception may have a __str__ that raises.
        text = "(a traceback that can't be printed: {})\n".format(type(odd).__name__)
    _flush()
    sys.stderr.write("{}\n{}".format(headline, text))
    _flush()
    return _facts(traceback=text)


def _facts(**facts):
    return json.dumps(facts).encode("ascii")


def _flush():
    """Let the notebook's prints out now; a closed log is no reason to stop answering."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue
