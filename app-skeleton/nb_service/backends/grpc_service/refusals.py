"""Why a call gets no response: gRPC's canonical code, and the sentence that HTTP has for it."""

from typing import NamedTuple
from urllib.parse import quote

import grpc

from nb_service.http import auth, replies
from nb_service.protocols import Malformed

# A message travels percent-encoded among the trailing metadata, of which clients take 8 KB by default.
MAX_BYTES = 4096
_CODES = {
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    409: grpc.StatusCode.ABORTED,
    412: grpc.StatusCode.FAILED_PRECONDITION,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    501: grpc.StatusCode.UNIMPLEMENTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}


def shortened(detail: str) -> str:
    """Return `detail`, without its end where it would not fit among the metadata; lone surrogates as escapes."""
    detail = detail.encode("utf-8", "backslashreplace").decode("utf-8")
    if len(quote(detail)) <= MAX_BYTES:
        return detail
    kept, size = [], 0
    for character in detail:
        size += len(quote(character))
        if size > MAX_BYTES - 4:
            break
        kept.append(character)
    return "".join(kept) + " ..."


class Refusal(NamedTuple):
    """What a call is answered that gets no response."""

    code: grpc.StatusCode
    detail: str


class Refused(Exception):
    """A call that gets a refusal.

    Made again for each: one that is raised again keeps the frames of all calls before, with their messages.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


FULL = Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, replies.detail_of(replies.FULL))
NO_KEY = Refusal(grpc.StatusCode.UNAUTHENTICATED, replies.detail_of(auth.NO_KEY))
HELD = Refusal(
    grpc.StatusCode.RESOURCE_EXHAUSTED, "This service holds as many bytes of requests as it accepts (S2I_MAX_HELD)."
)
ARRIVING = Refusal(
    grpc.StatusCode.RESOURCE_EXHAUSTED, "More bytes of requests are arriving than this service accepts (S2I_MAX_HELD)."
)
LATE = Refusal(
    grpc.StatusCode.DEADLINE_EXCEEDED,
    "The request took longer to arrive than this service allows (S2I_RECEIVE_TIMEOUT).",
)
UNTAKEN = Refusal(
    grpc.StatusCode.DEADLINE_EXCEEDED, "The client did not read its response for too long (S2I_RECEIVE_TIMEOUT)."
)
STREAMS = Refusal(
    grpc.StatusCode.RESOURCE_EXHAUSTED, "More streams are open than this service accepts; try again, or close some."
)
ENDING = Refusal(grpc.StatusCode.UNAVAILABLE, "This service is shutting down; retry, or use another replica.")
EMPTY = Refusal(grpc.StatusCode.INVALID_ARGUMENT, "The call has no message.")
BROKEN = Refusal(grpc.StatusCode.INTERNAL, "This service failed on the request; its log has the traceback.")


def of(error: Malformed) -> Refusal:
    """Return what a request that can't be read or answered gets; all that is wrong with it is an invalid argument."""
    # A notebook may choose any other status.
    otherwise = grpc.StatusCode.INVALID_ARGUMENT if error.status < 500 else grpc.StatusCode.INTERNAL
    return Refusal(_CODES.get(error.status, otherwise), shortened(str(error)))
