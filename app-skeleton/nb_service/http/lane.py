"""The lane: predictions and health checks on waitress's own loop, everything else to its threads.

A prediction costs no thread, no WSGI call and no lock that a thread might hold.
"""

import time
from functools import partial

from waitress.task import ThreadedTaskDispatcher

from nb_service.http import form, replies, request_id
from nb_service.http.channel import LaneChannel
from nb_service.loop import Loop

# An array of samples that is not larger goes to a scorer as it is; larger ones are read and divided by a thread.
ARRAY_PATH = "/predict/batch"
MOST_ARRAY_BYTES = 1 << 18
MOST_COMMAS = 10_000
# Threads for what asks no scorer.
LOOKING = 2
# To read a larger form would hold up the loop.
MOST_FORM_BYTES = 1 << 14


class Lane:
    """waitress's task dispatcher: `add_task` is called for each request that was read.

    waitress calls it with the channel's lock held, so nothing is ever answered from inside it.
    """

    def __init__(self, loop: Loop, pool, health, threads: int, got: dict, gate=None) -> None:
        self._loop = loop
        self._pool = pool
        self._debug = got["S2I_DEBUG"]
        # Where Vertex AI was told to ask, its bodies come, perhaps beside others.
        self._paths = {"/predict", ARRAY_PATH} - {got["AIP_PREDICT_ROUTE"]}
        self._health = health
        self._gate = gate
        self._most_commas = min(MOST_COMMAS, got["S2I_MAX_SAMPLES"])
        # Whoever asks scorers may have to wait for them; whoever only looks, as Prometheus does, shall not wait behind.
        self._asking, self._looking = ThreadedTaskDispatcher(), ThreadedTaskDispatcher()
        self._thread_count = threads

    def add_task(self, channel: LaneChannel) -> None:
        """Take the channel's first request."""
        request = channel.requests[0]
        request.asked_at = time.monotonic()
        request.request_id = request_id.of(request.headers)
        if request.error is not None:
            self._later(channel.service)
        elif request.command == "POST" and request.path in self._paths and self._is_taken(request):
            request.route = request.path
            if self._loop.on_own_thread():
                self._predict(channel, request)
            else:
                self._loop.from_thread(partial(self._predict, channel, request))
        elif request.path in self._health and request.command in ("GET", "HEAD"):
            request.route = request.path
            self._later(partial(self._check, channel, request))
        else:
            threads, count = (
                (self._asking, self._thread_count) if request.command == "POST" else (self._looking, LOOKING)
            )
            if not threads.threads:
                # Not at the start: on a busy machine so many take a while, and a service must be healthy at once.
                threads.set_thread_count(count)
            threads.add_task(channel)

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> None:
        """End the threads."""
        self._looking.shutdown(cancel_pending, timeout)
        self._asking.shutdown(cancel_pending, timeout)

    def _later(self, call) -> None:
        if self._loop.on_own_thread():
            self._loop.soon(call)
        else:
            self._loop.from_thread(call)

    def _predict(self, channel, request) -> None:
        refusal = None if self._gate is None else self._gate.refusal(request)
        if refusal is None:
            if request.path == ARRAY_PATH:
                self._pool.submit_many(request.body, partial(self._answered_many, channel, request))
                return
            sample = form.sample_in(request.headers.get("CONTENT_TYPE"), request.body)
            if type(sample) is bytes:
                self._pool.submit(sample, partial(self._answered, channel, request))
                return
            refusal = sample
        self._loop.soon(partial(channel.answer, request, refusal))

    def _answered(self, channel, request, answer) -> None:
        channel.answer(request, replies.from_answer(answer, self._debug))

    def _answered_many(self, channel, request, answer) -> None:
        channel.answer(request, replies.from_answer_to_many(answer, self._debug))

    def _is_taken(self, request) -> bool:
        """Return whether a scorer can take the body as it is, and answer an array in one call for a client of JSON."""
        headers = request.headers
        given = headers.get("CONTENT_TYPE")
        if "CONTENT_ENCODING" in headers:
            return False
        if request.path != ARRAY_PATH:
            return len(request.body) <= MOST_FORM_BYTES or not form.is_form(given)
        return (
            self._pool.plan.batch > 1
            and given == replies.JSON_TYPE
            and headers.get("ACCEPT", "*/*") in ("*/*", replies.JSON_TYPE)
            and 0 < len(request.body) <= MOST_ARRAY_BYTES
            and request.body.count(b",") < self._most_commas
        )

    def _check(self, channel, request) -> None:
        channel.answer(request, self._health[request.path]())
