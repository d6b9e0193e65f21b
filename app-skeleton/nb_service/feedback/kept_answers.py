"""Keeps recent predictions by request id, within a number of bytes.

Clients may choose ids. If two requests with the same id get different predictions, feedback can't be assigned to
either, so that id counts as unknown.
"""

from collections import deque
from collections.abc import Iterable
from typing import Any

from nb_scorer.common import json_depth
from nb_scorer.protocol.frames import OF_MANY

from nb_service.feedback.judgement import INCOMPARABLE, REPEATED, UNKNOWN
from nb_service.pool.answer import Answer, Job

# A larger prediction, or array of predictions, is not kept.
MAX_LENGTH = 1 << 16
# A prediction that takes more than this share of the memory is not kept, either.
SHARE = 16
# The memory for a prediction in addition to the characters of id and JSON, and for a group that arrives together:
# measured, and rounded up. A test measures it again.
OVERHEAD = 180
BLOCK = 300
# A larger index is not built at once: at this size, it takes some milliseconds.
MAX_WITHOUT_INDEX = 16 << 20
# The bytes decoded at a time, which blocks the loop for half a millisecond.
MAX_DECODED = 1 << 16
# Replaces a prediction that has feedback, or whose id is shared. No JSON equals this.
TAKEN = b""
SHARED = b"?"

Wanted = list  # [request's id, index in its answers or None]


class Many:
    """The JSON array of a request's predictions, and a bit for each that already has feedback."""

    __slots__ = ("payload", "taken")

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.taken = 0

    def __len__(self) -> int:
        # In bytes: this object, and a bit for each prediction (each is followed by a comma).
        return len(self.payload) + 64 + self.payload.count(b",") // 8

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Many) and other.payload == self.payload and not self.taken

    # Never used as a key.
    __hash__ = None  # type: ignore[assignment]


Kept = bytes | Many  # the JSON of one prediction, or several


class KeptAnswers:
    """Keeps predictions in at most `limit` bytes; for one thread only.

    They arrive and are dropped in bulk, oldest first. Until the first look-up, they are only stored, which takes some
    tenths of a microsecond: most services get no feedback. From then on, they are indexed.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._longest = min(MAX_LENGTH, limit // SHARE)
        # Ids and predictions that arrived together, and their size in bytes; oldest first.
        self._blocks: deque[tuple[list[str], list[Kept], int]] = deque()
        self._by_id: dict[str, Kept] = {}
        # Indexing many predictions at once would block the loop.
        self._is_indexed = limit > MAX_WITHOUT_INDEX
        self.bytes = 0

    def __len__(self) -> int:
        return sum(len(ids) for ids, _, _ in self._blocks)

    def answered(self, pairs: Iterable[tuple[Job, Answer]]) -> None:
        """Keep the predictions of jobs that each are a whole, successful request."""
        pairs = [pair for pair in pairs if pair[0].request_id is not None]
        self._put(
            [request_id for job, _ in pairs if (request_id := job.request_id) is not None],
            [Many(answer.payload) if job.kind in OF_MANY else answer.payload for job, answer in pairs],
        )

    def keep(self, request_id: str, payload: bytes, *, is_many: bool) -> None:
        """Keep one prediction, or an array of them, unless it is too large."""
        self._put([request_id], [Many(payload) if is_many else payload])

    def _put(self, ids: list[str], answers: list[Kept]) -> None:
        if not ids:
            return
        sizes = list(map(len, answers))
        if max(sizes) > self._longest:
            small = [pair for pair in zip(ids, answers, strict=True) if len(pair[1]) <= self._longest]
            ids, answers = [pair[0] for pair in small], [pair[1] for pair in small]
            sizes = list(map(len, answers))
        size = BLOCK + OVERHEAD * len(ids) + sum(map(len, ids)) + sum(sizes)
        if self._is_indexed:
            ids = self._index(ids, answers)
        self._blocks.append((ids, answers, size))
        self.bytes += size
        while self.bytes > self._limit:
            oldest, _, size = self._blocks.popleft()
            self.bytes -= size
            if self._is_indexed:
                # A loop in C, because this runs for each prediction.
                deque(map(self._by_id.__delitem__, oldest), 0)

    def _index(self, ids: list[str], answers: list[Kept]) -> list[str]:
        """Index the predictions by id; return the ids that are new."""
        by_id = self._by_id
        if len(set(ids)) == len(ids) and by_id.keys().isdisjoint(ids):
            by_id.update(zip(ids, answers, strict=True))
            return ids
        new = []
        for request_id, answer in zip(ids, answers, strict=True):
            known = by_id.get(request_id)
            if known is None:
                by_id[request_id] = answer
                new.append(request_id)
            elif known != answer:
                # It is removed together with the first one's block.
                by_id[request_id] = SHARED
        return new

    def _known(self, request_id: str) -> Kept | None:
        """Return the prediction with this id; on the first call, build the index."""
        if not self._is_indexed:
            self._is_indexed = True
            self._blocks = deque((self._index(ids, answers), answers, size) for ids, answers, size in self._blocks)
        return self._by_id.get(request_id)

    def look(self, wanted: list[Wanted]) -> list[list]:
        """Return [None, prediction] or [outcome, None] for each in `wanted`; fewer if the predictions are large."""
        found: list[list] = []
        decoded = 0
        arrays: dict[str, Any] = {}
        for request_id, index in wanted:
            answer = self._known(request_id)
            if decoded > MAX_DECODED:
                break
            if answer is None or answer == SHARED:
                found.append([UNKNOWN, None])
            elif isinstance(answer, Many):
                if request_id not in arrays:
                    decoded += len(answer)
                    arrays[request_id] = _decoded(answer.payload)
                found.append(_one_of(arrays[request_id], index, answer.taken))
            elif answer == TAKEN:
                found.append([REPEATED, None])
            elif index:
                found.append([UNKNOWN, None])
            else:
                decoded += len(answer)
                found.append(_found(_decoded(answer)))
        return found

    def take(self, request_id: str, index: int | None) -> bool:
        """Mark a prediction as having feedback; return False if it had some before.

        One that was dropped since the look-up counts as having had none.
        """
        answer = self._known(request_id)
        if isinstance(answer, Many):
            bit = 1 << (index or 0)
            is_first = not answer.taken & bit
            answer.taken |= bit
            return is_first
        if answer is not None and answer != SHARED:
            self._by_id[request_id] = TAKEN
        return answer != TAKEN


def _one_of(answers: Any, index: int | None, taken: int) -> list:
    """Return the result of `look` for one of several predictions."""
    if not isinstance(answers, list) or (index is None and len(answers) != 1):
        # The feedback does not specify which one it is about.
        return [INCOMPARABLE, None]
    index = index or 0
    if index >= len(answers):
        return [UNKNOWN, None]
    return [REPEATED, None] if taken >> index & 1 else _found(answers[index])


def _found(answer: Any) -> list:
    return [INCOMPARABLE, None] if answer is _NONE else [None, answer]


_NONE = object()


def _decoded(payload: bytes) -> Any:
    """Return the value of a scorer's JSON; _NONE if it is nested too deeply for this process."""
    try:
        return json_depth.loads(payload)
    except (ValueError, RecursionError):
        return _NONE
