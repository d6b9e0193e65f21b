"""The parts of a Scorer that run in an event loop, for several requests at a time.

All code of the notebook and of this package still runs in one thread: requests take turns where the notebook awaits.
"""

import functools
import types
from typing import Any

from nb_scorer.model import binary, json_codec, streams
from nb_scorer.protocol import frames


class AsyncCalls(object):
    """Mixed into Scorer; each method does what the one without `_async` does, and awaits the notebook's functions.

    `call` is the request's Lane, or a similar object of the check in a build. Its `is_wanted` is whether the prediction
    is still needed; `reader` wraps the function that returns the sample; `note_progress` is awaited after each item of
    a list; `send` sends an item of a stream, and returns whether more are needed; `is_for_texts` is whether these must
    be strings.
    """

    # Of Scorer.
    _decoded: Any
    _fault: Any
    _for_form: Any
    _item_payload: Any
    _new_list: Any
    _predicted: Any
    _predictor: Any
    _rejection: Any
    _sample_with_files: Any
    _streams: Any
    _unchanged: Any
    _validator: Any
    _written: Any
    end_copy: Any

    async def answer_async(self, body, call):
        """Return (status, payload) for one sample; raise CancelledError if it was cancelled."""
        original = call.reader(functools.partial(json_codec.decode, body))
        return await self.answer_to_async(original, call)

    async def answer_files_async(self, body, call):
        """Return (status, payload) for one sample with files; raise CancelledError if it was cancelled."""
        scorer, rejected = self._for_form(body)
        write = functools.partial(self._written, binary.accept_in(body))
        return rejected or await scorer.answer_to_async(call.reader(self._sample_with_files(body)), call, write)

    async def answer_to_async(self, original, call, write=None):
        """As `answer_to`; raise CancelledError if it was cancelled."""
        sample, rejected = await self._decode_and_validate_async(original, call)
        if rejected is not None:
            return rejected
        if self._streams:
            return await self._iterated(sample, original, call, self._listed_async)
        outcome = await _called(self._predictor, sample, call)
        return self._predicted(sample, original, write, outcome)

    async def stream_async(self, body, call, is_files=False):
        """Have `call` send each item of the prediction for one sample; return the (status, payload) that follows."""
        if not is_files:
            return await self.stream_to_async(call.reader(functools.partial(json_codec.decode, body)), call)
        scorer, rejected = self._for_form(body)
        return rejected or await scorer.stream_to_async(call.reader(self._sample_with_files(body)), call)

    async def stream_to_async(self, original, call):
        """As `stream_to`, with items sent by `call`."""
        sample, rejected = await self._decode_and_validate_async(original, call)
        return rejected or await self._iterated(sample, original, call, self._sent_async)

    async def _decode_and_validate_async(self, original, call):
        sample, rejected = self._decoded(original)
        if rejected is not None or self._validator is None:
            return sample, rejected
        before = json_codec.fingerprint(sample)
        rejected = self._rejection(sample, await _called(self._validator, sample, call))
        return self._unchanged(sample, before, original), rejected

    async def _iterated(self, sample, original, call, use):
        """Return what `use` returns for the items of a prediction, which are closed then; or the error's answer."""
        try:
            items = streams.items_async(self._predictor(sample))
            try:
                return await use(items, call)
            finally:
                await items.aclose()
        # As for a prediction in one piece.
        except BaseException:
            if not call.is_wanted:
                return frames.OK, b""
            return self._fault(original)

    async def _sent_async(self, items, call):
        async for item in items:
            self.end_copy()
            payload, rejected = self._item_payload(item, call.is_for_texts)
            if rejected is not None:
                return rejected
            if not await call.send(payload):
                break
        return frames.OK, b""

    async def _listed_async(self, items, call):
        listed = self._new_list()
        async for item in items:
            listed.add(item)
            await call.note_progress()
        return frames.OK, listed.payload


async def _called(function, sample, call):
    """Return a function that returns the result of this call of the notebook's function, or raises its error.

    Raise CancelledError if `call` was cancelled.
    """
    try:
        result = function(sample)
        if type(result) is types.CoroutineType:
            result = await result
    except BaseException as error:
        if not call.is_wanted:
            raise
        return functools.partial(_raise, error)
    return lambda _: result


def _raise(error, _):
    raise error
