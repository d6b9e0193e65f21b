"""Ask a service that answers each sample with itself by MLServer's own types and codecs; print every case.

They are the cases of MLServer's tests of its REST server, but those of generate, streaming and what its own models do;
and a round by each of its codecs. The service lets clients unload its model.
"""

import gzip
import json
import sys
import urllib.error
import urllib.request
from datetime import datetime, timezone

import numpy as np
import pandas as pd
from counted import Cases, array
from mlserver import cloudevents
from mlserver.codecs import Base64Codec, DatetimeCodec, NumpyCodec, NumpyRequestCodec, PandasCodec, StringCodec
from mlserver.codecs.string import StringRequestCodec
from mlserver.types import (
    InferenceErrorResponse,
    InferenceRequest,
    InferenceResponse,
    MetadataModelResponse,
    MetadataServerResponse,
    RepositoryIndexResponse,
    RequestInput,
    RequestOutput,
)

url, model, version = sys.argv[1:]
in_version = f"/models/{model}/versions/{version}"
NUMBERS = pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan], "c": [True, False], "d": ["x", "ü"]})
# What nests, and columns that are of no one kind.
NESTED = {
    "lists": [[1, 2], [3]],
    "rows": [[1.5, 2.5], [3.5, 4.5]],
    "objects": [{"a": [1]}, {"b": None}],
    "lists in lists": [[[1], [2, 3]], []],
    "kinds": [1, "a"],
    "large": [2**70, 1],
}


def asked(path, body=None, headers=()):
    """Return (status, text) of a request."""
    request = urllib.request.Request(f"{url}{path}", body, {"Content-Type": "application/json", **dict(headers)})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def inferred(request, where="", **headers):
    """Return the response to a request, as MLServer's types read it."""
    status, text = asked(f"/v2/models/{model}{where}/infer", request.model_dump_json().encode(), headers)
    if status != 200:
        raise RuntimeError(f"{status} {text!r}")
    return InferenceResponse.model_validate_json(text)


def rejection(path, body=None):
    """Return status and message of an error, as MLServer's types read it."""
    status, text = asked(path, body)
    return [status, InferenceErrorResponse.model_validate_json(text).error]


def output_of(given):
    """Return the first output of the response to an input."""
    return inferred(InferenceRequest(inputs=[given])).outputs[0]


def columns(frame):
    """Return the columns of a data frame as values that can be compared."""
    return {name: [str(column.dtype), column.tolist()] for name, column in frame.items()}


def framed(frame, **more):
    """Return the columns of the response to a data frame, as MLServer's codec decodes them."""
    request = PandasCodec.encode_request(frame, use_bytes=False)
    for name, value in more.items():
        setattr(request, name, value)
    return columns(PandasCodec.decode_response(inferred(request)))


def ask_server(cases):
    """Ask for all but predictions."""
    rows = NumpyCodec.encode_input("x", np.array([[1, 2]]))
    body = InferenceRequest(inputs=[rows]).model_dump_json().encode()
    for name, path in {
        "live": "/v2/health/live",
        "ready": "/v2/health/ready",
        "model ready": f"/v2/models/{model}/ready",
        "version ready": f"/v2/models/{model}/versions/{version}/ready",
    }.items():
        cases.add(name, lambda p=path: asked(p)[0], 200)
    server = ["nb-builder", version, ["binary_tensor_data"]]
    cases.add(
        "server", lambda: [*MetadataServerResponse.model_validate_json(asked("/v2")[1]).model_dump().values()], server
    )
    for name, where in {"metadata": "", "metadata of a version": f"/versions/{version}"}.items():
        cases.add(
            name,
            lambda w=where: described(asked(f"/v2/models/{model}{w}")[1]),
            [model, "nb-builder", [version], "input-0"],
        )
    state = [[model, version, "READY"]]
    cases.add("index", lambda: indexed(asked("/v2/repository/index", b"{}")[1]), state)
    cases.add("index of what is ready", lambda: indexed(asked("/v2/repository/index", b'{"ready": true}')[1]), state)
    cases.add("load", lambda: asked(f"/v2/repository/models/{model}/load", b"")[0], 200)
    unknown = [404, "Request for unknown model: 'other' is not found."]
    cases.add("load of an unknown model", lambda: rejection("/v2/repository/models/other/load", b""), unknown)
    cases.add("metadata of an unknown model", lambda: rejection("/v2/models/other"), unknown)
    cases.add(
        "inference of an unknown model",
        lambda: rejection("/v2/models/other/versions/v0/infer", body),
        [404, "Request for unknown model: 'other' version 'v0' is not found."],
    )
    invalid = json.dumps({"inputs": [{"name": "x", "shape": [1], "datatype": "FP8", "data": [1]}]}).encode()
    expected = [400, "The input 'x' has an unsupported datatype."]
    cases.add("an unknown datatype", lambda: rejection(f"/v2/models/{model}/infer", invalid), expected)


def ask_for_pages(cases):
    """Ask for the pages and documents about the server and the model."""
    for name, where in {"": "", " of the model": f"/models/{model}", " of a version": in_version}.items():
        cases.add(f"page{name}", lambda w=where: kind_of(f"/v2{w}/docs"), [200, "text/html"])
        cases.add(f"document{name}", lambda w=where: titled(f"/v2{w}/docs/dataplane.json"), [200, "3.1.0", model])
    cases.add("page of an unknown model", lambda: asked("/v2/models/other/docs")[0], 404)
    cases.add("document of an unknown model", lambda: asked("/v2/models/other/docs/dataplane.json")[0], 404)


def kind_of(path):
    """Return status and content type of a page."""
    with urllib.request.urlopen(url + path, timeout=20) as answer:
        return [answer.status, answer.headers.get_content_type()]


def titled(path):
    """Return status, version of OpenAPI and title of a document."""
    status, text = asked(path)
    document = json.loads(text)
    return [status, document["openapi"], document["info"]["title"]]


def ask_for_events(cases):
    """Ask for the header fields of CloudEvents."""
    rows = [NumpyCodec.encode_input("x", np.array([[1, 2]]))]
    wanted = {
        cloudevents.CLOUDEVENTS_HEADER_SPECVERSION: cloudevents.CLOUDEVENTS_HEADER_SPECVERSION_DEFAULT,
        cloudevents.CLOUDEVENTS_HEADER_TYPE: cloudevents.CloudEventsTypes.Response.value,
        cloudevents.CLOUDEVENTS_HEADER_SOURCE: "io.seldon.serving.deployment.nb-builder",
        cloudevents.CLOUDEVENTS_HEADER_INFERENCE_SERVICE: "nb-builder",
        cloudevents.CLOUDEVENTS_HEADER_MODEL_ID: model,
        cloudevents.CLOUDEVENTS_HEADER_ENDPOINT: model,
    }
    ids = (cloudevents.CLOUDEVENTS_HEADER_ID, cloudevents.CLOUDEVENTS_HEADER_REQUEST_ID)
    named = InferenceRequest(id="7", inputs=rows)
    cases.add("fields of an event", lambda: fields_of(named, (*wanted, *ids)), {**wanted, **dict.fromkeys(ids, "7")})
    nameless = InferenceRequest(inputs=rows)
    cases.add("an event has an id in any case", lambda: len(fields_of(nameless, ids)[ids[0]]), 36)


def fields_of(request, names):
    """Return these header fields of the answer to a request."""
    sent = urllib.request.Request(f"{url}/v2/models/{model}/infer", request.model_dump_json().encode())
    with urllib.request.urlopen(sent, timeout=20) as answer:
        return {name: answer.headers[name] for name in names}


def ask_to_unload(cases):
    """Unload the model, look for it, and load it again."""
    paths = {"metadata": f"/v2/models/{model}", "metadata by version": f"/v2{in_version}"}
    body = InferenceRequest(inputs=[NumpyCodec.encode_input("x", np.array([[1, 2]]))]).model_dump_json().encode()
    repository = f"/v2/repository/models/{model}"
    unknown = [404, "Request for unknown model: 'other' is not found."]
    cases.add("unload of an unknown model", lambda: rejection("/v2/repository/models/other/unload", b""), unknown)
    cases.add("unload", lambda: asked(f"{repository}/unload", b"")[0], 200)
    for name, path in paths.items():
        cases.add(f"{name} of an unloaded model", lambda p=path: rejection(p)[0], 404)
    cases.add("inference of an unloaded model", lambda: rejection(f"/v2/models/{model}/infer", body)[0], 404)
    cases.add("an unloaded model is not ready", lambda: asked(f"/v2/models/{model}/ready")[0], 503)
    state = [[model, version, "UNAVAILABLE"]]
    cases.add("index of an unloaded model", lambda: indexed(asked("/v2/repository/index", b"{}")[1]), state)
    cases.add("load again", lambda: asked(f"{repository}/load", b"")[0], 200)
    for name, path in paths.items():
        cases.add(f"{name} of a model that was loaded again", lambda p=path: asked(p)[0], 200)
    cases.add("its inference", lambda: asked(f"/v2/models/{model}/infer", body)[0], 200)


def described(text):
    """Return the part of the model's metadata that a case compares."""
    metadata = MetadataModelResponse.model_validate_json(text)
    return [metadata.name, metadata.platform, metadata.versions, *(tensor.name for tensor in metadata.inputs)]


def indexed(text):
    """Return the part of the repository's index that a case compares."""
    return [[item.name, item.version, item.state] for item in RepositoryIndexResponse.model_validate_json(text).root]


def ask_by_codecs(cases):
    """Send what each codec encodes, and decode what comes back by it."""
    rows = np.array([[1, 2], [3, 4]])
    request = InferenceRequest(id="7", inputs=[NumpyCodec.encode_input("x", rows)])
    for name, where in {"inference": "", "inference by version": f"/versions/{version}"}.items():
        cases.add(name, lambda w=where: array(NumpyCodec.decode_output(inferred(request, w).outputs[0])), array(rows))
    cases.add(
        "id and names",
        lambda: [getattr(inferred(request), key) for key in ("id", "model_name", "model_version")],
        ["7", model, version],
    )
    wanted = InferenceRequest(inputs=request.inputs, outputs=[RequestOutput(name="output-0")])
    cases.add("a named output", lambda: array(NumpyCodec.decode_output(inferred(wanted).outputs[0])), array(rows))
    arrays = {
        "floats": np.array([[0.5, 1.5]]),
        "halves": np.array([0.5, 1.5], "f2"),
        "truths": np.array([[True], [False]]),
    }
    arrays["bytes"] = np.array([[0], [255]], "u1")
    for name, values in arrays.items():
        wide = values.astype({"f": "f8", "b": "?", "u": "i8"}[values.dtype.kind])
        # Of one dimension, MLServer's codec makes two.
        wide = wide.reshape(-1, 1) if wide.ndim == 1 else wide
        given = NumpyCodec.encode_input("x", values)
        cases.add(f"an array of {name}", lambda g=given: array(NumpyCodec.decode_output(output_of(g))), array(wide))
    gap = NumpyCodec.encode_input("x", np.array([[1.0, np.nan]]))
    cases.add(
        "an array with a gap", lambda: array(NumpyCodec.decode_output(output_of(gap))), array(np.array([[1.0, np.nan]]))
    )
    whole = NumpyRequestCodec.encode_request(rows)
    cases.add(
        "a request by numpy's codec", lambda: array(NumpyRequestCodec.decode_response(inferred(whole))), array(rows)
    )
    texts = ["a", "ü", ""]
    given = StringCodec.encode_input("x", texts, use_bytes=False)
    cases.add("texts", lambda: StringCodec.decode_output(output_of(given)), texts)
    plain = StringRequestCodec.encode_request(texts, use_bytes=False)
    cases.add("a request by the codec of texts", lambda: StringCodec.decode_output(inferred(plain).outputs[0]), texts)
    raw = Base64Codec.encode_input("x", [b"\x00\xff", b"a"], use_bytes=False)
    cases.add("base64", lambda: [list(one) for one in Base64Codec.decode_output(output_of(raw))], [[0, 255], [97]])
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    times = DatetimeCodec.encode_input("x", [moment], use_bytes=False)
    cases.add("times", lambda: [str(one) for one in DatetimeCodec.decode_output(output_of(times))], [str(moment)])
    packed = gzip.compress(request.model_dump_json().encode())
    headers = {"Content-Encoding": "gzip"}
    cases.add("a compressed request", lambda: asked(f"/v2/models/{model}/infer", packed, headers)[0], 200)


def ask_by_frames(cases):
    """Send data frames, and decode what comes back as data frames."""
    cases.add("a data frame", lambda: framed(NUMBERS), columns(NUMBERS))
    cases.add("a data frame and an id", lambda: framed(NUMBERS, id="7"), columns(NUMBERS))
    cases.add("a column of two", lambda: framed(NUMBERS, outputs=[RequestOutput(name="d")]), columns(NUMBERS[["d"]]))
    for name, values in NESTED.items():
        frame = pd.DataFrame({"x": pd.Series(values, dtype=object), "n": [1, 2]})
        wanted = columns(frame)
        cases.add(f"a data frame of {name}", lambda f=frame: framed(f), wanted)
        alone = frame[["x"]]
        cases.add(f"a data frame of {name} alone", lambda f=alone: framed(f), columns(alone))
    # A column that MLServer's codec would not have written so: an array in a frame, whose rows come back as lists.
    mixed = InferenceRequest(
        parameters={"content_type": "pd"},
        inputs=[
            RequestInput(name="points", datatype="FP64", shape=[2, 2], data=[0.5, 1.5, 2.5, 3.5]),
            RequestInput(name="n", datatype="INT64", shape=[2], data=[1, 2]),
        ],
    )
    points = {"points": ["object", [[0.5, 1.5], [2.5, 3.5]]], "n": ["int64", [1, 2]]}
    cases.add("an array in a data frame", lambda: columns(PandasCodec.decode_response(inferred(mixed))), points)
    kinds = {"points": "pd_json", "n": None}
    cases.add("its content types", lambda: content_types(inferred(mixed)), ["pd", kinds])


def content_types(response):
    """Return the content type of a response, and those of its outputs."""
    of_outputs = {one.name: one.parameters.content_type if one.parameters else None for one in response.outputs}
    return [response.parameters.content_type, of_outputs]


def main():
    """Ask, and print."""
    cases = Cases()
    ask_server(cases)
    ask_by_codecs(cases)
    ask_by_frames(cases)
    ask_for_pages(cases)
    ask_for_events(cases)
    ask_to_unload(cases)
    cases.tell()


main()
