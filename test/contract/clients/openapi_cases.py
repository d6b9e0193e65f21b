"""Ask services as Open Inference's description says, and have openapi-core judge requests and answers by it.

A case is [status, whether the request fits the description, whether the answer does].
"""

import http.client
import json
import sys
from pathlib import Path
from urllib.parse import urlsplit

from counted import Cases
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse

adder, people, echo = sys.argv[1:]
MODELS = {adder: "adder", people: "people", echo: "echo"}
DESCRIPTION = OpenAPI.from_file_path(str(Path(__file__).with_name("open_inference.json")))
VALUES = {
    "BOOL": [True, False],
    "UINT8": [0, 255],
    "UINT16": [0, 65535],
    "UINT32": [0, 2**32 - 1],
    "UINT64": [0, 2**64 - 1],
    "INT8": [-128, 127],
    "INT16": [-(2**15), 2**15 - 1],
    "INT32": [-(2**31), 2**31 - 1],
    "INT64": [-(2**63), 2**63 - 1],
    "FP16": [0.5, -65504.0],
    "FP32": [0.5, -3.0e38],
    "FP64": [0.1, -1e308],
    "BYTES": ["", "ü"],
}
# For an array of two rows and more: flat, and nested as the shape says.
SHAPES = {
    "2 x 3": ([2, 3], [1, 2, 3, 4, 5, 6], [[1, 2, 3], [4, 5, 6]]),
    "1 x 2 x 2": ([1, 2, 2], [1, 2, 3, 4], [[[1, 2], [3, 4]]]),
    "3 x 1": ([3, 1], [1, 2, 3], [[1], [2], [3]]),
}
INFER = ("POST", "/v2/models/echo/infer")
GOOD, BAD, REFUSED, UNKNOWN = [200, True, True], [400, False, True], [400, True, True], [404, True, True]


def asked(url, method, path, body=None):
    """Return (status, decoded answer, whether the request fits, whether the answer does)."""
    data = None if body is None else json.dumps(body).encode()
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    request = MockRequest(url, method, path, data=data)
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    response = MockResponse(text, answer.status, dict(answer.headers), kind)
    fits = [
        not list(DESCRIPTION.iter_request_errors(request)),
        not list(DESCRIPTION.iter_response_errors(request, response)),
    ]
    return answer.status, json.loads(text), *fits


def judged(url, method, path, body=None):
    """Return a case: the status, and what fits."""
    status, _, *fits = asked(url, method, path, body)
    return [status, *fits]


def tensor(data, shape, datatype="INT64", **more):
    """Return an input."""
    return {"name": "x", "shape": shape, "datatype": datatype, "data": data, **more}


def without(tensor, key):
    """Return an input that lacks a field."""
    return {name: value for name, value in tensor.items() if name != key}


ROWS = tensor([1, 2, 3, 4], [2, 2])
NAMES = {"name": "name", "shape": [2], "datatype": "BYTES", "data": ["a", "b"]}
AGES = {"name": "age", "shape": [2, 1], "datatype": "INT64", "data": [[1], [2]]}
# Bodies that the description rules out, and the service must, too.
RULED_OUT = {
    "no inputs": {},
    "inputs an object": {"inputs": {"x": ROWS}},
    "inputs a text": {"inputs": "x"},
    "an array": [ROWS],
    "an input that is a number": {"inputs": [1]},
    "no name": {"inputs": [without(ROWS, "name")]},
    "a name that is a number": {"inputs": [{**ROWS, "name": 1}]},
    "no shape": {"inputs": [without(ROWS, "shape")]},
    "a shape that is a number": {"inputs": [{**ROWS, "shape": 4}]},
    "a shape of texts": {"inputs": [{**ROWS, "shape": ["2", "2"]}]},
    "a shape of fractions": {"inputs": [{**ROWS, "shape": [2.5, 2]}]},
    "no datatype": {"inputs": [without(ROWS, "datatype")]},
    "a datatype that is a number": {"inputs": [{**ROWS, "datatype": 64}]},
    "an unknown datatype": {"inputs": [{**ROWS, "datatype": "FP8"}]},
    "no data": {"inputs": [without(ROWS, "data")]},
    "data that are a number": {"inputs": [{**ROWS, "data": 1}]},
    "data with an object": {"inputs": [{**ROWS, "data": [1, 2, 3, {}]}]},
    "an id that is a number": {"id": 7, "inputs": [ROWS]},
    "outputs an object": {"inputs": [ROWS], "outputs": {"name": "output-0"}},
    "an output without a name": {"inputs": [ROWS], "outputs": [{}]},
    "parameters a list": {"inputs": [ROWS], "parameters": [1]},
    "parameters of an input a text": {"inputs": [{**ROWS, "parameters": "x"}]},
}
# Bodies that fit the description, and which no service could answer.
UNANSWERED = {
    "fewer values than the shape has": {"inputs": [tensor([1, 2, 3], [2, 2])]},
    "a dimension below zero": {"inputs": [tensor([1], [-1])]},
    "texts as numbers": {"inputs": [tensor(["a"], [1])]},
    "two inputs of a name": {"inputs": [ROWS, ROWS]},
    "inputs of different lengths": {"inputs": [ROWS, {**tensor([1], [1]), "name": "y"}]},
    "an unknown parameter": {"inputs": [ROWS], "parameters": {"own": [1, "a"]}},
    "an output that is not there": {"inputs": [ROWS], "outputs": [{"name": "y"}]},
}
ANSWERED = {
    "an id": {"id": "7", "inputs": [ROWS]},
    "an id beyond ASCII": {"id": "ü", "inputs": [ROWS]},
    "parameters of an input": {"inputs": [{**ROWS, "parameters": {"own": True}}]},
    "a named output": {"inputs": [ROWS], "outputs": [{"name": "output-0"}]},
    "parameters of an output": {"inputs": [ROWS], "outputs": [{"name": "output-0", "parameters": {"own": 1}}]},
    "an unknown field": {"inputs": [ROWS], "own": 1},
    "an empty batch": {"inputs": [tensor([], [0, 2])]},
}


def main():
    """Request everything but predictions, then predictions, then invalid ones."""
    cases = Cases()

    def add(name, wanted, *words):
        cases.add(name, lambda: judged(*words), wanted)

    versions = {url: asked(url, "GET", f"/v2/models/{name}")[1]["versions"][0] for url, name in MODELS.items()}
    ask_for_all_but_predictions(add, versions)
    ask_for_tensors(add)
    ask_for_predictions(add, versions)
    ask_for_refusals(add)
    cases.tell()


def ask_for_all_but_predictions(add, versions):
    """Request the metadata of server and models."""
    paths = {"live": "/health/live", "ready": "/health/ready", "server": "", "server and a slash": "/"}
    for name, path in paths.items():
        add(name, GOOD, adder, "GET", f"/v2{path}")
    for url, name in MODELS.items():
        add(f"metadata of {name}", GOOD, url, "GET", f"/v2/models/{name}")
        add(f"metadata of {name} by version", GOOD, url, "GET", f"/v2/models/{name}/versions/{versions[url]}")
    add("model ready", GOOD, adder, "GET", "/v2/models/adder/ready")
    add("version ready", GOOD, adder, "GET", f"/v2/models/adder/versions/{versions[adder]}/ready")


def ask_for_tensors(add):
    """Send each datatype and some shapes, flat and nested."""
    for datatype, (first, last) in VALUES.items():
        for form, data in {"flat": [first, last], "nested": [[first], [last]]}.items():
            add(f"{datatype} {form}", GOOD, echo, *INFER, {"inputs": [tensor(data, [2, 1], datatype)]})
    for name, (shape, *forms) in SHAPES.items():
        for form, data in zip(("flat", "nested"), forms, strict=True):
            add(f"{name} {form}", GOOD, echo, *INFER, {"inputs": [tensor(data, shape)]})


def ask_for_predictions(add, versions):
    """Ask for predictions in each form of a request."""
    add("by version", GOOD, echo, "POST", f"/v2/models/echo/versions/{versions[echo]}/infer", {"inputs": [ROWS]})
    two = {"inputs": [NAMES, AGES]}
    turned = [{"name": "next"}, {"name": "greeting"}]
    add("columns of any names", GOOD, echo, *INFER, two)
    add("columns of the model", GOOD, people, "POST", "/v2/models/people/infer", two)
    add("outputs in another order", GOOD, people, "POST", "/v2/models/people/infer", {**two, "outputs": turned})
    add("one output of two", GOOD, people, "POST", "/v2/models/people/infer", {**two, "outputs": turned[:1]})
    for name, body in ANSWERED.items():
        add(name, GOOD, echo, *INFER, body)


def ask_for_refusals(add):
    """Send invalid requests."""
    for name, body in RULED_OUT.items():
        add(name, BAD, echo, *INFER, body)
    for name, body in UNANSWERED.items():
        add(name, REFUSED, echo, *INFER, body)
    three = {"inputs": [tensor([1, 2, 3], [1, 3])]}
    add("refused by the model", REFUSED, adder, "POST", "/v2/models/adder/infer", three)
    add("unknown model", UNKNOWN, echo, "POST", "/v2/models/other/infer", {"inputs": [ROWS]})
    add("unknown version", UNKNOWN, echo, "POST", "/v2/models/echo/versions/9/infer", {"inputs": [ROWS]})
    add("metadata of an unknown model", UNKNOWN, echo, "GET", "/v2/models/other")
    add("unknown model's readiness", UNKNOWN, echo, "GET", "/v2/models/other/ready")


main()
