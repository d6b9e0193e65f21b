"""Open Inference V2 over REST, with the binary tensor extension; `inference` converts the tensors to samples.

With the content type `pd`, MLServer's codec for data frames, both the inputs and the outputs are columns.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from nb_service.files import Files
from nb_service.identity import Identity
from nb_service.protocols import (
    DEFAULT,
    Body,
    Limits,
    Malformed,
    Parameters,
    Question,
    Series,
    cloud_events,
    decode_object,
    encode,
    inference,
    plain_rejection,
    tensors,
)
from nb_service.protocols.inference import FRAME, FRAME_JSON, INPUT, OUTPUT, Column
from nb_service.protocols.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Sequence

rejection = plain_rejection
HEADER = "Inference-Header-Content-Length"
EXTENSIONS = ["binary_tensor_data"]
PLATFORM = "nb-builder"
# Parameters for the server, defined by Triton and MLServer; their clients add some automatically.
OF_PROTOCOL = frozenset(
    (
        "binary_data_output",
        "content_type",
        "headers",
        "priority",
        "sequence_end",
        "sequence_id",
        "sequence_start",
        "timeout",
    )
)
OF_TRITON = "triton_"
# The end of an inference path.
INFER = "/infer"
# Response headers by which MLServer's clients recognise a CloudEvent, with MLServer's version of the format.
EVENT = {
    "Ce-Specversion": "0.3",
    "Ce-Source": f"io.seldon.serving.deployment.{PLATFORM}",
    "Ce-Type": "io.seldon.serving.inference.response",
    "Ce-Inferenceservicename": PLATFORM,
}
EVENT_FIELDS = (*EVENT, "Ce-Modelid", "Ce-Endpoint", "Ce-Requestid", "Ce-Id")
# Longer ids are only in the body, because the length of the headers is limited.
MAX_EVENT_ID = 1024
NO_PARAMETERS: Mapping[str, dict] = {}
# No length of a body has more digits.
_MAX_DIGITS = 18


def read(
    body: bytes,
    json_length: str | None,
    rows: Rows,
    served: Identity,
    answer_schema: dict | None = None,
    limits: Limits = DEFAULT,
    declared: Collection[str] = (),
) -> Question:
    """Return the samples of an inference request, whose JSON is the first `json_length` bytes; raise Malformed.

    `declared` are the names of predictor's parameters.
    """
    head, raw = _split(body, json_length)
    # Triton's client sends the bare tokens NaN and Infinity.
    request = decode_object(head, lenient=True)
    inputs = request.get("inputs")
    if not isinstance(inputs, list) or not inputs or not all(isinstance(tensor, dict) for tensor in inputs):
        raise Malformed("inputs is not a list of tensors.")
    binary = _Binary(raw)
    columns = {_name(tensor): _column(tensor, binary, limits, rows.files) for tensor in inputs}
    binary.check_used()
    if len(columns) != len(inputs):
        raise Malformed("Two inputs have the same name.")
    requested = _RequestedOutputs(request)
    samples = inference.samples(columns, rows, requested.as_frame, limits)
    request_id = request.get("id")
    if not isinstance(request_id, str | None):
        raise Malformed("id is not a string.")
    outputs = described(answer_schema or {}, OUTPUT)
    return Question(
        samples,
        lambda answers: _write(answers, request_id, requested, served, outputs),
        parameters=parameters(_parameters(request), declared),
    )


def parameters(given: Mapping[str, object], declared: Collection[str]) -> Parameters:
    """Return those parameters of a request that predictor declares; the protocols' own parameters are for the service.

    The protocol allows only numbers, booleans and texts as values, so a list is sent as its JSON text.
    """
    own = {name: value for name, value in given.items() if name in declared or not _is_of_protocol(name)}
    texts = [(name, value) for name, value in own.items() if isinstance(value, str)]
    return Parameters({name: value for name, value in own.items() if not isinstance(value, str)}, texts)


def _is_of_protocol(name: str) -> bool:
    return name in OF_PROTOCOL or name.startswith(OF_TRITON)


def _split(body: bytes, json_length: str | None) -> tuple[bytes, bytes]:
    if json_length is None:
        return body, b""
    is_length = json_length.isdecimal() and len(json_length) <= _MAX_DIGITS
    if not is_length or int(json_length) > len(body):
        raise Malformed(f"{HEADER} is not a length within the body.")
    return body[: int(json_length)], body[int(json_length) :]


class _Binary:
    """The bytes after the JSON, which contain the binary tensors one after another."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def take(self, size: object) -> bytes:
        """Return the next `size` bytes; raise Malformed if there are fewer."""
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(self._raw) - self._at:
            raise Malformed("binary_data_size is not a length within the body.")
        self._at += size
        return self._raw[self._at - size : self._at]

    def check_used(self) -> None:
        """Raise Malformed unless every byte belonged to a tensor."""
        if self._at != len(self._raw):
            raise Malformed(f"{len(self._raw) - self._at} bytes of the body belong to no tensor.")


def _name(tensor: dict) -> str:
    name = tensor.get("name")
    if not isinstance(name, str):
        raise Malformed("An input has no name.")
    return name


def _parameters(owner: dict) -> dict:
    parameters = owner.get("parameters", {})
    if not isinstance(parameters, dict):
        raise Malformed("parameters is not an object.")
    return parameters


def _column(tensor: dict, binary: _Binary, limits: Limits, files: Files) -> Column:
    """Return the values of an input; those sent as bytes stay packed."""
    name, datatype, shape = _name(tensor), tensor.get("datatype", ""), tensor.get("shape")
    count = inference.check(name, datatype, shape, limits)
    size, content_type = map(_parameters(tensor).get, ("binary_data_size", "content_type"))
    if size is None:
        # Popped, so that the nested list is freed as soon as the flat one exists.
        flat: Sequence = _from_json(name, tensor.pop("data", None), datatype)
    else:
        flat = inference.from_bytes(name, datatype, binary.take(size), inference.files_in(files, content_type))
    if content_type == FRAME_JSON:
        flat = inference.from_json_texts(name, flat)
    return inference.column(name, flat, shape or [], count)


_JSON_KINDS = {"BOOL": (bool,), "BYTES": (str,), "FP": (int, float, type(None)), "INT": (int,), "UINT": (int,)}


def _from_json(name: str, data: object, datatype: str) -> list:
    if not isinstance(data, list):
        raise Malformed(f"The input {name!r} has no data.")
    flat = tensors.flatten(data)
    kinds = _JSON_KINDS[datatype.rstrip("0123456789")]
    if any(type(value) not in kinds for value in flat):
        raise Malformed(f"The input {name!r} has a value that is not {datatype}.")
    if datatype[:2] != "FP":
        return flat
    try:
        return [float(value) if type(value) is int else value for value in flat]
    except OverflowError as error:
        raise Malformed(f"The input {name!r} has a value that is not {datatype}.") from error


class _RequestedOutputs:
    """The requested outputs, and for each whether to send it as bytes or as JSON.

    `as_frame` is whether inputs and outputs are the columns of a data frame.
    """

    def __init__(self, request: dict) -> None:
        self.as_frame = _parameters(request).get("content_type") == FRAME
        self._all_binary = _parameters(request).get("binary_data_output") is True
        outputs = request.get("outputs") or []
        if not isinstance(outputs, list) or not all(isinstance(tensor, dict) for tensor in outputs):
            raise Malformed("outputs is not a list of tensors.")
        self._named = {_name(tensor): _parameters(tensor) for tensor in outputs}
        if any("classification" in parameters for parameters in self._named.values()):
            raise Malformed("The classification extension is not supported.")

    @property
    def names(self) -> list[str]:
        """Return the names of the requested outputs; none if all are requested."""
        return list(self._named)

    def is_binary(self, name: str) -> bool:
        """Return whether to send an output as bytes."""
        return self._named.get(name, {}).get("binary_data", self._all_binary) is True


def _write(
    answers: Series, request_id: str | None, requested: _RequestedOutputs, served: Identity, described: list[dict]
) -> Body:
    """Return the body with the predictions; `described` are the outputs of the model's metadata."""
    outputs, raw = [], []
    for answer in inference.outputs(answers, requested.names, described, as_columns=requested.as_frame):
        name, tensor = answer.name, answer.tensor
        output: dict = {"name": name}
        if content_type := answer.content_type(as_frame=requested.as_frame):
            output["parameters"] = {"content_type": content_type}
        output.update(datatype=tensor.datatype, shape=tensor.shape)
        if requested.is_binary(name):
            raw.append(inference.to_bytes(tensor))
            output["parameters"] = {**output.get("parameters", {}), "binary_data_size": len(raw[-1])}
        else:
            output["data"] = tensor.flat
        outputs.append(output)
    head: dict[str, object] = {"model_name": served.name, "model_version": str(served.version), "outputs": outputs}
    if requested.as_frame:
        head["parameters"] = {"content_type": FRAME}
    if request_id is not None:
        head["id"] = request_id
    text = encode(head)
    fields = _event_fields(served, request_id)
    if not raw:
        return Body(text, headers=fields)
    return Body(text + b"".join(raw), "application/octet-stream", ((HEADER, str(len(text))), *fields))


def _event_fields(served: Identity, request_id: str | None) -> tuple[tuple[str, str], ...]:
    """Return the headers that mark a response as an event; without a client's id, the event gets a random one."""
    fields = {**EVENT, "Ce-Modelid": served.name, "Ce-Endpoint": served.name}
    event_id = cloud_events.header_value(request_id or "")
    if 0 < len(event_id) <= MAX_EVENT_ID:
        fields["Ce-Requestid"] = event_id
    else:
        event_id = str(uuid.uuid4())
    return (*fields.items(), ("Ce-Id", event_id))


# --- metadata ---


def check(name: str, version: str | None, served: Identity | None) -> None:
    """Raise Malformed (404) unless the model of this name and version (None: any) is served.

    `served` is None if there is no model of this name.
    """
    if served is None or name != served.name or version not in (None, str(served.version)):
        requested = f"{name!r}" if version is None else f"{name!r} version {version!r}"
        raise Malformed(f"Request for unknown model: {requested} is not found.", 404)


def server(served: Identity) -> Body:
    """Return the metadata of the server."""
    return Body(encode({"name": PLATFORM, "version": str(served.version), "extensions": EXTENSIONS}))


def model(served: Identity, samples: dict, answers: dict, declared: Mapping[str, dict] = NO_PARAMETERS) -> Body:
    """Return the metadata of the model, from the schemas of its samples, predictions and parameters."""
    facts = {"name": served.name, "versions": [str(served.version)], "platform": PLATFORM}
    tensors = {"inputs": described(samples, INPUT), "outputs": described(answers, OUTPUT)}
    return Body(encode({**facts, **tensors, **({"parameters": declared} if declared else {})}))


def models(names: Iterable[str]) -> Body:
    """Return KServe's list of models with these names."""
    return Body(encode({"models": list(names)}))


def index(reasons: Iterable[tuple[Identity, str]]) -> Body:
    """Return Triton's index of its repository: each model, with the reason why it is not ready, or ""."""
    # MLServer's clients require a reason even if the model is ready.
    facts = [
        {
            "name": served.name,
            "version": str(served.version),
            "state": "UNAVAILABLE" if reason else "READY",
            "reason": reason,
        }
        for served, reason in reasons
    ]
    return Body(encode(facts))


def config(
    served: Identity,
    samples: dict,
    answers: dict,
    declared: Mapping[str, dict] = NO_PARAMETERS,
    *,
    streams: bool = False,
) -> Body:
    """Return Triton's configuration of the model: inputs, outputs and parameters.

    `streams` is whether predictor yields its prediction item by item.
    """
    facts = {"name": served.name, "platform": PLATFORM, "backend": PLATFORM, "max_batch_size": 0}
    version_policy = {"specific": {"versions": [str(served.version)]}}
    tensors = {"input": described(samples, INPUT), "output": described(answers, OUTPUT)}
    ports = {key: [_port(tensor) for tensor in value] for key, value in tensors.items()}
    defaults = {name: {"string_value": _text(schema.get("default"))} for name, schema in declared.items()}
    policies = {"version_policy": version_policy, "model_transaction_policy": {"decoupled": streams}}
    return Body(encode({**facts, **policies, **ports, "parameters": defaults}))


def _text(value: object) -> str:
    return value if isinstance(value, str) else encode(value).decode("utf-8")


def _port(tensor: dict) -> dict:
    """Return a tensor of the metadata in the form of Triton's configuration."""
    datatype = tensor["datatype"].replace("BYTES", "STRING")
    return {"name": tensor["name"], "data_type": f"TYPE_{datatype}", "dims": tensor["shape"]}


class Counted(NamedTuple):
    """The number of requests to `infer` with one outcome, and their duration in nanoseconds."""

    requests: int = 0
    nanoseconds: int = 0

    def plus(self, nanoseconds: int) -> "Counted":
        """Return the counts with one more request."""
        return Counted(self.requests + 1, self.nanoseconds + nanoseconds)


class Statistics(NamedTuple):
    """A model's counts: successful and failed requests to `infer`, and the samples and calls of all protocols.

    `processing` and `batches` are histograms, as in http.metrics. Without `batches`, each call had one sample.
    """

    served: Identity
    requests: Mapping[bool, Counted]
    processing: dict
    batches: dict | None = None


def statistics(models: Iterable[Statistics]) -> Body:
    """Return Triton's statistics of each model."""
    return Body(encode({"model_stats": [_statistics(model) for model in models]}))


def _statistics(model: Statistics) -> dict:
    samples = sum(model.processing["counts"])
    calls = sum(model.batches["counts"]) if model.batches else 0
    counted = {
        "success": model.requests[True],
        "fail": model.requests[False],
        "compute_infer": Counted(samples, int(model.processing["total"] * 1e9)),
    }
    return {
        "name": model.served.name,
        "version": str(model.served.version),
        "inference_count": samples,
        "execution_count": calls or samples,
        "inference_stats": {name: {"count": each.requests, "ns": each.nanoseconds} for name, each in counted.items()},
    }


_DATATYPES = {"boolean": "BOOL", "integer": "INT64", "number": "FP64"}


def described(schema: dict, name: str) -> list[dict]:
    """Return the tensors that describe samples or predictions of `schema`: numbers, booleans, or else BYTES."""
    properties = schema.get("properties") if _kind(schema) == "object" else None
    if properties:
        return [_described(property_schema, property_name) for property_name, property_schema in properties.items()]
    return [_described(schema, name)]


def _described(schema: dict, name: str) -> dict:
    shape = [-1]
    while _kind(schema) == "array":
        shape.append(schema.get("maxItems", -1))
        schema = schema.get("items", {})
    return {"name": name, "datatype": _DATATYPES.get(_kind(schema, missing="number"), "BYTES"), "shape": shape}


def _kind(schema: dict, missing: str = "") -> str:
    """Return the only type of `schema` except null, "" if there are several; `missing` is the type that can be null."""
    kinds = schema.get("type", "")
    if isinstance(kinds, str):
        return kinds
    non_null = set(kinds) - {"null"}
    if missing and non_null <= {"number", "integer"}:
        return missing
    return min(non_null) if len(non_null) == 1 and not missing else ""
