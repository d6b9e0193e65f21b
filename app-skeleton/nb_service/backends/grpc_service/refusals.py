"""The rejection of a call: gRPC's status code, and the same sentence as in HTTP."""

from typing import NamedTuple
from urllib.parse import quote

import grpc

from nb_service.http import auth, replies
from nb_service.protocols import Malformed

# A message is percent-encoded in the trailing metadata, of which clients accept 8 KB by default.
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
    """Return `detail`, truncated to fit into the metadata, with lone surrogates escaped."""
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
    """The status of a rejected call."""

    code: grpc.StatusCode
    detail: str


class Refused(Exception):
    """Rejects a call.

    Create a new one each time: an exception that is raised again keeps the frames of all earlier calls, with their
    messages, in memory.
    """

    def __init__(self, rejection: Refusal) -> None:
        super().__init__(rejection.detail)
        self.rejection = rejection


FULL = Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, replies.detail_of(replies.FULL))
NO_KEY = Refusal(grpc.StatusCode.UNAUTHENTICATED, replies.detail_of(auth.NO_KEY))
HELD = Refusal(
    grpc.StatusCode.RESOURCE_EXHAUSTED, "This service already holds the maximum bytes of requests (S2I_MAX_HELD)."
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


def convert_error(error: Malformed) -> Refusal:
    """Return the status for a request that can't be read or answered; every client error is INVALID_ARGUMENT."""
    # A notebook may choose any other status.
    otherwise = grpc.StatusCode.INVALID_ARGUMENT if error.status < 500 else grpc.StatusCode.INTERNAL
    return Refusal(_CODES.get(error.status, otherwise), shortened(str(error)))
