"""MLflow's scoring server: a data frame or tensors as JSON, or a table as CSV; predictions are JSON."""

from nb_service.protocols import (
    DEFAULT,
    JSON_TYPE,
    Body,
    Limits,
    Malformed,
    Parameters,
    Question,
    Series,
    bodies,
    csv_body,
    encode,
    in_object,
    keyed,
    samples_of,
)
from nb_service.protocols.bodies import ContentType
from nb_service.protocols.rows import Rows
from nb_service.protocols.tf_serving import columnar
from nb_service.request_calls import NONE

KEYS = ("dataframe_split", "dataframe_records", "instances", "inputs")


def is_meant(decoded: object) -> bool:
    """Return whether decoded JSON is an MLflow request rather than a sample: all its keys are MLflow's."""
    if not isinstance(decoded, dict) or not any(key in decoded for key in KEYS):
        return False
    return set(decoded) <= {*KEYS, "params"}


def is_meant_by(body: bytes) -> bool:
    """Return whether an invalid body was meant as an MLflow request: it contains a key of MLflow's."""
    return any(b'"%b"' % key.encode("ascii") in body for key in KEYS)


def is_csv(body: bytes, media_type: ContentType, accept: str | None, rows: Rows) -> bool:
    """Return whether a body is MLflow's CSV. SageMaker's CSV has no header, or its client names a format in Accept."""
    is_csv = media_type.kind == csv_body.CONTENT_TYPE and bodies.accepted(accept) is None
    return is_csv and csv_body.has_header(body, rows, media_type.parameters.get("header"))


def read_csv(body: bytes, content_type: str, rows: Rows, limits: Limits = DEFAULT) -> Question:
    """Return the samples of a CSV table, with predictions written as JSON; raise Malformed."""
    return _predictions(bodies.read(body, content_type, None, rows, limits).samples)


def read(decoded: dict, media_type: ContentType, rows: Rows, limits: Limits = DEFAULT) -> Question:
    """Return the samples of a decoded body; raise Malformed."""
    if media_type.kind == JSON_TYPE and set(media_type.parameters.items()) - {("charset", "utf-8")}:
        raise Malformed("The only parameter of application/json is charset=utf-8.", 415)
    keys = [key for key in KEYS if key in decoded]
    if len(keys) != 1:
        raise Malformed(f"Send exactly one of {', '.join(KEYS)}; got {', '.join(keys)}.")
    value, parameters = decoded[keys[0]], in_object(decoded, "params")
    if keys == ["dataframe_split"]:
        return _predictions(_split(value, rows, limits), parameters)
    if keys == ["dataframe_records"]:
        return _predictions(_records(value, rows, limits), parameters)
    if keys == ["instances"]:
        return _predictions(samples_of(value, "instances", limits), parameters)
    return _predictions(columnar(value, "predictions", limits).samples, parameters)


def _predictions(samples: Series, parameters: Parameters = NONE) -> Question:
    return Question(samples, lambda answers: keyed(b"predictions", answers), parameters=parameters)


def _split(frame: object, rows: Rows, limits: Limits) -> Series:
    data = frame.get("data") if isinstance(frame, dict) else None
    if not isinstance(frame, dict) or not isinstance(data, list) or not all(isinstance(row, list) for row in data):
        raise Malformed("dataframe_split has no data, a list of rows that are lists.")
    names = frame.get("columns")
    if names is not None and not isinstance(names, list):
        raise Malformed("The columns of dataframe_split are not a list.")
    limits.check_rows(len(data), rows.name_bytes(names))
    return Series.encoded(rows.samples(names, data))


def _records(records: object, rows: Rows, limits: Limits) -> Series:
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise Malformed("dataframe_records is not a list of objects.")
    limits.check_samples(len(records))
    return Series.encoded(rows.sample(list(record), list(record.values())) for record in records)


def rejection(status: int, detail: str) -> tuple[int, Body]:
    """Return status and body of a rejection; a sample that the validator rejects is a bad request."""
    status = 400 if status == 422 else status
    code = "BAD_REQUEST" if status < 500 else "INTERNAL_ERROR"
    return status, Body(encode({"error_code": code, "message": detail}))
