"""What clouds set and ask of a container, with the real process: SageMaker, Vertex AI."""

import http.client
import json

import pytest

from contract.services import JSON, SOON

NOTEBOOK = """
    def predictor(x):
        return sum(x)

    examples = [[1, 2], [3.5, 4]]
"""


def raw(service, method, path, body=None, **headers):
    """Return (status, body, headers) of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=SOON)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        said = connection.getresponse()
        return said.status, said.read(), said.headers
    finally:
        connection.close()


@pytest.mark.parametrize("route", ["/predict", "/v1/endpoints/7/deployedModels/8:predict", "/predict/batch"])
def test_vertex_finds_its_port_its_health_and_its_predictions(start, free_port, route):
    service = start(
        NOTEBOOK,
        PORT="",
        AIP_HTTP_PORT=str(free_port),
        AIP_PREDICT_ROUTE=route,
        AIP_HEALTH_ROUTE="/v1/endpoints/7/deployedModels/8",
    ).ready()
    assert service.port == free_port
    assert raw(service, "GET", "/v1/endpoints/7/deployedModels/8")[0] == 200
    status, said, _ = service.ask('{"instances": [[1, 2], [3, 4]], "parameters": null}', route, headers=JSON)
    assert (status, said) == (200, {"predictions": [3, 7]})
    assert service.ask('{"instances": [1]}', route)[:2] == (
        400,
        {
            "error": "The sample does not match what the notebook accepts: "
            "it must be an array, as in the notebook's own samples, but "
            "is a number."
        },
    )
    counted = raw(service, "GET", "/metrics")[1].decode()
    assert f'nb_http_requests_total{{route="{route}",status="200"}} 1.0' in counted
    assert 'route="other"' not in counted


def test_vertex_s_predict_takes_bare_samples_next_to(start):
    service = start(NOTEBOOK, AIP_PREDICT_ROUTE="/predict").ready()
    assert service.predict([1, 2]) == (200, 3)
    assert service.ask("[1, 2")[0] == 400


def test_sagemaker_finds_its_port_an_empty_ping_and_its_formats(start, free_port):
    service = start(NOTEBOOK, PORT="", SAGEMAKER_BIND_TO_PORT=str(free_port), WEB_CONCURRENCY="1").ready()
    assert service.port == free_port
    assert raw(service, "GET", "/ping")[:2] == (200, b"")
    status, body, headers = raw(service, "POST", "/invocations", b"1,2\n3,4\n", Content_Type="text/csv")
    assert (status, body, headers["Content-Type"]) == (200, b"3\n7\n", "text/csv")
    lines = raw(service, "POST", "/invocations", b"[1, 2]\n[3, 4]\n", Content_Type="application/jsonlines")
    assert lines[1] == b"3\n7\n"
    one = raw(service, "POST", "/invocations", b"[1, 2]", Content_Type="application/json", Accept="text/csv")
    assert one[1] == b"3\n"
    reported = raw(service, "POST", "/invocations", b"[1]", X_Amzn_SageMaker_Custom_Attributes="trace=1")
    assert reported[2]["X-Amzn-SageMaker-Custom-Attributes"] == "trace=1"
    assert json.loads(raw(service, "GET", "/execution-parameters")[1]) == {
        "MaxConcurrentTransforms": 1,
        "BatchStrategy": "MultiRecord",
        "MaxPayloadInMB": 1,
    }


@pytest.mark.parametrize(("examples", "megabytes"), [("[1, 2]", 1), ("['a' * 63, 'b' * 64]", 16)])
def test_a_batch_transform_is_never_rejected_for_the_number_of_lines_in_a_payload(start, examples, megabytes):
    code = f"""
    def predictor(x):
        return 7

    def batch_predictor(xs):
        return [7] * len(xs)

    examples = {examples}
    """
    service = start(code).ready()
    most = json.loads(raw(service, "GET", "/execution-parameters")[1])["MaxPayloadInMB"]
    assert most == megabytes
    # The shortest of the notebook's own samples, as often as a payload holds it.
    lines = (most << 20) // (2 if megabytes == 1 else 64)
    body = (b"1\n" if megabytes == 1 else b"a" * 63 + b"\n") * lines
    status, answer, _ = raw(service, "POST", "/invocations", body, Content_Type="text/csv")
    assert (status, answer[:300], len(answer)) == (200, b"7\n" * 150, 2 * lines)


def test_csv_on_invocations_is_answered_as_anyone_who_sends_it_expects(start):
    service = start(NOTEBOOK).ready()

    def said(body, **headers):
        status, answer, reported = raw(service, "POST", "/invocations", body, Content_Type="text/csv", **headers)
        return status, answer.decode(), reported["Content-Type"].partition(";")[0]

    # SageMaker's have no header, or its client names what it wants; MLflow's have one, and want JSON.
    assert said(b"1,2\n3,4\n") == said(b"1,2\n3,4\n", Accept="*/*") == (200, "3\n7\n", "text/csv")
    assert said(b"x,y\n1,2\n", Accept="text/csv") == (200, "3\n", "text/csv")
    assert said(b"x,y\n1,2\n", Accept="*/*") == (200, '{"predictions": [3]}', "application/json")
    assert said(b"x,y\n1,2\n") == said(b"x,y\n1,2\n", Accept="*/*")
    assert said(b"1,2\n", Accept="application/json") == (200, '{"predictions": [3]}', "application/json")
    status, problem, _ = said(b"x,y\n1\n")
    assert (status, json.loads(problem)["error_code"]) == (400, "BAD_REQUEST")


def test_a_rejection_on_invocations_is_reported_in_our_own_words(start):
    status, said, headers = start(NOTEBOOK).ready().ask("x", "/invocations", headers={"Content-Type": "image/png"})
    assert (status, headers["Content-Type"]) == (415, "application/problem+json")
    assert said["detail"].startswith("image/png is not supported; supported types: application/csv,")
