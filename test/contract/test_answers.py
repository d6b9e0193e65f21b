"""Every back end gets the same samples and must give the same answers."""

import json
import re
import socket

import pytest

from contract.services import module_service

NOTEBOOK = """
    import sys

    def validator(x):
        if x == "raise in the validator":
            raise KeyError("words of the validator")
        if isinstance(x, list):
            x.append("left by the validator")
        return x != "refuse me"

    class Odd:
        pass

    def predictor(x):
        if x == "raise":
            return 1 / 0
        if x == "exit":
            sys.exit(3)
        if x == "odd":
            return Odd()
        if x == "nan":
            return [float("nan"), float("inf"), 1.5]
        if x == "print":
            print("said by the notebook")
        return {"got": x}

    examples = [[1, 2], "a"]
"""


service = module_service(NOTEBOOK)


@pytest.mark.parametrize(
    "sample",
    [0, -1.5, 2**63 + 1, True, None, "", "ünï", [], [1, [2, {"a": 3}]], {"a": {"b": [None]}}, "\ud800", 1e300],
)
def test_a_sample_reaches_the_predictor_exactly_as_json_says(service, sample):
    assert service.predict(sample) == (200, {"got": sample})


def test_the_validator_can_t_change_what_the_predictor_sees(service):
    assert service.predict([1, 2]) == (200, {"got": [1, 2]})


def test_what_the_validator_rejects_is_422_and_says_so(service):
    status, body, headers = service.ask('"refuse me"')
    assert (status, headers["Content-Type"]) == (422, "application/problem+json")
    assert body["detail"] == "The notebook's validator rejects this sample."


def test_a_validator_that_raises_is_422_with_its_message_and_its_traceback_stays_in_the_log(service):
    status, body = service.predict("raise in the validator")
    assert status == 422
    assert body["detail"] == "The notebook's validator rejects this sample: KeyError: 'words of the validator'."
    assert "Traceback" not in json.dumps(body)
    service.wait_for(r'File "model.ipynb", line \d+, in validator\n(.*\n)?KeyError: .words of the validator')


def test_a_predictor_that_raises_is_500_and_its_traceback_stays_in_the_log(service):
    status, body = service.predict("raise")
    assert (status, body["title"]) == (500, "Internal Server Error")
    assert "ZeroDivisionError" not in json.dumps(body)
    service.wait_for(r'File "model.ipynb", line \d+, in predictor\n(.*\n)?ZeroDivisionError')
    assert "nb_scorer" not in service.log


def test_a_predictor_that_exits_costs_one_answer_and_no_scorer(service):
    before = service.scorers
    assert service.predict("exit")[0] == 500
    assert service.predict("after") == (200, {"got": "after"})
    assert service.scorers == before


def test_an_answer_without_a_json_form_is_500_and_the_log_names_its_type(service):
    assert service.predict("odd")[0] == 500
    service.wait_for("The predictor failed on a sample:\nTypeError: an answer of type __main__.Odd has no JSON form\n")
    assert "nb_scorer" not in service.log


def test_nan_and_infinity_become_null(service):
    assert service.predict("nan") == (200, [None, None, 1.5])
    asked = '{"instances": ["nan", NaN]}'
    answered = {"predictions": [[None, None, 1.5], {"got": None}]}
    assert service.ask(asked, "/v1/models/model:predict")[:2] == (200, answered)


def test_the_notebook_s_prints_are_in_the_log_at_once(service):
    service.predict("print")
    service.wait_for("said by the notebook")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "The body is empty"),
        (b"[1,", "The body is not JSON"),
        (b"nope", "The body is not JSON"),
        (b"NaN", "NaN is not JSON; null is"),
        (b"\xff\xfe[1]", "it is not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b"9" * 5000, "more than 4300 digits"),
    ],
)
def test_a_body_that_is_not_json_is_400(service, body, words):
    status, answer, _ = service.ask(body)
    assert status == 400
    assert words in answer["detail"]


@pytest.mark.parametrize("kind", [None, "application/json; charset=utf-8", "Application/JSON", "application/x+json"])
def test_json_by_any_of_its_names_is_taken(service, kind):
    headers = {} if kind is None else {"Content-Type": kind}
    assert service.ask("[1]", headers=headers)[:2] == (200, {"got": [1]})


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "text/plain", "application/json; charset=latin-1"]
)
def test_another_type_is_415_and_the_answer_shows_the_header_to_add(service, kind):
    status, answer, _ = service.ask("[1]", headers={"Content-Type": kind})
    assert status == 415
    assert "curl -H 'Content-Type: application/json'" in answer["detail"]


def test_an_unknown_route_is_404_and_points_at_the_list(service):
    status, answer, headers = service.ask(None, "/nothing", "GET", {})
    assert (status, headers["Content-Type"]) == (404, "application/problem+json")
    assert answer["detail"] == "There is no route /nothing; GET / lists the routes."


def test_a_wrong_method_is_405_and_says_which_are_right(service):
    status, answer, headers = service.ask(None, "/predict", "GET", {})
    assert (status, answer["status"]) == (405, 405)
    assert "POST" in headers["Allow"]


def test_the_root_names_the_routes(service):
    status, answer, _ = service.ask(None, "/", "GET", {})
    assert status == 200
    assert {"GET /", "GET /healthz", "GET /readyz", "POST /predict", "GET /docs"} <= set(answer["routes"])


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_answered_to_get_and_head(service, path):
    assert service.status(path) == 200
    status, body, headers = service.ask(None, path, "HEAD", {})
    assert (status, body) == (200, None)
    assert int(headers["Content-Length"]) > 0


def talk(service, data: bytes) -> bytes:
    """Return the whole response of the service to `data` on one connection, until it closes that."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as client:
        client.sendall(data)
        said = b""
        while more := client.recv(65536):
            said += more
        return said


def request(sample, *headers: str, version: str = "1.1") -> bytes:
    """Return the bytes of a POST of `sample`."""
    body = json.dumps(sample).encode()
    lines = [
        f"POST /predict HTTP/{version}",
        "Host: x",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def test_pipelined_requests_are_answered_in_their_order(service):
    said = talk(service, b"".join(request(n) for n in range(20)) + request("last", "Connection: close"))
    assert [json.loads(part.split(b"\r\n\r\n")[1]) for part in said.split(b"HTTP/1.1 200 OK")[1:]] == [
        *({"got": n} for n in range(20)),
        {"got": "last"},
    ]


def test_pipelined_predictions_and_other_routes_keep_their_order(service):
    other = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    said = talk(service, request(1) + other + request("raise") + other + request(2, "Connection: close"))
    assert said.index(b'{"got": 1}') < said.index(b"routes") < said.index(b"HTTP/1.1 500") < said.index(b'{"got": 2}')


def test_http_1_0_closes_unless_asked_to_keep_alive(service):
    assert talk(service, request(1, version="1.0")).endswith(b'{"got": 1}')
    kept = talk(service, request(1, "Connection: keep-alive", version="1.0") + request(2, version="1.0"))
    assert b"Connection: Keep-Alive" in kept
    assert kept.endswith(b'{"got": 2}')


@pytest.mark.front
@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
def test_a_connection_is_closed_also_where_a_list_says_so(service, path):
    said = talk(service, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: TE, close\r\n\r\n".encode())
    assert b"\r\nConnection: close\r\n" in said


def test_a_chunked_body_is_taken(service):
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    assert talk(service, head + b"2\r\n[1\r\n3\r\n, 2\r\n1\r\n]\r\n0\r\n\r\n").endswith(b'{"got": [1, 2]}')


def test_a_client_that_asks_first_is_reported_to_continue(service):
    said = talk(service, request([1], "Expect: 100-continue", "Connection: close"))
    assert said.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


@pytest.mark.front
@pytest.mark.parametrize("garbage", [b"\x00\x01\x02\r\n\r\n", b"POST /predict HTTP/1.1\r\nContent-Length: x\r\n\r\n"])
def test_what_is_no_http_is_400_in_the_shape_of_every_rejection(service, garbage):
    said = talk(service, garbage)
    assert said.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"application/problem+json" in said


@pytest.mark.front
@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET http://[/ HTTP/1.1", b"400 Bad Request"),
        (b"POST /predict HTTP/1.1\r\nContent-Length: " + b"9" * 5000, b"400 Bad Request"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1", b"400 Bad Request"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000, b"431 Request Header Fields Too Large"),
    ],
)
def test_a_head_that_can_t_be_meant_is_rejected_and_leaves_one_line(service, head, status):
    before = len(service.log)
    said = talk(service, head + b"\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 " + status + b"\r\n")
    name = re.search(rb"X-Request-ID: (\S+)", said)[1].decode()
    service.wait_for(rf"\S+Z \S+ \S{{,100}} {status[:3].decode()} \d+\.\dms id={name}\n")
    assert "Traceback" not in service.log[before:]


@pytest.mark.front
@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"HTTP/1.1\r\nContent-Length: 5", b"1\r\n1\r\n0\r\n\r\n"),
        (b"HTTP/1.0\r\nConnection: keep-alive", b"0\r\n\r\n"),
    ],
)
def test_a_body_of_two_lengths_is_rejected_and_nothing_in_it_is_taken_for_a_request(service, head, body):
    smuggled = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    said = talk(service, b"POST /predict " + head + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + body + smuggled)
    assert said.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert said.count(b"HTTP/1.1 ") == 1


def test_what_is_compressed_in_an_unknown_way_is_415(service):
    status, answer, _ = service.ask(b"1", headers={"Content-Encoding": "zstd"})
    assert (status, answer["detail"]) == (415, "Bodies compressed with zstd are not supported; gzip and deflate are.")


def test_a_large_form_is_read_too(service):
    sample = "x" * 100_000
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert service.ask(b"json_args=" + json.dumps(sample).encode(), headers=form)[:2] == (200, {"got": sample})


def test_a_large_sample_goes_both_ways(service):
    sample = ["x" * 100] * 40_000
    assert service.predict(sample) == (200, {"got": sample})


def test_every_request_leaves_a_line_in_the_log(service):
    service.predict("logged")
    service.wait_for(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ POST /predict 200 \d+\.\dms")
    service.status("/nothing-of-that-kind")
    service.wait_for(r"GET /nothing-of-that-kind 404 ")


def test_a_sample_that_fails_and_is_unlike_the_notebook_s_own_is_the_client_s_fault(start):
    code = "def predictor(x):\n    x.append(1)\n    return x[0] + len(x[1])\nexamples = [[1, 'a']]\n"
    failed = "The notebook's predictor failed on this sample; the service's log has the traceback."
    # By the bytes sent, whatever predictor has changed in the sample.
    service = start(code).ready()
    # Of both kinds that are there, and of the right length.
    assert service.predict(["a", "b"])[0] == 500
    assert service.predict(["a", "b"])[1]["detail"] == failed
    either = "must be a number or a string, as in the notebook's own samples, but is an array"
    for sample, pointer, words in (
        ([[], "b"], "#/0", either),
        ([1], "#", "it must have 2 items, as in the notebook's own samples, but has 1 item"),
        ({"a": 1}, "#", "it must be an array, as in the notebook's own samples, but is an object"),
    ):
        status, body = service.predict(sample)
        assert (status, body["errors"]) == (422, [{"pointer": pointer, "detail": words}])
        assert body["detail"].startswith("The sample does not match what the notebook accepts: ")
    status, body, _ = service.ask(json.dumps([[1, "a"], [[], "b"]]).encode(), "/predict/batch")
    assert (status, body["errors"]) == (422, [{"pointer": "#/1/0", "detail": either}])
    # The author finds the traceback all the same.
    service.wait_for("TypeError")
