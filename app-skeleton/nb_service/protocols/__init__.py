"""Wire formats: each module converts request bytes to samples, and predictions to bytes.

They are independent of Flask and of scorers. Samples and predictions are bytes of JSON, as in requests to scorers.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from nb_scorer.model import json_codec

from nb_service.malformed import Malformed
from nb_service.protocols.limits import DEFAULT, Limits
from nb_service.protocols.series import Series, encode
from nb_service.request_calls import NONE, Parameters, in_object

__all__ = [
    "DEFAULT",
    "JSON_TYPE",
    "Body",
    "Limits",
    "Malformed",
    "Parameters",
    "Question",
    "Series",
    "decode",
    "decode_object",
    "encode",
    "in_object",
    "keyed",
    "plain_rejection",
    "samples_of",
]

JSON_TYPE = "application/json"


class Body(NamedTuple):
    """The body of a response: its bytes, media type and headers."""

    data: bytes
    content_type: str = JSON_TYPE
    headers: tuple = ()


class Question:
    """The samples of a request, and a function that converts their predictions, in the same order, to a body.

    `ids` are the client's ids of the samples, if its format has them; `parameters` are the request's, and `function` is
    the name of the notebook's function to call, "" for predictor. `may_be_file` is whether a prediction that is a file
    is sent as it is.
    """

    may_be_file = False

    def __init__(
        self,
        samples: Series | list[bytes],
        write: Callable[[Series], Body],
        ids: Sequence[str] = (),
        parameters: Parameters = NONE,
        function: str = "",
    ) -> None:
        self.function = function
        self.ids = ids
        self.parameters = parameters
        self.samples = samples if isinstance(samples, Series) else Series(samples)
        self._write = write

    def write(self, answers: Sequence[bytes]) -> Body:
        """Return the body with the predictions; raise Malformed if the requested format can't represent them."""
        try:
            return self._write(answers if isinstance(answers, Series) else Series(list(answers)))
        except Malformed:
            raise
        except ValueError as error:
            # Predictions stay undecoded bytes until here.
            raise Malformed(f"A prediction can't be sent in the requested form: {error}.") from error


def decode(body: bytes, lenient: bool = False) -> Any:
    """Return the decoded JSON of `body`, by the same rules as the scorers; raise Malformed if it is invalid.

    If `lenient`, NaN and infinities become None, as they do in binary formats.
    """
    try:
        return json_codec.decode(body, json_codec.LENIENT if lenient else None)
    except ValueError as error:
        raise Malformed(f"The body is not JSON: {error}.") from error


def decode_object(body: bytes, lenient: bool = False) -> dict:
    """Return the JSON object in `body`, decoded as by `decode`; raise Malformed for anything else."""
    decoded = decode(body, lenient)
    if not isinstance(decoded, dict):
        raise Malformed("The body is not a JSON object.")
    return decoded


def samples_of(items: object, name: str, limits: Limits = DEFAULT) -> Series:
    """Return `items` as samples; raise Malformed if they are not a list, or too many. `name` is for the message."""
    if not isinstance(items, list):
        raise Malformed(f"{name} is not a list of samples.")
    limits.check_samples(len(items))
    return Series(values=items)


def keyed(key: bytes, answers: Series) -> Body:
    """Return the JSON object with the array of `answers` under `key`."""
    return Body(b'{"' + key + b'": ' + answers.array + b"}")


def plain_rejection(status: int, detail: str) -> tuple[int, Body]:
    """Return the status and body of a rejection for TensorFlow Serving, KServe, Open Inference and Vertex AI.

    In all of these protocols, a sample that the validator rejects is an invalid argument, with status 400.
    """
    return 400 if status == 422 else status, Body(encode({"error": detail}))
