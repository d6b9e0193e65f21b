"""The REST interface of TensorFlow Serving, which KServe V1 shares: paths, bodies and errors."""

import re
from typing import Any, NamedTuple

from nb_service.identity import Identity
from nb_service.protocols import (
    DEFAULT,
    Body,
    Limits,
    Malformed,
    Question,
    Series,
    decode_object,
    encode,
    explanations,
    in_object,
    keyed,
    plain_rejection,
    samples_of,
)
from nb_service.protocols.rows import columns_to_rows, rows_to_columns

rejection = plain_rejection
SIGNATURES = ("", "serving_default")
# The names of methods in `/metadata`, which clients also send as signature names.
METHOD_NAME = "tensorflow/serving/{}"
LABELS = ("stable", "latest")

# The number of digits of the largest version, which has 64 bits.
_MAX_DIGITS = 19

_PATH = re.compile(
    r"(?P<model>[^/:]+)(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[A-Za-z0-9_]+))?"
    r"(?::(?P<method>classify|regress|predict|explain)|/(?P<metadata>metadata))?"
)


class Target(NamedTuple):
    """A parsed path under /v1/models/: the model, its version or label, and the method.

    `method` is "" for the status, and "metadata" for the metadata.
    """

    model: str
    version: int | None
    label: str | None
    method: str

    @property
    def takes_samples(self) -> bool:
        """Return whether it is a POST with samples rather than a GET of metadata."""
        return self.method not in ("", "metadata")


def parse(verb: str, rest: str) -> Target:
    """Return the target of `rest`, the path after /v1/models/; raise Malformed for an unknown path."""
    match = _PATH.fullmatch(rest)
    if match is None:
        raise Malformed(f"Malformed request: {verb} /v1/models/{rest}")
    method = match["metadata"] or match["method"] or ""
    return Target(match["model"], _version(match["version"]), match["label"], method)


def _version(digits: str | None) -> int | None:
    if digits is None:
        return None
    # int() also counts leading zeros, and accepts a few thousand digits at most.
    number = digits.lstrip("0") or "0"
    if len(number) > _MAX_DIGITS or int(number) >= 1 << 63:
        raise Malformed("Failed to convert version: " + digits)
    return int(number)


def check(target: Target, served: Identity | None) -> None:
    """Raise Malformed unless `target` is the served model: 404, or 400 for a label. `served` None means no model."""
    if served is None or target.model != served.name or target.version not in (None, served.version):
        which = "Latest({})" if target.version is None else "Specific({}, {})"
        raise Malformed("Servable not found for request: " + which.format(target.model, target.version), 404)
    if target.label not in (None, *LABELS, served.commit):
        raise Malformed(f"Unrecognized servable version label: {target.label}")


def read(
    method: str,
    body: bytes,
    *,
    input_name: str = "",
    outputs_key: str = "outputs",
    limits: Limits = DEFAULT,
    has_explainer: bool = False,
) -> Question:
    """Return the samples of a body for predict, classify, regress or explain; raise Malformed.

    `input_name` is the name of the only input in `/metadata`, or "" if samples are objects.
    """
    # TensorFlow's clients may send the tokens NaN and Infinity. Responses never contain them, because other clients
    # would fail to parse them.
    request = decode_object(body, lenient=True)
    check_signature(request.get("signature_name", ""), method)
    # Neither server has parameters, but clients of KServe and Vertex AI share their code.
    parameters = in_object(request, "parameters")
    question = _question(method, request, input_name, outputs_key, limits, has_explainer=has_explainer)
    question.parameters = parameters
    return question


def _question(
    method: str, request: dict, input_name: str, outputs_key: str, limits: Limits, *, has_explainer: bool
) -> Question:
    """Return the samples of a request; raise Malformed."""
    if method == "explain":
        return _explained(request, input_name, limits, has_explainer=has_explainer)
    if method != "predict":
        return _examples(method, request, input_name, limits)
    if "instances" in request and "inputs" in request:
        raise Malformed("Only one of 'inputs' and 'instances' is allowed.")
    if "instances" in request:
        instances = request["instances"]
        if isinstance(instances, list):
            instances = _without_name(instances, input_name)
        samples = samples_of(instances, "instances", limits)
        return Question(samples, lambda answers: keyed(b"predictions", answers))
    if "inputs" in request:
        (inputs,) = _without_name([request["inputs"]], input_name)
        return columnar(inputs, outputs_key, limits)
    raise Malformed("Missing 'inputs' or 'instances' key")


def _explained(request: dict, input_name: str, limits: Limits, *, has_explainer: bool) -> Question:
    """Return the samples of KServe's request for explanations; raise Malformed, with 501 if there is no explainer."""
    explanations.check(has_explainer=has_explainer)
    instances = request.get("instances")
    if isinstance(instances, list):
        instances = _without_name(instances, input_name)
    samples = samples_of(instances, "instances", limits)
    return Question(samples, lambda answers: keyed(b"explanations", answers), function=explanations.FUNCTION)


def check_signature(signature: object, method: str) -> None:
    """Raise Malformed unless `signature` is the name of an existing one."""
    if signature not in (*SIGNATURES, METHOD_NAME.format(method)):
        raise Malformed(f'Serving signature name: "{signature}" not found in signature def')


def _without_name(values: list, name: str) -> list:
    """Return the values under the name of the only input, if each of `values` is an object with that key alone."""
    if name and all(isinstance(value, dict) and value.keys() == {name} for value in values):
        return [value[name] for value in values]
    return values


def columnar(inputs: object, key: str, limits: Limits = DEFAULT) -> Question:
    """Return the samples in columns, a list or a single value; the predictions get the same layout."""
    if isinstance(inputs, list):
        samples = samples_of(inputs, "inputs", limits)
        return Question(samples, lambda answers: Body(_columns(answers, key)))
    if isinstance(inputs, dict):
        rows = columns_to_rows(inputs, limits) if inputs else [{}]
        return Question(Series.encoded(rows), lambda answers: Body(_columns(answers, key)))
    return Question([encode(inputs)], lambda answers: Body(b'{"%s": %s}' % (key.encode(), answers[0])))


def _columns(answers: Series, key: str) -> bytes:
    """Return the predictions as columns, an object of lists, if all are objects with the same keys."""
    # Only objects can become columns; arrays of anything else need not be decoded.
    columns = rows_to_columns(answers.values) if answers.array.startswith(b"[{") else None
    return b'{"%s": %s}' % (key.encode(), encode(columns) if columns else answers.array)


def _examples(method: str, request: dict, input_name: str, limits: Limits) -> Question:
    listed, context = request.get("examples"), request.get("context", {})
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in [*listed, context]):
        raise Malformed("'examples' is not a list of objects, or 'context' is not an object.")
    result = classes if method == "classify" else number
    return Question(
        examples(listed, context, input_name, limits),
        lambda answers: keyed(b"results", Series(values=[result(item) for item in answers.values])),
    )


def examples(listed: list[dict], context: dict, input_name: str = "", limits: Limits = DEFAULT) -> Series:
    """Return the samples of examples, each combined with the features of `context`."""
    # Each example gets its own copy of the context.
    limits.check_rows(len(listed), len(encode(context)) if context else 0)
    return Series.encoded(_without_name([{**context, **example}], input_name)[0] for example in listed)


def classes(answer: object) -> list:
    """Return [[label, score], …] of a prediction {label: score}."""
    if not isinstance(answer, dict) or not all(isinstance(score, (int, float)) for score in answer.values()):
        raise Malformed("This model can't classify: its predictions are not objects with label and score.")
    return [list(pair) for pair in answer.items()]


def number(answer: Any) -> float:
    """Return a prediction that is a number, or a list of one."""
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, bool) or not isinstance(answer, (int, float)):
        raise Malformed("This model can't regress: its predictions are not numbers.")
    return answer


def status(served: Identity, ready: bool) -> Body:
    """Return the state of the only version, and KServe's field for it."""
    version = {
        "version": str(served.version),
        "state": "AVAILABLE" if ready else "LOADING",
        "status": {"error_code": "OK", "error_message": ""},
    }
    return Body(encode({"model_version_status": [version], "name": served.name, "ready": ready}))


def metadata(served: Identity, inputs: list[dict], outputs: list[dict]) -> Body:
    """Return TensorFlow Serving's metadata of a signature, from tensors in Open Inference's form."""
    signature = {
        "inputs": {tensor["name"]: _tensor_info(tensor) for tensor in inputs},
        "outputs": {tensor["name"]: _tensor_info(tensor) for tensor in outputs},
        "method_name": METHOD_NAME.format("predict"),
    }
    spec = {"name": served.name, "signature_name": "", "version": str(served.version)}
    definition = {"signature_def": {"signature_def": {"serving_default": signature}}}
    return Body(encode({"model_spec": spec, "metadata": definition}))


# TensorFlow's name of each datatype in the metadata.
DTYPES = {
    "BYTES": "DT_STRING",
    "BOOL": "DT_BOOL",
    "INT64": "DT_INT64",
    "UINT64": "DT_UINT64",
    "FP64": "DT_DOUBLE",
}


def _tensor_info(tensor: dict) -> dict:
    sizes = [{"size": str(size), "name": ""} for size in tensor["shape"]]
    shape = {"dim": sizes, "unknown_rank": False}
    return {"dtype": DTYPES[tensor["datatype"]], "tensor_shape": shape, "name": tensor["name"]}
