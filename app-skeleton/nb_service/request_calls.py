"""The parameters and headers of a request, encoded as bytes that are sent to a scorer with each sample.

nb_scorer.model.parameters reads them, and checks them against predictor's arguments.
"""

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qsl

from nb_scorer.model.calls import FUNCTION, NAMED

from nb_service.malformed import Malformed

# A request's call is sent again with each of its samples.
MAX_BYTES = 1 << 16
MAX_FIELDS = 100
TOO_LARGE = f"The parameters of a request have more than {MAX_BYTES} bytes."
# Headers that may contain a key, which notebooks must not see.
SECRET_FIELDS = frozenset(("authorization", "cookie", "proxy-authorization", "x-api-key"))


class Headers(Protocol):
    """The headers of a request; names may have any case."""

    def items(self) -> Iterable[tuple[str, str]]:
        """Return pairs of name and value."""


class Parameters(NamedTuple):
    """The parameters of a request: `values` as JSON, and pairs of name and text from a query."""

    values: Mapping[str, Any] = {}
    texts: Sequence[tuple[str, str]] = ()


NONE = Parameters()
# The start of a call of a function other than predictor: names in calls are sorted, and this one is the first.
_OF_ANOTHER = f'{{"{FUNCTION}": '.encode("ascii")


_OF_NAMED = _OF_ANOTHER + f'"{NAMED}'.encode("ascii")


def is_of_another(call: bytes) -> bool:
    """Return whether a call is for the explainer or one of `predictors`, rather than for predictor."""
    return call.startswith(_OF_ANOTHER)


def predictor_of(call: bytes) -> str:
    """Return the name in `predictors` that a call is for; "" for predictor and explanations."""
    # Names contain no character that JSON escapes.
    return call[len(_OF_NAMED) :].partition(b'"')[0].decode("ascii") if call.startswith(_OF_NAMED) else ""


def in_query(query: str) -> Parameters:
    """Return the parameters in a URL's query, whose characters are its bytes; raise Malformed for too many."""
    try:
        text = query.encode("latin-1").decode("utf-8")
        return Parameters(texts=parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS))
    except UnicodeDecodeError as error:
        raise Malformed("The query is not text in UTF-8.") from error
    except ValueError as error:
        raise Malformed(f"The query has more than {MAX_FIELDS} parameters.") from error


def split(query: Parameters, names: Container[str], parameters: Container[str]) -> tuple[Parameters, list]:
    """Return the parameters in a query, and pairs of name and text of those arguments in `names` that it has.

    `parameters` are the names of predictor's parameters, which may be among `names`.
    """
    texts = [(name, text) for name, text in query.texts if name in names and name not in parameters]
    return query._replace(texts=[pair for pair in query.texts if pair not in texts]) if texts else query, texts


def in_object(request: Mapping[str, Any], key: str) -> Parameters:
    """Return the parameters under an optional key of a request's object; raise Malformed."""
    values = request.get(key)
    if not isinstance(values, dict | None):
        raise Malformed(f"{key} is not an object.")
    return Parameters(values or {})


def may_hold_parameters(body: bytes) -> bool:
    """Return whether the body of one sample may contain parameters, so that it must be decoded."""
    return b'"parameters"' in body and b'"inputs"' in body


class Calls:
    """Creates the calls of one predictor. If `takes_headers`, it receives headers: those listed in `passed`.

    `name` is its name in `predictors`; the manifest is the predictor's own.
    """

    def __init__(self, manifest: Mapping[str, Any], passed: Iterable[str] = (), name: str = "") -> None:
        self._function = NAMED + name if name else ""
        self.parameters: dict[str, dict] = manifest.get("parameters") or {}
        self.takes_headers = bool(manifest.get("takes_headers"))
        self._passed = tuple(passed)

    def made(self, parameters: Parameters = NONE, headers: "Headers | None" = None, function: str = "") -> bytes:
        """Return the call of a request; empty if it adds nothing. Raise Malformed if it is too large.

        `function` is the function to call instead of predictor, if any.
        """
        function = function or self._function
        facts: dict[str, object] = {FUNCTION: function} if function else {}
        if parameters.values:
            facts["parameters"] = parameters.values
        if parameters.texts:
            facts["texts"] = parameters.texts
        if self.takes_headers and headers is not None:
            facts["headers"] = self._visible(headers)
        if not facts:
            return b""
        try:
            call = json.dumps(facts, sort_keys=True, allow_nan=False).encode("ascii")
        except ValueError as error:
            raise Malformed("A parameter is not a finite number.") from error
        if len(call) > MAX_BYTES:
            raise Malformed(TOO_LARGE, 413)
        return call

    def _visible(self, headers: "Headers") -> dict[str, str]:
        """Return the headers that the notebook may see, by lower-case name."""
        fields = {name.lower(): value for name, value in headers.items()}
        return {
            name: value
            for name, value in fields.items()
            if name not in SECRET_FIELDS and any(fnmatchcase(name, pattern) for pattern in self._passed)
        }
