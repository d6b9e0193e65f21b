"""The last answers by the ids of their requests, as long as they fit into a number of bytes.

Ids may be of clients' own making. Where two requests with one id were answered differently, nobody can tell whose
answer feedback means: then it is unknown.
"""

from collections import deque
from collections.abc import Iterable
from typing import Any

from nb_scorer.common import json_depth
from nb_scorer.protocol.frames import OF_MANY

from nb_service.feedback.judgement import INCOMPARABLE, REPEATED, UNKNOWN
from nb_service.pool.answer import Answer, Job

# A larger answer, or array of them, is not kept,
MAX_LENGTH = 1 << 16
# nor one that takes more than this share of all the memory.
SHARE = 16
# What an answer takes alongside the characters of id and JSON, and what several take that come together: measured, and
# rounded up. A test measures again.
OVERHEAD = 180
BLOCK = 300
# An index of more bytes than these is not made at one go: of these, it takes some milliseconds.
MAX_WITHOUT_INDEX = 16 << 20
# So many bytes are decoded at a time: the loop waits meanwhile, half a millisecond.
MAX_DECODED = 1 << 16
# What stands for an answer that has had its feedback, and for those of which several have one id. No JSON is like that.
TAKEN = b""
SHARED = b"?"

Wanted = list  # [request's id, index in its answers or None]


class Many:
    """The JSON array of the answers to one request, and which of them have had their feedback, a bit each."""

    __slots__ = ("payload", "taken")

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.taken = 0

    def __len__(self) -> int:
        # In bytes: this object, and a bit for each answer, which has a comma behind it.
        return len(self.payload) + 64 + self.payload.count(b",") // 8

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Many) and other.payload == self.payload and not self.taken

    # Nothing is looked up by it.
    __hash__ = None  # type: ignore[assignment]


Kept = bytes | Many  # the JSON of an answer, or of several


class KeptAnswers:
    """Keeps answers in at most `limit` bytes; for one thread only.

    They come in bulk and go in bulk, the oldest first. Until somebody asks for one they are only put down, which takes
    some tenths of a microsecond: most services get no feedback. From then on each has its place in an index.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._longest = min(MAX_LENGTH, limit // SHARE)
        # Ids and answers that came together, and their bytes; the oldest first.
        self._blocks: deque[tuple[list[str], list[Kept], int]] = deque()
        self._by_id: dict[str, Kept] = {}
        # The index of many answers would be made at one go, while the loop waits.
        self._is_indexed = limit > MAX_WITHOUT_INDEX
        self.bytes = 0

    def __len__(self) -> int:
        return sum(len(ids) for ids, _, _ in self._blocks)

    def answered(self, pairs: Iterable[tuple[Job, Answer]]) -> None:
        """Keep the answers to jobs that are all of a request; all of them are successful."""
        pairs = [pair for pair in pairs if pair[0].request_id is not None]
        self._put(
            [request_id for job, _ in pairs if (request_id := job.request_id) is not None],
            [Many(answer.payload) if job.kind in OF_MANY else answer.payload for job, answer in pairs],
        )

    def keep(self, request_id: str, payload: bytes, *, is_many: bool) -> None:
        """Keep one answer, or an array of them, unless it is too large."""
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
                # A loop in C, as it is for each answer.
                deque(map(self._by_id.__delitem__, oldest), 0)

    def _index(self, ids: list[str], answers: list[Kept]) -> list[str]:
        """Note the answers by their ids; return the ids that are new."""
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
                # It goes with the block of the first.
                by_id[request_id] = SHARED
        return new

    def _known(self, request_id: str) -> Kept | None:
        """Return what there is under an id; make the index, if this is the first that is looked for."""
        if not self._is_indexed:
            self._is_indexed = True
            self._blocks = deque((self._index(ids, answers), answers, size) for ids, answers, size in self._blocks)
        return self._by_id.get(request_id)

    def look(self, wanted: list[Wanted]) -> list[list]:
        """Return [None, answer] or [outcome, None] for each in `wanted`; fewer where the answers are large."""
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
        """Note that an answer has its feedback; return False where it had one before.

        One that has gone since it was looked at had none as far as is known.
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
    """Return what `look` gives for one of several answers."""
    if not isinstance(answers, list) or (index is None and len(answers) != 1):
        # Which one is meant is not said.
        return [INCOMPARABLE, None]
    index = index or 0
    if index >= len(answers):
        return [UNKNOWN, None]
    return [REPEATED, None] if taken >> index & 1 else _found(answers[index])


def _found(answer: Any) -> list:
    return [INCOMPARABLE, None] if answer is _NONE else [None, answer]


_NONE = object()


def _decoded(payload: bytes) -> Any:
    """Return the value of JSON that a scorer has made; _NONE where it is nested too deeply for this process."""
    try:
        return json_depth.loads(payload)
    except (ValueError, RecursionError):
        return _NONE
