"""Decodes samples and predictions of the pool in bulk, which is faster than one at a time."""

from typing import Any

from nb_scorer.common import json_depth
from nb_scorer.protocol import frames, number_blocks

from nb_service.pool.answer import OK, Answer, Job

# Longer bodies and predictions are skipped, because decoding one would block the event loop for about a millisecond.
MAX_LENGTH = 1 << 17


def samples(pairs: list[tuple[Job, Answer]]) -> list[list]:
    """Return the samples of each pair: one, or those of an array; none if it failed or is too long."""
    found: list[list] = [[] for _ in pairs]
    single = []
    for index, (job, answer) in enumerate(pairs):
        if answer.outcome != OK or len(job.body) > MAX_LENGTH or job.kind == frames.FILES:
            continue
        if job.kind == frames.BLOCK:
            found[index] = number_blocks.unpack(job.body)
        elif job.kind == frames.MANY:
            found[index] = _items(job.body)
        else:
            single.append(index)
    for index, sample in zip(single, _all([pairs[index][0].body for index in single]), strict=True):
        if sample is not _NONE:
            found[index].append(sample)
    return found


def answers(pairs: list[tuple[Job, Answer]]) -> list:
    """Return all predictions."""
    usual, found = [], []
    for job, answer in pairs:
        if answer.outcome != OK or len(answer.payload) > MAX_LENGTH:
            continue
        if job.kind in frames.OF_MANY:
            found += _items(answer.payload)
        else:
            usual.append(answer.payload)
    return [*found, *(answer for answer in _all(usual) if answer is not _NONE)]


_NONE = object()


def _all(texts: list[bytes]) -> list:
    """Return the values of these JSON texts, with _NONE for invalid ones."""
    if not texts:
        return []
    try:
        values = json_depth.loads(b"[%b]" % b",".join(texts))
    except (ValueError, RecursionError):
        # One starts with a byte order mark, or is nested too deeply for this process.
        return list(map(_value, texts))
    return values if len(values) == len(texts) else list(map(_value, texts))


def _value(text: bytes) -> Any:
    try:
        return json_depth.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return _NONE


def _items(text: bytes) -> list:
    """Return the items of an array."""
    value = _value(text)
    return value if isinstance(value, list) else []
