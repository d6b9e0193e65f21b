"""The request bodies of each route, as JSON schemas with examples, for the OpenAPI document."""

import re
from collections.abc import Mapping

from nb_service.files import NO_FILES, Files
from nb_service.protocols import bodies, cloud_events, generation, inference, open_inference, tensors

JSON = "application/json"
LIST = {"type": "array"}
OBJECT = {"type": "object"}
TEXT = {"type": "string"}
_NOTHING: Mapping[str, dict | None] = {}
BINARY = {**TEXT, "format": "binary"}
SAMPLE = {"$ref": "#/components/schemas/Sample"}
PARAMETERS = {"$ref": "#/components/schemas/Parameters"}
_TENSOR = {
    **OBJECT,
    "properties": {
        "name": TEXT,
        "shape": {**LIST, "items": {"type": "integer", "minimum": 0}, "minItems": 1},
        "datatype": {"enum": [*tensors.CODES, "BYTES"]},
        "data": LIST,
        "parameters": OBJECT,
    },
    "required": ["name", "shape", "datatype"],
}
# A form field is text, because few programs understand the keywords that describe its contents.
_JSON_TEXT = {**TEXT, "minLength": 1, "contentMediaType": JSON, "contentSchema": SAMPLE}
_ID = "75e9b05b45b40c6f1d3ea842"
_ONE_FEEDBACK = {
    **OBJECT,
    "properties": {
        "id": {**TEXT, "minLength": 1, "maxLength": 128, "description": "X-Request-ID of the response."},
        "index": {
            "type": "integer",
            "minimum": 0,
            "maximum": (1 << 31) - 1,
            "description": "Index of the prediction, for a request with several samples.",
        },
        "prediction": {"description": "The prediction, if the service has not kept it."},
        "answer": {"description": "The true value."},
    },
    "required": ["answer"],
    "anyOf": [{"required": ["id"]}, {"required": ["prediction"]}],
    "additionalProperties": False,
}
_FEEDBACK = {"anyOf": [_ONE_FEEDBACK, {**LIST, "items": _ONE_FEEDBACK}]}
# The CSV cells allowed for a value of each type.
_CELLS = {
    "integer": r"-?[1-9][0-9]{0,8}",
    "number": r"-?[1-9][0-9]{0,8}(\.[0-9]{1,8})?",
    "boolean": "(true|false)",
    "string": "[A-Za-z][A-Za-z ]{0,20}[A-Za-z]",
}


class Bodies:
    """Describes the bodies for a model whose samples have `schema` and `files`, with its golden `rows` as examples."""

    def __init__(
        self, schema: dict, rows: list[dict], files: Files = NO_FILES, parameters: Mapping[str, dict] | None = None
    ) -> None:
        self._schema = schema
        self._files = files
        self._declared = parameters or {}
        self._parameters = PARAMETERS if parameters else None
        self._samples = [row["sample"] for row in rows]
        self._answers = [row["answer"] for row in rows]

    def describe(self, path: str) -> dict:
        """Return a route's request bodies: a schema and examples by media type."""
        arrays = [self._samples] if self._samples else []
        many: dict[str, dict] = {kind: {} for kind in bodies.TYPES}
        many["text/csv"] = many["application/csv"] = {"schema": _csv(self._schema)}
        many["application/x-npy"] = {"schema": BINARY}
        by_path = {
            "/predict": {JSON: {"schema": _any(self._one()), **examples(self._samples)}, **self._with_files()},
            "/explain": {JSON: {"schema": SAMPLE, **examples(self._samples)}, **self._with_files()},
            "/mcp": {JSON: {"schema": _message()}},
            "/explanations/<name>": {JSON: {"schema": SAMPLE}, **self._with_files()},
            "/predict/batch": many | {JSON: {"schema": {**LIST, "items": SAMPLE}, **examples(arrays)}},
            "/invocations": many
            | {JSON: {"schema": {"anyOf": self._invocations()}, **examples(self._samples)}, **self._with_files()},
            "/": {
                cloud_events.STRUCTURED: {"schema": _event()},
                cloud_events.BATCH: {"schema": {**LIST, "items": _event()}},
                JSON: {"schema": SAMPLE},
                **self._with_files(),
            },
            "/feedback": {JSON: {"schema": _FEEDBACK, **examples(self._feedback())}},
            "/docs": {"application/x-www-form-urlencoded": {"schema": _with("sample", _JSON_TEXT)}},
        }
        if path in by_path:
            return by_path[path]
        if path.endswith((open_inference.INFER, *generation.PATHS)):
            # Some of the parameters here belong to the protocol.
            inputs = _with(
                "inputs", {**LIST, "items": _TENSOR, "minItems": 1}, {"parameters": self._parameters and OBJECT}
            )
            if path.endswith(generation.PATHS):
                # Parameters may also be next to the text.
                text = _with(generation.TEXT_INPUT, TEXT, {"id": {"type": ["string", "null"]}, "parameters": OBJECT})
                return {JSON: {"schema": {"anyOf": [text, inputs]}}}
            return {
                JSON: {"schema": inputs, **examples(self._tensors())},
                "application/octet-stream": {"schema": BINARY},
            }
        if path.endswith((":classify", ":regress")):
            listed = {**LIST, "items": self._example()}
            return {JSON: {"schema": _with("examples", listed, {"parameters": self._parameters})}}
        # TensorFlow Serving's, KServe's and Vertex AI's.
        instances = _with("instances", {**LIST, "items": SAMPLE}, {"parameters": self._parameters})
        of_vertex = {} if path.startswith("/v1/models/") else self._with_files()
        return {JSON: {"schema": instances, **examples([{"instances": array} for array in arrays])}, **of_vertex}

    def _with_files(self) -> dict:
        """Return the bodies of one sample that are a file, and the form with one part per argument."""
        if not self._files.arguments:
            return {}
        raw: dict = {media_type: {"schema": BINARY} for media_type in self._files.media_types}
        form = {**OBJECT, "properties": self._parts()}
        if self._files.by_name and self._schema.get("required"):
            form["required"] = self._schema["required"]
        return {**raw, "multipart/form-data": {"schema": form}}

    def _parts(self) -> dict:
        """Return the schemas of a form's parts, in argument order (x-order, which Cog's clients read)."""
        parts = dict(self._schema.get("properties", {})) if self._files.by_name else {}
        for argument in self._files.arguments:
            parts[argument.name] = {**LIST, "items": BINARY} if argument.many else BINARY
        parts |= {name: schema for name, schema in self._declared.items() if name not in parts}
        order = sorted(parts, key=[*self._files.order, *parts].index)
        return {name: {**parts[name], "x-order": number} for number, name in enumerate(order)}

    def _feedback(self) -> list:
        """Return a feedback body about one prediction, and one about several."""
        if not self._answers:
            return []
        first, last = self._answers[0], self._answers[-1]
        return [
            {"id": _ID, "answer": first},
            [{"id": _ID, "index": 0, "answer": first}, {"prediction": first, "answer": last}],
        ]

    def _example(self) -> dict:
        """Return the schema of an example in TensorFlow Serving's format: an object of names and values."""
        return SAMPLE if self._schema.get("type") == "object" else _alone(inference.INPUT, SAMPLE)

    def _invocations(self) -> list[dict]:
        """Return the schemas of the JSON bodies: a sample, or MLflow's formats."""
        many = {**LIST, "items": SAMPLE}
        of_mlflow = {"params": self._parameters}
        frames = [_alone("instances", many, of_mlflow), _alone("inputs", {**many, "minItems": 1}, of_mlflow)]
        if self._schema.get("type") == "object":
            frames.append(_alone("dataframe_records", many, of_mlflow))
        return [*self._one(), *frames]

    def _one(self) -> list[dict]:
        """Return the schemas of one sample: plain, and with parameters in Hugging Face's form."""
        of_hugging_face = _alone("inputs", SAMPLE, {"parameters": self._parameters})
        return [SAMPLE, {**of_hugging_face, "required": ["inputs", "parameters"]}] if self._parameters else [SAMPLE]

    def _tensors(self) -> list[dict]:
        """Return the golden samples as an Open Inference request, in a list; [] if they don't form a tensor."""
        tensor = tensors.stack(self._samples)
        if tensor is None:
            return []
        named = {"name": inference.INPUT, "shape": tensor.shape, "datatype": tensor.datatype, "data": tensor.flat}
        return [{"inputs": [named]}]


def _any(schemas: list[dict]) -> dict:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def examples(values: list) -> dict:
    """Return {"examples": …} of these values, {} if there are none."""
    return {"examples": {f"row{number}": {"value": value} for number, value in enumerate(values, 1)}} if values else {}


def _with(name: str, schema: dict, others: Mapping[str, dict | None] = _NOTHING) -> dict:
    """Return the schema of an object with one property, plus those of `others` that are not None."""
    properties = {name: schema, **{other: inner for other, inner in others.items() if inner}}
    return {**OBJECT, "properties": properties, "required": [name]}


def _alone(name: str, schema: dict, others: Mapping[str, dict | None] = _NOTHING) -> dict:
    return {**_with(name, schema, others), "additionalProperties": False}


def _event() -> dict:
    texts = {name: {**TEXT, "minLength": 1} for name in ("id", "source", "type")}
    properties = {**texts, "specversion": {"const": cloud_events.VERSION}, "data": SAMPLE}
    return {**OBJECT, "properties": properties, "required": list(properties)}


def _message() -> dict:
    """Return the schema of a JSON-RPC message."""
    # Params of another type get the protocol's own error, with 200.
    identifier = {"type": ["string", "integer", "null"]}
    properties = {"jsonrpc": {"const": "2.0"}, "id": identifier, "method": TEXT, "params": {}}
    return {**OBJECT, "properties": properties, "required": ["jsonrpc", "method"]}


def _csv(schema: dict) -> dict:
    """Return the schema of a CSV table of such samples: its pattern has a header if they have names."""
    if schema.get("type") == "object" and schema.get("properties"):
        names = ",".join(map(re.escape, schema["properties"]))
        row = ",".join(_cell(value) for value in schema["properties"].values())
        return {**TEXT, "pattern": rf"^{names}\n({row}\n)+$"}
    if schema.get("type") == "array":
        cells = schema.get("minItems") or 1
        row = ",".join([_cell(schema.get("items", {}))] * cells)
        return {**TEXT, "pattern": rf"^({row}\n)+$"}
    return {**TEXT, "pattern": rf"^({_cell(schema)}\n)+$"}


def _cell(schema: dict) -> str:
    """Return the pattern of a cell; a value of several types, or of an unknown one, is a word here."""
    kind = schema.get("type")
    return _CELLS.get(kind, _CELLS["string"]) if isinstance(kind, str) else _CELLS["string"]
