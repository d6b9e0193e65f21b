"""Ask two services by KServe's own client, in both of its protocols; print every case.

One adds two numbers and rejects anything else, the other answers each sample with itself.
"""

import asyncio
import sys

import httpx
import numpy as np
from counted import Cases, array
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

adder, echo = sys.argv[1:]
ARRAYS = {
    "BOOL": np.array([True, False]),
    "UINT8": np.array([0, 255], "u1"),
    "UINT16": np.array([0, 65535], "u2"),
    "UINT32": np.array([0, 2**32 - 1], "u4"),
    "UINT64": np.array([0, 2**64 - 1], "u8"),
    "INT8": np.array([-128, 127], "i1"),
    "INT16": np.array([-(2**15), 2**15 - 1], "i2"),
    "INT32": np.array([-(2**31), 2**31 - 1], "i4"),
    "INT64": np.array([-(2**63), 2**63 - 1], "i8"),
    "FP16": np.array([0.5, -65504], "f2"),
    "FP32": np.array([0.5, -3.0e38], "f4"),
    "FP64": np.array([0.1, -1e308], "f8"),
    "BYTES": np.array(["a", "ü"], dtype=object),
}
# As many of them as differ in JSON.
IN_JSON = ("BOOL", "INT64", "FP64", "BYTES")
loop = asyncio.new_event_loop()
v1, v2 = (InferenceRESTClient(RESTConfig(protocol=protocol)) for protocol in ("v1", "v2"))


def settled(awaitable):
    """Return the result of an awaitable, or the message and status of its error."""
    try:
        return loop.run_until_complete(awaitable)
    except httpx.HTTPStatusError as error:
        return str(error).split(" for url")[0]


def predicted(url, body, name):
    """Return what V1 answers."""
    return settled(v1.infer(url, body, model_name=name))


def input_of(datatype, values, name="x", binary=True):
    """Return an input of an array."""
    given = InferInput(name, list(values.shape), datatype)
    given.set_data_from_numpy(values, binary_data=binary)
    return given


def inferred(inputs, url=echo, name="echo", then=lambda answer: array(answer.outputs[0].as_numpy()), **more):
    """Return what V2 answers."""
    answer = settled(v2.infer(url, InferRequest(name, inputs, **more), model_name=name))
    return answer if isinstance(answer, str) else then(answer)


def in_bytes(inputs):
    """Return the type of the answer's body, and its content, if it was requested as bytes."""
    headers = {}
    request = InferRequest("echo", inputs, request_outputs=[RequestedOutput("output-0", {"binary_data": True})])
    answer = settled(v2.infer(echo, request, model_name="echo", response_headers=headers))
    return [headers["content-type"], array(answer.outputs[0].as_numpy())]


def expected_output(datatype, values):
    """Return what comes back for an input, whose numbers have lost their size in JSON."""
    if datatype == "BYTES":
        return ["object", list(values.shape), values.tolist()]
    wide = {"B": "bool", "U": "int64", "I": "int64", "F": "float64"}[datatype[0]]
    return array(values.astype("uint64" if datatype == "UINT64" else wide))


def ask_v1(cases):
    """Ask as V1 does."""
    unknown = "Servable not found for request: Latest(other), '404 Not Found'"
    objects = [{"a": 1, "b": [2, 3]}, {"a": None, "b": []}]
    cases.add("v1 live", lambda: settled(v1.is_server_live(adder)))
    cases.add("v1 model ready", lambda: settled(v1.is_model_ready(adder, "adder")))
    cases.add("v1 unknown model", lambda: settled(v1.is_model_ready(adder, "other")), unknown)
    pairs = {
        "instances": (adder, {"instances": [[1, 2], [3, 4]]}, {"predictions": [3.0, 7.0]}),
        "inputs": (adder, {"inputs": [[1, 2], [3, 4]]}, {"outputs": [3.0, 7.0]}),
        "named instances": (adder, {"instances": [{"input-0": [1, 2]}]}, {"predictions": [3.0]}),
        "objects": (echo, {"instances": objects}, {"predictions": objects}),
        "no instance": (echo, {"instances": []}, {"predictions": []}),
        "NaN": (echo, {"instances": [float("nan")]}, {"predictions": [None]}),
        "refused": (
            adder,
            {"instances": [[1, 2], [1]]},
            "Sample 2: The notebook's validator rejects this sample., '400 Bad Request'",
        ),
        "no list": (adder, {"instances": 1}, "instances is not a list of samples., '400 Bad Request'"),
    }
    for name, (url, body, wanted) in pairs.items():
        served = "adder" if url == adder else "echo"
        cases.add(f"v1 {name}", lambda u=url, b=body, s=served: predicted(u, b, s), wanted)
    cases.add("v1 prediction of an unknown model", lambda: predicted(adder, {"instances": [[1, 2]]}, "other"), unknown)
    explained = "This model has no explainer: its notebook does not define explainer(x)., '501 Not Implemented'"
    cases.add("v1 explain", lambda: settled(v1.explain(adder, "adder", {"instances": [[1, 2]]})), explained)


def ask_v2(cases):
    """Ask as V2 does."""
    rows = np.array([[1.0, 2.0], [3.5, 4.0]])
    cases.add("v2 live", lambda: settled(v2.is_server_live(echo)))
    cases.add("v2 ready", lambda: settled(v2.is_server_ready(echo)))
    cases.add("v2 model ready", lambda: settled(v2.is_model_ready(echo, "echo")))
    cases.add("v2 unknown model", lambda: settled(v2.is_model_ready(echo, "other")), wanted=False)
    for datatype, values in ARRAYS.items():
        cases.add(
            f"v2 {datatype}", lambda d=datatype, v=values: inferred([input_of(d, v)]), expected_output(datatype, values)
        )
    for datatype in IN_JSON:
        given = input_of(datatype, ARRAYS[datatype], binary=False)
        cases.add(f"v2 {datatype} as JSON", lambda g=given: inferred([g]), expected_output(datatype, ARRAYS[datatype]))
    given = [input_of("FP64", rows)]
    cases.add("v2 id", lambda: inferred(given, request_id="7", then=lambda answer: answer.id), "7")
    cases.add("v2 output as bytes", lambda: in_bytes(given), ["application/octet-stream", array(rows)])
    cases.add(
        "v2 unknown output",
        lambda: inferred(given, request_outputs=[RequestedOutput("y")]),
        "There is no output 'y'. Outputs: output-0., '400 Bad Request'",
    )
    columns = [
        input_of("BYTES", np.array(["a", "b"], dtype=object), "name"),
        input_of("INT64", np.array([1, 2]), "age"),
    ]
    cases.add(
        "v2 columns",
        lambda: inferred(columns, then=lambda got: {one.name: one.as_numpy().tolist() for one in got.outputs}),
        {"name": ["a", "b"], "age": [1, 2]},
    )
    rejected = "Sample 1: The notebook's validator rejects this sample., '400 Bad Request'"
    cases.add("v2 refused", lambda: inferred([input_of("FP64", rows.T[:, :1].repeat(3, 1))], adder, "adder"), rejected)


def main():
    """Ask both services."""
    cases = Cases()
    ask_v1(cases)
    ask_v2(cases)
    cases.tell()


main()
