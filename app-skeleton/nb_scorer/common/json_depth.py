"""Limits the depth of JSON from clients: decoders written in C would overflow their thread's stack.

Up to CPython 3.11 they respect sys.getrecursionlimit(), which a notebook may have raised; since 3.12 they allow 10,000
levels, too many for a thread with a small stack.
"""

import json
from itertools import accumulate

# CPython's default recursion limit.
MAX_DEPTH = 1000
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NOT_BRACKETS = bytes(set(range(256)) - set(_STEPS))


def is_too_deep(body):
    """Return whether JSON in `body` (bytes) is nested deeper than MAX_DEPTH. Invalid JSON may count as too deep."""
    if len(body) <= MAX_DEPTH or body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return False
    # If no quotes are escaped, every second part between quotes is outside strings.
    outside = b"".join(body.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])
    return max(accumulate(map(_STEPS.__getitem__, outside.translate(None, _NOT_BRACKETS))), default=0) > MAX_DEPTH


def loads(text, **options):
    """Return the result of json.loads; raise RecursionError if the text is nested too deeply."""
    if is_too_deep(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")):
        raise RecursionError("it is nested deeper than {} levels".format(MAX_DEPTH))
    return json.loads(text, **options)
