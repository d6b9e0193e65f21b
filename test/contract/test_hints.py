"""A service's reading of type hints, and its errors for samples that do not fit them, on every route."""

import json

import pytest

from contract.services import module_service

NOTEBOOK = """
from dataclasses import dataclass

@dataclass
class Point:
    x: float
    y: float = 0.0

def validator(point: Point):
    if point.x == 13:
        raise ValueError("13 is unlucky")
    return point.x < 100, "x is too large"

def predictor(point: Point) -> Point:
    return Point(point.x * 2, point.y)

def batch_predictor(points):
    return [predictor(point) for point in points]

examples = [{"x": 1}, {"x": 2, "y": 3}]
"""
WRONG = {"pointer": "#/x", "detail": "must be a number, not a text"}
MISFIT = "The sample does not match what the notebook accepts: x: must be a number, not a text."
UNLUCKY = "The notebook's validator rejects this sample: 13 is unlucky."


service = module_service(NOTEBOOK)


def test_the_sample_is_made_into_what_the_hint_says(service):
    assert service.predict({"x": 4}) == (200, {"x": 8.0, "y": 0.0})
    assert service.ask('[{"x": 4}, {"x": 5}]', "/predict/batch")[:2] == (200, [{"x": 8.0, "y": 0}, {"x": 10, "y": 0}])
    csv = service.ask(
        "x,y\n4,1\n", "/predict/batch", headers={"Content-Type": "text/csv", "Accept": "application/json"}
    )
    assert csv[:2] == (200, [{"x": 8.0, "y": 1.0}])


def test_a_sample_that_does_not_fit_is_422_with_its_fields(service):
    status, body = service.predict({"x": "a"})
    assert (status, body["detail"], body["errors"]) == (422, MISFIT, [WRONG])


def test_in_an_array_the_fields_are_those_of_the_array(service):
    status, body = service.ask('[{"x": 1}, {"x": "a"}]', "/predict/batch")[:2]
    assert (status, body["detail"]) == (422, "Sample 2: " + MISFIT)
    assert body["errors"] == [{**WRONG, "pointer": "#/1/x"}]


@pytest.mark.parametrize(
    ("kind", "body"),
    [("application/x-ndjson", '{"x": 1}\n{"x": "a"}\n'), ("text/csv", "x,y\n1,2\na,2\n"), ("application/json", None)],
)
def test_the_fields_are_reported_in_whatever_form_many_samples_come(service, kind, body):
    # An array of this size is not the front's.
    body = body or json.dumps([{"x": 1}, {"x": "a"}, *[{"x": 1}] * 50_000])
    status, reported = service.ask(body, "/predict/batch", headers={"Content-Type": kind})[:2]
    assert (status, reported["detail"]) == (422, "Sample 2: " + MISFIT)
    assert reported["errors"] == [{**WRONG, "pointer": "#/1/x"}]


def test_every_protocol_says_why(service):
    body = json.dumps({"instances": [{"x": 1}, {"x": "a"}, {"x": 13}]})
    assert service.ask(body, "/v1/models/model:predict")[:2] == (400, {"error": "Sample 2: " + MISFIT})
    body = json.dumps({"dataframe_records": [{"x": 13}]})
    assert service.ask(body, "/invocations")[1]["message"].endswith(UNLUCKY)


def test_the_document_has_the_schema_of_the_hint(service):
    schemas = service.ask(None, "/openapi.json", "GET")[1]["components"]["schemas"]
    assert schemas["Sample"]["properties"] == {"x": {"type": "number"}, "y": {"type": "number"}}
    assert schemas["Sample"]["required"] == ["x"]
    assert schemas["Answer"]["properties"] == {"x": {"type": "number"}, "y": {"type": "number"}}


def test_the_message_of_a_validator_can_be_kept_from_clients(service, start):
    assert service.predict({"x": 13})[1]["detail"] == UNLUCKY
    quiet = start(NOTEBOOK, S2I_VALIDATOR_MESSAGES="0").ready()
    assert quiet.predict({"x": 13})[1]["detail"] == "The notebook's validator rejects this sample."
    assert quiet.predict({"x": 200})[1]["detail"] == "The notebook's validator rejects this sample: x is too large."
    quiet.wait_for("ValueError: 13 is unlucky")
