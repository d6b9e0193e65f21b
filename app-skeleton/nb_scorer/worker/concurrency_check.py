"""Checks in a build whether a predictor may serve several requests at a time: all golden rows are predicted at once."""

import asyncio
import json

from nb_scorer.common import phrases
from nb_scorer.model import compare_answers, golden_rows, json_codec
from nb_scorer.protocol import answer_words, frames

MAX_SHOWN = 200


class _Call(object):
    """What AsyncCalls need of a request."""

    is_wanted = True
    is_for_texts = False

    @staticmethod
    def reader(original):
        """Return `original`."""
        return original

    @staticmethod
    async def note_progress():
        """Let the other rows take their turn."""
        await asyncio.sleep(0)


def reason_against(scorer, rows, tolerance):
    """Return why requests may not be served concurrently, or None if they may.

    All golden `rows` are predicted at the same time, in both orders, and must get the notebook's predictions.
    """
    if len({json.dumps([row.get("predictor"), row["sample"]], sort_keys=True) for row in rows}) < 2:
        return "there are not two golden rows with different samples, so nothing can be verified"
    numbered = list(enumerate(rows, 1))
    for order in (numbered, numbered[::-1]):
        answers = scorer.loop.run_until_complete(_predicted(scorer, order))
        for (number, row), (status, payload) in zip(order, answers):
            reason = _difference(row, status, payload, tolerance)
            if reason is not None:
                return "golden row {} {} while the other golden rows were predicted".format(number, reason)
    return None


async def _predicted(scorer, order):
    return await asyncio.gather(*[_answer(scorer, row) for _, row in order])


async def _answer(scorer, row):
    named, rejected = scorer.for_call(golden_rows.call_of(row))
    if rejected is not None:
        return rejected
    return await named.answer_async(json.dumps(row["sample"]).encode("ascii"), _Call())


def _difference(row, status, payload, tolerance):
    """Return how an answer differs from a golden row's prediction; None if it does not."""
    if status != frames.OK:
        facts = json.loads(payload.decode("ascii"))
        error = answer_words.error_of(facts.get("traceback") or "") or facts.get("reason") or facts.get("detail")
        return "failed ({})".format(phrases.cut(error or "it was rejected", MAX_SHOWN))
    got = json_codec.decode(payload)
    if compare_answers.same(row["answer"], got, tolerance):
        return None
    shown = [phrases.cut(json.dumps(value), MAX_SHOWN) for value in (got, row["answer"])]
    return "got the prediction {} instead of {}".format(*shown)
