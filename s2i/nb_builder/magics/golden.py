"""Samples, and the kernel's predictions for them, as a service receives and returns both."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from nb_scorer.kernel.collect_golden_rows import result_of
from nb_scorer.model import functions, json_codec, signatures

# The maximum length of a line of code.
WIDTH = 88


class Row(NamedTuple):
    """A sample decoded from JSON, and its prediction as JSON; or why the service would reject it."""

    sample: Any
    answer: str | None
    reason: str


def samples(values: Sequence[Any]) -> list[Any]:
    """Return the samples in `values`; a single array of rows, or a table, counts as its rows."""
    if len(values) == 1 and (hasattr(values[0], "columns") or len(getattr(values[0], "shape", ())) > 1):
        return list(json_codec.decode(json_codec.encode(values[0], json_codec.BARE)))
    return list(values)


def rows(values: Sequence[Any], names: Mapping[str, Any]) -> list[Row]:
    """Call the predictor among `names` for each sample, once, and return the results."""
    called = signatures.adapt_functions({**names, "predictor": functions.as_predictor(names["predictor"])})
    bodies: dict[bytes, Row] = {}
    for value in values:
        try:
            body = json_codec.encode(value, json_codec.BARE)
        except (TypeError, ValueError) as error:
            bodies[repr(value).encode()] = Row(value, None, f"it can't be sent as JSON: {error}")
            continue
        if body not in bodies:
            bodies[body] = _row(body, called)
    return list(bodies.values())


def line(made: Sequence[Row]) -> str:
    """Return the statement that stores the successful samples as `examples`."""
    kept = [repr(row.sample) for row in made if row.answer is not None]
    short = f"examples = [{', '.join(kept)}]"
    return short if len(short) <= WIDTH else "\n".join(["examples = [", *(f"    {sample}," for sample in kept), "]"])


def _row(body: bytes, called: Mapping[str, Callable[[Any], Any] | None]) -> Row:
    sample = json_codec.decode(body)
    try:
        rejected = _rejection_reason(body, called.get("validator"))
        if rejected is not None:
            return Row(sample, None, f"validator rejects it{rejected and f': {rejected}'}")
        answer = json_codec.encode(result_of(called["predictor"], json_codec.decode(body)), json_codec.LABELLED)
    except Exception as error:  # noqa: BLE001 - the notebook's function may raise anything
        return Row(sample, None, f"predictor raises {type(error).__name__}: {error}")
    return Row(sample, answer.decode(), "")


def _rejection_reason(body: bytes, validator: Callable[[Any], Any] | None) -> str | None:
    """Return validator's reason for rejecting a sample, which may be "", or None if it accepts."""
    if validator is None:
        return None
    try:
        return functions.rejection(result_of(validator, json_codec.decode(body)))
    except Exception as error:  # noqa: BLE001 - as the service, which takes any for a no
        return functions.describe_error(error)


def shown(value: Any) -> str:
    """Return a sample as JSON if it has that form."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except TypeError:
        return repr(value)
