"""Wire formats: each module turns the bytes of a request into samples, and answers into bytes.

They know neither Flask's objects nor scorers. Samples and answers are JSON (bytes), as scorers take and return them.
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
    "plain_refusal",
    "samples_of",
]

JSON_TYPE = "application/json"


class Body(NamedTuple):
    """The body of a response: bytes, their type, and headers that belong to them."""

    data: bytes
    content_type: str = JSON_TYPE
    headers: tuple = ()


class Question:
    """The samples of a request, and a function that makes a body of their answers, which are in the same order.

    `ids` are those that the client gave the samples, where its format has some; `parameters` are the request's, and
    `function` is the name of the notebook's function that is asked, "" for predictor.
    """

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
        """Return the body of the answers; raise Malformed where the requested form can't hold them."""
        try:
            return self._write(answers if isinstance(answers, Series) else Series(list(answers)))
        except Malformed:
            raise
        except ValueError as error:
            # Answers that have passed as bytes until here are decoded only now.
            raise Malformed(f"A prediction has no requested form: {error}.") from error


def decode(body: bytes, lenient: bool = False) -> Any:
    """Return the JSON in `body` as the scorers would read it; raise Malformed.

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
    """Return `items` as samples; raise Malformed where `name` is not a list, or too long a one."""
    if not isinstance(items, list):
        raise Malformed(f"{name} is not a list of samples.")
    limits.check_samples(len(items))
    return Series(values=items)


def keyed(key: bytes, answers: Series) -> Body:
    """Return the JSON object that has the array of `answers` under `key`."""
    return Body(b'{"' + key + b'": ' + answers.array + b"}")


def plain_refusal(status: int, detail: str) -> tuple[int, Body]:
    """Return status and body of a refusal in the form of TensorFlow Serving, KServe, Open Inference and Vertex AI.

    To all of them, a sample that the validator refuses is an invalid argument, 400.
    """
    return 400 if status == 422 else status, Body(encode({"error": detail}))
