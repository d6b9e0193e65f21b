"""An exception with a status sets that of the response, and header fields reach predictor."""

import json

import pytest

from contract.batches import batch
from contract.services import JSON, Service, module_root, service_by_each_front

CODE = """
import http
import urllib.error
from collections.abc import Mapping

class Busy(Exception):
    def __init__(self, words, status):
        super().__init__(words)
        self.status = status

def validator(x):
    if x == "forbidden":
        raise Busy("not yours", 403)
    return True

def predictor(x, headers: Mapping[str, str]):
    if isinstance(x, int) and x > 1:
        raise Busy(f"the answer is {x}", x)
    if x == "http":
        raise Busy("gone", http.HTTPStatus.GONE)
    if x == "instance":
        error = ValueError("later")
        error.status = 503
        raise error
    if x == "library":
        raise urllib.error.HTTPError("http://secret/", 404, "secret", {}, None)
    if x == "none":
        raise Busy("", 409)
    return dict(headers)

examples = ["a", 1]
"""


root = module_root(CODE)
service = service_by_each_front(S2I_MODEL_NAME="m", S2I_PASS_HEADERS="x-team-*,accept-language")


@pytest.mark.parametrize(
    ("sample", "status", "title", "detail"),
    [
        (404, 404, "Not Found", "the answer is 404"),
        (429, 429, "Too Many Requests", "the answer is 429"),
        (499, 499, "Rejected", "the answer is 499"),
        (507, 507, "Insufficient Storage", "the answer is 507"),
        ("http", 410, "Gone", "gone"),
        ("instance", 503, "Service Unavailable", "later"),
        ("forbidden", 403, "Forbidden", "not yours"),
        ("none", 409, "Conflict", "The notebook's predictor rejects this request."),
        (200, 500, "Internal Server Error", "The notebook's predictor failed"),
        (600, 500, "Internal Server Error", "The notebook's predictor failed"),
        ("library", 500, "Internal Server Error", "The notebook's predictor failed"),
    ],
)
def test_the_status_and_message_of_an_exception_are_the_response_s(service, sample, status, title, detail):
    answered, problem, headers = service.ask(json.dumps(sample))
    assert (answered, problem["status"], problem["title"]) == (status, status, title)
    assert problem["detail"].startswith(detail)
    assert headers.get("Retry-After") == ("1" if status == 503 else None)
    instances = service.ask(json.dumps({"instances": [sample]}), "/v1/models/m:predict")
    assert (instances[0], detail in instances[1]["error"]) == (status, True)
    many = service.ask(json.dumps(["a", sample]), "/predict/batch")
    assert (many[0], many[1]["detail"].startswith(f"Sample 2: {detail}")) == (status, True)


def test_only_failures_of_the_service_are_in_the_log(service):
    service.ask("451")
    service.ask("508")
    service.wait_for("Busy: the answer is 508")
    assert "Busy: the answer is 451" not in service.log


def test_header_fields_that_the_setting_lists_reach_predictor(service):
    sent = {**JSON, "X-Team-Id": "7", "Accept-Language": "de", "User-Agent": "a", "X-API-Key": "k", "Cookie": "c"}
    expected = {"x-team-id": "7", "accept-language": "de"}
    for path, body in (("/predict", "a"), ("/invocations", "a"), ("/v1/models/m:predict", {"instances": ["a"]})):
        answer = service.ask(json.dumps(body), path, headers=sent)[1]
        assert (answer["predictions"][0] if path.startswith("/v1") else answer) == expected


def test_no_setting_passes_a_key(root):
    service = Service(root, S2I_PASS_HEADERS="*").ready()
    try:
        secret = {"Authorization": "Bearer a", "X-API-Key": "b", "Cookie": "c", "Proxy-Authorization": "d"}
        answer = service.ask(json.dumps("a"), headers={**JSON, **secret, "X-Other": "e"})[1]
        assert answer["x-other"] == "e"
        assert not {"authorization", "x-api-key", "cookie", "proxy-authorization"} & set(answer)
    finally:
        service.close()


def test_a_batch_has_no_header_fields(root):
    ran = batch(root, "--keep", "none", "--from", "ndjson", given=b'"a"\n404\n')
    assert (ran.status, ran.out) == (3, b"{}\n")
    assert "the answer is 404" in ran.err
