"""The frames between front and scorer: their one definition.

A request is a length, a kind, a number and that many bytes; the numbers count a link's requests from 0.
An answer is a length, a status, the number of its request, the microseconds that the sample took (its
share, where several were scored in one call), how many were scored in the call that it was the first of,
and that many bytes. A scorer answers in the order of the requests; before the first answer it sends one
HELLO, or one PROBLEM if it could not load the model.
"""

import struct

REQUEST = struct.Struct("!IBI")
ANSWER = struct.Struct("!IBIII")
# Numbers of requests have 32 bits, and start anew after the last.
NUMBERS = 0xFFFFFFFF

# Kinds of requests.
SAMPLE = 1  # asked of predictor, alone
TOGETHER = 2  # a sample too; those that wait may be asked of batch_predictor in one call
MANY = 3  # a JSON array of samples; its answer is the array of theirs, or what the first failure gets

# Statuses of answers. The payload of OK is the answer as JSON; that of all others is a JSON object.
OK = 0
NOT_JSON = 1  # {"reason"}
# {"traceback" or null} and one of {"reason"}: the validator said no, for this reason or ""; {"message"}: it raised,
# with this message or null; {"misfit", "errors"}: the sample is not what the functions take. Of MANY also {"index"}.
REFUSED = 2
# {"traceback"}: the predictor raised or exited; with {"reason"} its answer has no JSON form. Of MANY also {"index"}.
FAILED = 3
BACK = 253  # {}: not touched, because the front has called it back
PROBLEM = 254  # {"code", "what", "why", "fix", "traceback"}: the model does not load
HELLO = 255  # {"pid"}

# What is larger is copied once and not twice on its way out of a buffer.
_LARGE = 1 << 16
_MOST = 0xFFFFFFFF


def request(kind, number, payload):
    """Return the bytes of one request."""
    return REQUEST.pack(len(payload), kind, number) + payload


def answer(status, payload, number=0, seconds=0.0, batch=1):
    """Return the bytes of the answer to request `number` that took `seconds`, the first of `batch` in one call."""
    return answers([(status, payload, batch)], number, seconds)


def answers(each, first, seconds):
    """Return the bytes of answers, (status, payload, batch) `each`, to the requests from `first` on.

    They took `seconds` each.
    """
    pack, micros = ANSWER.pack, min(int(seconds * 1e6), _MOST)
    return b"".join(
        [
            pack(len(payload), status, number & NUMBERS, micros, batch) + payload
            for number, (status, payload, batch) in enumerate(each, first)
        ]
    )


def take_requests(buffer):
    """Remove every complete request from the bytearray `buffer`; return [(kind, number, payload)]."""
    return [(head[1], head[2], payload) for head, payload in take(buffer, REQUEST)]


def take_answers(buffer):
    """Remove every complete answer from the bytearray `buffer`; return [(status, payload, seconds, batch, number)]."""
    return [(head[1], payload, head[3] / 1e6, head[4], head[2]) for head, payload in take(buffer, ANSWER)]


def take(buffer, header):
    """Remove every complete frame with this `header`, whose first field is the payload's length, from `buffer`.

    Return [(fields of the header, payload)].
    """
    size, end = header.size, len(buffer)
    if end < size or end < size + header.unpack_from(buffer)[0]:
        return []
    taken = []
    # Slices of bytes are one copy each, those of a bytearray two.
    data = bytes(buffer) if end < _LARGE else memoryview(buffer)
    at = 0
    while end - at >= size:
        head = header.unpack_from(data, at)
        after = at + size + head[0]
        if after > end:
            break
        taken.append((head, bytes(data[at + size : after])))
        at = after
    # A view of it would keep the buffer from shrinking.
    del data
    del buffer[:at]
    return taken
