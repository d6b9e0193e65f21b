"""The frames between front and scorer: their one definition.

A request is a length, a kind and that many bytes. An answer is a length, a status, the
microseconds that the sample took (its share, where several were scored in one call), how many were
scored in the call that it was the first of, and that many bytes. A scorer answers in the order of
the requests; before the first answer it sends one HELLO, or one PROBLEM if it could not load the model.
"""

import struct

REQUEST = struct.Struct("!IB")
ANSWER = struct.Struct("!IBII")

# Kinds of requests.
SAMPLE = 1  # asked of predictor, alone
TOGETHER = 2  # a sample too; those that wait may be asked of batch_predictor in one call
MANY = 3  # a JSON array of samples; its answer is the array of theirs, or what the first failure gets

# Statuses of answers. The payload of OK is the answer as JSON; that of all others is a JSON object.
OK = 0
NOT_JSON = 1  # {"reason"}
REFUSED = 2  # {"traceback" or null}: the validator said no, or raised; of MANY also {"index"}
FAILED = 3  # {"traceback"}: the predictor raised or exited, or its answer has no JSON form; of MANY also {"index"}
BACK = 253  # {}: not touched, because the front has called it back
PROBLEM = 254  # {"code", "what", "why", "fix", "traceback"}: the model does not load
HELLO = 255  # {"pid"}

_MOST = 0xFFFFFFFF


def request(kind, payload):
    """Return the bytes of one request."""
    return REQUEST.pack(len(payload), kind) + payload


def answer(status, payload, seconds=0.0, batch=1):
    """Return the bytes of one answer that took `seconds`, the first of `batch` that were scored in one call."""
    return ANSWER.pack(len(payload), status, min(int(seconds * 1e6), _MOST), batch) + payload


def answers(told, seconds):
    """Return the bytes of answers given as (status, payload, batch) that took `seconds` each."""
    pack, micros = ANSWER.pack, min(int(seconds * 1e6), _MOST)
    return b"".join([pack(len(payload), status, micros, batch) + payload for status, payload, batch in told])


def take_requests(buffer):
    """Remove every complete request from the bytearray `buffer`; return [(kind, payload)]."""
    return [(head[1], payload) for head, payload in _take(buffer, REQUEST)]


def take_answers(buffer):
    """Remove every complete answer from the bytearray `buffer`; return [(status, payload, seconds, batch)]."""
    return [(head[1], payload, head[2] / 1e6, head[3]) for head, payload in _take(buffer, ANSWER)]


def _take(buffer, header):
    size, end = header.size, len(buffer)
    if end < size or end < size + header.unpack_from(buffer)[0]:
        return []
    taken = []
    # Slices of bytes are one copy each, those of a bytearray two.
    data = bytes(buffer)
    at = 0
    while end - at >= size:
        head = header.unpack_from(data, at)
        after = at + size + head[0]
        if after > end:
            break
        taken.append((head, data[at + size : after]))
        at = after
    del buffer[:at]
    return taken
