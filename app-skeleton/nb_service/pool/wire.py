"""The frames between the front and other processes that use the pool.

Each frame is a length, a kind, a number and that many bytes. The front sends HELLO first, and again after each change.
The other side numbers its requests (SAMPLE, ARRAY, BLOCK, FILES, FACTS, ASK); the responses (ANSWER, FACTS), in any
order, have the same numbers. ABANDON withdraws the request with its number, and TAKEN counts an item of its stream.
TELL is a message for the front, without a response.
"""

import json
import struct
from collections.abc import Iterator

from nb_scorer.protocol import frames

from nb_service.pool.answer import Answer

HEAD = struct.Struct("!IBI")
# The start of an answer's payload: the outcome, microseconds, and `batch` of Answer.
OUTCOME = struct.Struct("!BQI")
NUMBERS = 0xFFFFFFFF

# Kinds of frames. HELLO contains {"together", "max_queue", "at_once"}: whether scorers score arrays in one call, how
# many samples may wait, and how many samples all scorers can process in one call each.
HELLO = 1
SAMPLE = 2  # a sample's JSON
ARRAY = 3  # a JSON array of samples
FACTS = 4  # an empty request; the response is a JSON object
ANSWER = 5  # the outcome of a sample or an array
ABANDON = 6  # empty: withdraws a request
TELL = 7  # a JSON object
BLOCK = 8  # samples as a block of numbers (see nb_scorer.protocol.number_blocks)
ASK = 9  # a JSON object, as TELL; the response is FACTS
FILES = 10  # a sample with files (see nb_scorer.model.binary)
TAKEN = 11  # empty: the client has taken one more item of the stream with its number
# SAMPLE, ARRAY, BLOCK and FILES contain a call if their kind has WITH_CALL of nb_scorer.protocol.frames, as in requests
# to scorers. SAMPLE and FILES with STREAMED are streams: ANSWERs with the outcome ITEM come before the last one.


def frame(kind: int, number: int, payload: bytes = b"") -> bytes:
    """Return the bytes of one frame."""
    return HEAD.pack(len(payload), kind, number) + payload


def request(kind: int, number: int, payload: bytes, call: bytes = b"") -> bytes:
    """Return the bytes of one request for scorers, with a `call` if there is one."""
    return (
        frame(kind | frames.WITH_CALL, number, frames.with_call(call, payload))
        if call
        else frame(kind, number, payload)
    )


def json_frame(kind: int, number: int, facts: dict) -> bytes:
    """Return the bytes of one frame with `facts`."""
    return frame(kind, number, json.dumps(facts).encode("ascii"))


def answer_frame(number: int, answer: Answer) -> bytes:
    """Return the bytes of the answer to the request with this number."""
    outcome = OUTCOME.pack(answer.outcome, int(answer.seconds * 1e6), answer.batch)
    return HEAD.pack(len(outcome) + len(answer.payload), ANSWER, number) + outcome + answer.payload


def answer_of(payload: bytes) -> Answer:
    """Return the answer in an ANSWER's payload."""
    outcome, micros, batch = OUTCOME.unpack_from(payload)
    return Answer(outcome, payload[OUTCOME.size :], micros / 1e6, batch)


def take(buffer: bytearray) -> Iterator[tuple[int, int, bytes]]:
    """Remove every complete frame from `buffer`; yield (kind, number, payload) of each."""
    for (_, kind, number), payload in frames.take(buffer, HEAD):
        yield kind, number, payload
