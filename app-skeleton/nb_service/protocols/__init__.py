"""Wire formats: each module turns the bytes of a request into samples, and answers into bytes.

They know nothing of HTTP's objects and nothing of scorers. A sample is its JSON (bytes), as the
scorers take it; an answer is its JSON (bytes), as they give it.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from nb_scorer.model import json_codec

from nb_service.protocols.limits import DEFAULT, Limits
from nb_service.protocols.malformed import Malformed
from nb_service.protocols.series import Series, encode

__all__ = [
    "DEFAULT",
    "JSON_TYPE",
    "Body",
    "Limits",
    "Malformed",
    "Question",
    "Series",
    "decode",
    "decode_object",
    "encode",
    "keyed",
    "plain_refusal",
    "samples_of",
]

JSON_TYPE = "application/json"


class Body(NamedTuple):
    """What goes back: bytes, their type, and headers that belong to them."""

    data: bytes
    content_type: str = JSON_TYPE
    headers: tuple = ()


class Question:
    """The samples of a request, and what makes a body of their answers, given in the same order."""

    def __init__(self, samples: Series | list[bytes], write: Callable[[Series], Body]) -> None:
        self.samples = samples if isinstance(samples, Series) else Series(samples)
        self._write = write

    def write(self, answers: Sequence[bytes]) -> Body:
        """Return the body of the answers; raise Malformed where they have no form that was asked for."""
        try:
            return self._write(answers if isinstance(answers, Series) else Series(list(answers)))
        except Malformed:
            raise
        except ValueError as wrong:
            # Bytes that nobody here had decoded yet.
            raise Malformed(f"An answer has no form that was asked for: {wrong}.") from wrong


def decode(body: bytes, lenient: bool = False) -> Any:
    """Return the JSON in `body` as the scorers would read it; raise Malformed.

    Where it is `lenient`, NaN and infinities become None, as they do where they come in bytes.
    """
    try:
        return json_codec.decode(body, json_codec.LENIENT if lenient else None)
    except ValueError as wrong:
        raise Malformed(f"The body is not JSON: {wrong}.") from wrong


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
    """Return status and body of a refusal as TensorFlow Serving, KServe, Open Inference and Vertex word it.

    What the validator refuses is an invalid argument to all of them, 400.
    """
    return 400 if status == 422 else status, Body(encode({"error": detail}))
