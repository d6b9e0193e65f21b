"""The part of Prometheus's query API that a report needs."""

import http.client
import json
import math
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any, TypeVar

from nb_builder.ab_report.problems import AbPrometheus

Found = TypeVar("Found")
SECONDS = 30.0
# A different server at this address might send an endless response.
MAX_BYTES = 64 << 20


class Prometheus:
    """A Prometheus server at an address; raises AbPrometheus if no server responds, or a different one."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        is_here = urllib.parse.urlsplit(address).hostname in ("localhost", "127.0.0.1", "::1")
        # The user's proxy can't connect back to this machine.
        proxies = (urllib.request.ProxyHandler({}),) if is_here else ()
        self._opener = urllib.request.build_opener(*proxies)
        # All queries use the same time, by the server's own clock.
        self._time = ""
        self._time = self._asked("time()", lambda result: str(float(result[0])))

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Return (labels, value) of each series of an expression, except for values that are not finite."""
        pairs = self._asked(
            expression, lambda result: [(series["metric"], float(series["value"][1])) for series in result]
        )
        return [(labels, value) for labels, value in pairs if math.isfinite(value)]

    def _asked(self, expression: str, read: Callable[[Any], Found]) -> Found:
        """Return the result of an expression, converted by `read`."""
        parameters = {"query": expression, **({"time": self._time} if self._time else {})}
        url = f"{self._address}/api/v1/query?{urllib.parse.urlencode(parameters)}"
        try:
            with self._opener.open(url, timeout=SECONDS) as answer:
                content = answer.read(MAX_BYTES)
        except urllib.error.HTTPError as error:
            with error:
                raise self._problem(
                    f"it responds with {error.code} {error.reason}{_said(error.read(MAX_BYTES))}"
                ) from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise self._problem(str(getattr(error, "reason", error)) or type(error).__name__) from error
        try:
            return read(json.loads(content)["data"]["result"])
        except (ValueError, LookupError, TypeError) as error:
            raise self._problem("the server is not Prometheus") from error

    def _problem(self, reason: str) -> AbPrometheus:
        return AbPrometheus(address=self._address, reason=reason)


def _said(content: bytes) -> str:
    """Return the message of a query API error, after a colon, or "" if the error is not the API's."""
    try:
        return f": {json.loads(content)['error']}"
    except (ValueError, LookupError, TypeError):
        return ""


def text(value: str) -> str:
    """Return a value as a PromQL string."""
    return json.dumps(value, ensure_ascii=False)
