"""Ask services in each form that MLflow's scoring protocol has, by MLflow's own client where it has a call for it.

One service's samples are objects, one adds two numbers and rejects anything else, one answers each sample with itself.
"""

import json
import sys

import numpy as np
import pandas as pd
import requests
from counted import Cases, array
from mlflow.deployments import PredictionsResponse
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
from scipy.sparse import csr_matrix

people, adder, echo = (ScoringServerClient("127.0.0.1", int(port)) for port in sys.argv[1:])
JSON = "application/json"
UNLIKE = "The sample does not match what the notebook accepts:"
FRAME = pd.DataFrame({"name": ["a", "b"], "age": [1, 2]})
RECORDS = FRAME.to_dict("records")
SAID = [{"greeting": "hi a", "next": 2}, {"greeting": "hi b", "next": 3}]
ROWS = np.array([[1.0, 2.0], [3.5, 4.0]])


def records(response):
    """Return predictions as MLflow makes a data frame of them."""
    return response.get_predictions().to_dict("records")


def values(response):
    """Return predictions as MLflow makes an array of them."""
    return array(response.get_predictions("ndarray"))


def posted(client, body, kind=JSON, then=records):
    """Return what MLflow reads in the answer to a body that its client has no call for."""
    data = json.dumps(body) if isinstance(body, dict) else body
    answer = requests.post(f"{client.url_prefix}/invocations", data=data, headers={"Content-Type": kind}, timeout=20)
    if answer.status_code != 200:
        raise ValueError(f"{answer.status_code} {answer.text}")
    return then(PredictionsResponse.from_json(answer.text))


def rejected(client, body, kind=JSON):
    """Return status, code and message of an error in MLflow's form."""
    data = json.dumps(body) if isinstance(body, dict) else body
    answer = requests.post(f"{client.url_prefix}/invocations", data=data, headers={"Content-Type": kind}, timeout=20)
    said = answer.json()
    return [answer.status_code, said["error_code"], said["message"]]


def ask_by_the_client(cases):
    """Make every call of MLflow's client."""
    for client in (people, adder, echo):
        client.wait_server_ready(timeout=20)
    odd = pd.DataFrame({"a": [0.5, np.nan], "b": [np.inf, 1.0], "c": ["x", None]})
    cases.add("ping", people.ping, None)
    cases.add("version", lambda: people.get_version().isdigit())
    cases.add("a data frame", lambda: records(people.invoke(FRAME)), SAID)
    cases.add("a data frame of lists", lambda: values(adder.invoke(pd.DataFrame(ROWS))), array(np.array([3.0, 7.5])))
    cases.add("a data frame with another index", lambda: records(people.invoke(FRAME.set_index([[7, 9]]))), SAID)
    cases.add("no row", lambda: records(people.invoke(FRAME[:0])), [])
    gaps = [{"a": 0.5, "b": None, "c": "x"}, {"a": None, "b": 1.0, "c": None}]
    cases.add("a data frame with NaN", lambda: list(echo.invoke(odd)["predictions"]), gaps)
    cases.add("an array", lambda: values(adder.invoke(ROWS)), array(np.array([3.0, 7.5])))
    cases.add("an array with NaN", lambda: list(echo.invoke(np.array([[np.nan, 1.0]]))["predictions"]), [[None, 1.0]])
    cases.add("a sparse array", lambda: values(adder.invoke(csr_matrix(ROWS))), array(np.array([3.0, 7.5])))
    cases.add("a list", lambda: records(people.invoke(RECORDS)), SAID)
    cases.add("a text of JSON", lambda: records(people.invoke(json.dumps({"instances": RECORDS}))), SAID)
    cases.add("no params", lambda: records(people.invoke(FRAME, params={})), SAID)


def ask_in_each_form(cases):
    """Send each form of a body, by the names that MLflow's pages have for them."""
    split = {"columns": ["name", "age"], "data": [["a", 1], ["b", 2]]}
    forms = {
        "dataframe_split": split,
        "dataframe_records": RECORDS,
        "instances": RECORDS,
        "inputs": {"name": ["a", "b"], "age": [1, 2]},
    }
    for name, body in forms.items():
        cases.add(name, lambda n=name, b=body: posted(people, {n: b}), SAID)
    for name, body in {
        "dataframe_split": {"data": ROWS.tolist()},
        "instances": ROWS.tolist(),
        "inputs": ROWS.tolist(),
    }.items():
        wanted = array(np.array([3.0, 7.5]))
        cases.add(f"{name} of lists", lambda n=name, b=body: posted(adder, {n: b}, then=values), wanted)
    turned = {"columns": ["age", "name"], "index": [3, 4], "data": [[1, "a"], [2, "b"]]}
    cases.add("columns in another order", lambda: posted(people, {"dataframe_split": turned}), SAID)
    cases.add("charset", lambda: posted(people, {"instances": RECORDS}, f"{JSON}; charset=utf-8"), SAID)
    table = FRAME.to_csv(index=False)
    cases.add("CSV", lambda: posted(people, table, "text/csv"), SAID)
    cases.add("CSV with its charset", lambda: posted(people, table, "text/csv; charset=utf-8"), SAID)
    quoted = FRAME.assign(name=['a, "b"', "c\nd"]).to_csv(index=False)
    wanted = [{"greeting": 'hi a, "b"', "next": 2}, {"greeting": "hi c\nd", "next": 3}]
    cases.add("CSV with quotes", lambda: posted(people, quoted, "text/csv"), wanted)


def ask_for_refusals(cases):
    """Send invalid requests; each error has MLflow's form."""
    keys = "dataframe_split, dataframe_records, instances, inputs"
    two = {"instances": RECORDS, "inputs": RECORDS}
    rejections = {
        "two keys": (people, two, JSON, f"Send exactly one of {keys}; got instances, inputs."),
        "params": (
            people,
            {"instances": RECORDS, "params": {"k": 1}},
            JSON,
            'Sample 1: "k" is not a parameter of this model, which has none',
        ),
        "rows that are no lists": (
            people,
            {"dataframe_split": {"columns": ["a"], "data": [1]}},
            JSON,
            "dataframe_split has no data, a list of rows that are lists.",
        ),
        "rows of another length": (
            people,
            {"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}},
            JSON,
            "A row has 2 values, but there are 1 columns.",
        ),
        "records that are no objects": (
            people,
            {"dataframe_records": [1]},
            JSON,
            "dataframe_records is not a list of objects.",
        ),
        "instances that are no list": (people, {"instances": 1}, JSON, "instances is not a list of samples."),
        "columns of another length": (people, {"inputs": {"a": [1], "b": []}}, JSON, "The columns differ in length."),
        "a refused sample": (adder, {"instances": [[1]]}, JSON, "The notebook's validator rejects this sample."),
        "a missing field": (
            people,
            {"instances": [{"name": "a"}]},
            JSON,
            f"{UNLIKE} age: is missing.",
        ),
        "a field of another kind": (
            people,
            {"instances": [{"name": 1, "age": 1}]},
            JSON,
            f"{UNLIKE} name: must be a string, as in the notebook's own samples, but is a number.",
        ),
        "CSV of another length": (people, "name,age\na\n", "text/csv", "A row has 1 values, but there are 2 columns."),
    }
    for name, (client, body, kind, words) in rejections.items():
        wanted = [400, "BAD_REQUEST", words]
        cases.add(f"refused: {name}", lambda c=client, b=body, k=kind: rejected(c, b, k), wanted)
    broken = '{"instances": [1'
    cases.add("refused: broken JSON", lambda: rejected(people, broken)[:2], [400, "BAD_REQUEST"])
    cases.add(
        "refused: another parameter of the type",
        lambda: rejected(people, two, f"{JSON}; a=b")[:2],
        [415, "BAD_REQUEST"],
    )
    failed = "The notebook's predictor failed on this sample; the service's log has the traceback."
    # No float is that large.
    cases.add("failed", lambda: rejected(adder, {"instances": [[10**400, 1]]}), [500, "INTERNAL_ERROR", failed])


def main():
    """Ask, and print."""
    cases = Cases()
    ask_by_the_client(cases)
    ask_in_each_form(cases)
    ask_for_refusals(cases)
    cases.tell()


main()
