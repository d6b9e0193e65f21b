"""The frames between front and scorer.

A request is a length, a kind, a number and that many bytes. The numbers count a link's requests from 0. If the kind
includes WITH_CALL, the bytes start with the length of a call, and the call. An answer is a length, a status, the number
of its request, the microseconds that the sample took (its share, if several were scored in one call), how many samples
that call scored (on its first answer, else 0), and that many bytes. A scorer answers requests in order. Before its
first answer, it sends one HELLO, or one PROBLEM if it could not load the model or setup failed.
"""

import signal
import struct

REQUEST = struct.Struct("!IBI")
ANSWER = struct.Struct("!IBIII")
_UNSIGNED = struct.Struct("!I")
# Request numbers have 32 bits, and wrap around.
NUMBERS = 0xFFFFFFFF

# Kinds of request.
SAMPLE = 1  # scored by predictor, alone
TOGETHER = 2  # a sample; several waiting ones may be passed to batch_predictor in one call
MANY = 3  # a JSON array of samples; the answer is the array of predictions, or the outcome of the first failure
PROVE = 4  # {"samples", "tolerance", "seconds"}; the answer contains the facts of the batch form's verification
ALONE = 5  # score samples one by one from now on; without an answer and a number
BLOCK = 6  # like MANY, but with the samples as a block of numbers (see number_blocks)
FILES = 7  # a sample with files: the length of a head, the head, and the files (see nb_scorer.model.binary)

# These two concern the stream with their number. They have no number of their own and no answer, and are ignored if the
# stream has ended.
TAKEN = 8  # the client has taken this many more items: an unsigned integer of 4 bytes
CANCEL = 9  # the client has left: end the stream

CONCURRENT = 10  # {"rows", "tolerance"}; the answer has "reason": why requests may not be served concurrently, or null

# Added to a kind whose payload starts with a call: the request's parameters and headers (nb_scorer.model.parameters).
WITH_CALL = 0x80
# Added to SAMPLE and FILES: each item of the prediction is sent immediately, as an ITEM. The answer after the last item
# is OK without a payload, or the error. Until then, no other request is sent on the link. With TEXTS, each item must be
# a string, which is the payload.
STREAMED = 0x40
TEXTS = 0x20
STREAM_FLAGS = STREAMED | TEXTS
# Interrupts predictor in a cancelled stream. Processes that do not handle it ignore it, so a late one has no effect.
INTERRUPT = signal.SIGURG

# Kinds with many samples and a single answer.
OF_MANY = frozenset((MANY, BLOCK))

# Statuses of an answer. The payload of OK is the prediction as JSON; all others have a JSON object.
OK = 0
NOT_JSON = 1  # {"reason"}
# {"traceback" or null} and one of {"status", "detail"}: chosen by the notebook, perhaps with "errors"; {"reason"}: the
# validator rejected the sample, for this reason or ""; {"message"}: it raised, with this message or null; {"misfit",
# "errors"}: the sample does not fit the functions. MANY adds {"index"}.
REFUSED = 2
# {"traceback"}: predictor raised or exited; with {"reason"}, its result has no JSON form; with {"status", "detail"},
# the notebook has chosen them. MANY adds {"index"}.
FAILED = 3
SETTING_UP = 251  # {}: the model is loaded, and setup is being called; HELLO or PROBLEM follows
FILE = 4  # of FILES only: the prediction is a file (see nb_scorer.model.binary)
ITEM = 5  # only for a stream: an item, as JSON or as text; the answer follows later
BATCHING_ENDED = 252  # {"call", "alone", "together"}: without a request; the prediction for a row differed in a batch
BACK = 253  # {}: not started, because the front has called the sample back
PROBLEM = 254  # {"code", "what", "why", "fix", "traceback"}: loading the model or setup failed
HELLO = 255  # {"pid"}

# Payloads in a larger buffer are copied once instead of twice.
_LARGE = 1 << 16
_LARGE_FILES = 1 << 20
_MAX_MICROSECONDS = 0xFFFFFFFF


def request(kind, number, payload, call=b""):
    """Return the bytes of one request, with a `call` if there is one."""
    return request_head(kind, number, len(payload), call) + payload


def with_call(call, payload):
    """Return the frame's bytes for a payload with a call."""
    return _UNSIGNED.pack(len(call)) + call + payload


def without_call(kind, payload):
    """Return (kind, call, payload) of a frame; the call is empty if it has none."""
    if not kind & WITH_CALL:
        return kind, b"", payload
    end = _UNSIGNED.size + _UNSIGNED.unpack_from(payload)[0]
    return kind & ~WITH_CALL, bytes(payload[_UNSIGNED.size : end]), payload[end:]


def request_head(kind, number, size, call=b""):
    """Return the bytes before the payload of a request, which has `size` bytes, including its `call`."""
    if not call:
        return REQUEST.pack(size, kind, number)
    before = with_call(call, b"")
    return REQUEST.pack(len(before) + size, kind | WITH_CALL, number) + before


def answer(status, payload, number=0, seconds=0.0, batch=1):
    """Return the bytes of the answer to request `number` that took `seconds`, the first of `batch` in one call."""
    return answers([(status, payload, batch)], number, seconds)


def answers(results, first, seconds):
    """Return the bytes of the answers to the requests from number `first` on, which took `seconds` each.

    `results` are (status, payload, batch).
    """
    pack, micros = ANSWER.pack, min(int(seconds * 1e6), _MAX_MICROSECONDS)
    return b"".join(
        [
            pack(len(payload), status, number & NUMBERS, micros, batch) + payload
            for number, (status, payload, batch) in enumerate(results, first)
        ]
    )


def taken(number, count):
    """Return the message to a scorer that `count` more items of the stream `number` were taken."""
    return REQUEST.pack(_UNSIGNED.size, TAKEN, number) + _UNSIGNED.pack(count)


def count_taken(payload):
    """Return the number of items in the payload of a TAKEN."""
    return _UNSIGNED.unpack(payload)[0]


def take_requests(buffer):
    """Remove every complete request from the bytearray `buffer`; return [(kind, number, payload)]."""
    return [(fields[1], fields[2], payload) for fields, payload in take(buffer, REQUEST)]


def take_large_files(buffer, receive_into):
    """Remove a large FILES request whose first bytes are in `buffer`; return [(kind, number, bytearray)], or [].

    `receive_into`, a socket's recv_into, completes it in place, so that a file of many MB is not copied. Raise EOFError
    if the connection ends first.
    """
    if len(buffer) < REQUEST.size:
        return []
    size, kind, number = REQUEST.unpack_from(buffer)
    if size < _LARGE_FILES or kind & ~WITH_CALL != FILES:
        return []
    payload = bytearray(size)
    filled = len(buffer) - REQUEST.size
    payload[:filled] = buffer[REQUEST.size :]
    with memoryview(payload) as view:
        while filled < size:
            received = receive_into(view[filled:])
            if not received:
                raise EOFError
            filled += received
    buffer.clear()
    return [(kind, number, payload)]


def take_answers(buffer):
    """Remove every complete answer from the bytearray `buffer`; return [(status, payload, seconds, batch, number)]."""
    return [(fields[1], payload, fields[3] / 1e6, fields[4], fields[2]) for fields, payload in take(buffer, ANSWER)]


def announced(buffer):
    """Return the size in bytes of the first answer in `buffer`, as its header states; 0 if that is incomplete."""
    return ANSWER.unpack_from(buffer)[0] if len(buffer) >= ANSWER.size else 0


def take(buffer, header):
    """Remove every complete frame with this `header`, whose first field is the payload's length, from `buffer`.

    Return [(fields of the header, payload)].
    """
    size, end = header.size, len(buffer)
    if end < size or end < size + header.unpack_from(buffer)[0]:
        return []
    frames = []
    # Slicing bytes copies once, slicing a bytearray twice.
    data = bytes(buffer) if end < _LARGE else memoryview(buffer)
    offset = 0
    while end - offset >= size:
        fields = header.unpack_from(data, offset)
        next_offset = offset + size + fields[0]
        if next_offset > end:
            break
        frames.append((fields, bytes(data[offset + size : next_offset])))
        offset = next_offset
    # A view of the buffer would prevent resizing it.
    del data
    del buffer[:offset]
    return frames
