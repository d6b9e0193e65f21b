"""A native program and the service of the same model with the same requests: what they share, and the differences."""

import contextlib
import gzip
import json
import re
import subprocess

import pytest
from nb_builder.common.log import Log
from nb_builder.common.workspace import Workspace
from nb_builder.native import steps

from contract import native_app
from contract.services import Service
from contract.wire import Wire, get, post
from engine import provide
from unit.nb_native.runtime.programs import Served

NOTEBOOK = """
    def predictor(x):
        return 10 / x[0] + x[1]

    def validator(x):
        if not isinstance(x, list):
            raise ValueError("send a list")
        if len(x) != 2:
            return "a sample has two numbers"
        return x[0] < 1000

    examples = [[1.5, 2], [-3, 4.25], [2, 3]]
"""
SETTINGS = {"S2I_MAX_BODY": "100000", "S2I_MAX_SAMPLES": "50", "S2I_RECEIVE_TIMEOUT": "3"}
SAMPLES = [
    *(b" ", b"[1,2]", b"[1.5, 2]", b"[0,1]", b"[-0.0,1]", b"[1e-400,1]", b"[1]", b"[1,2,3]", b"[2000,1]", b"[true,1]"),
    *(b"{}", b"null", b"true", b'"x"', b"5", b'"\\ud800"', b'{"a":1,"a":2}', b"[1,2]\r\n", b"[]"),
]
NO_JSON = [
    *(
        b"[1,2",
        b"[1,2]]",
        b"{",
        b'{"a":',
        b'{"a" 1}',
        b"{'a':1}",
        b"[1,]",
        b"NaN",
        b"[NaN,1]",
        b"[-Infinity,1]",
        b"nul",
    ),
    *(
        b"\xff",
        b'"\xc3"',
        b'["\xed\xa0\x80"]',
        b"01",
        b"+1",
        b"1.",
        b".5",
        b"1e",
        b"-",
        b'"a\nb"',
        b'"\\x"',
        b'"\\u12"',
    ),
    *(b"[1 2]", b"\xef\xbb\xbf[1,2]", b"[1, 2] x", b"\x00", b"[1,2]\x00", b'["a', b'["\\', b"[" * 2000, b"1" * 5000),
]
MANY = [
    *(b"[]", b"[[1,2],[3,4]]", b"[[1,2]]", b"[[0,2]]", b"[[1,2],[0,4]]", b"[[1,2],[3]]", b"[5]", b"{}", b"[[1,2],]"),
    *(b"", b"[[1,2] [3,4]]", b"[[1,2],[3,4]", b"[[1,2],nul]", b"[" + b"[1,2]," * 60 + b"[1,2]]"),
]
OTHERS = {
    "nothing": post(b""),
    "JSON of another kind": post(b"[1,2]", kind=b"application/vnd.api+json"),
    "no type": post(b"[1,2]", kind=b""),
    "not compressed": post(b"[1,2]", b"Content-Encoding: identity"),
    "too large": post(b" " * 300_000),
    "a wish for a page": post(b"[1]", b"Accept: text/html"),
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "HTTP/1.0": b"GET /healthz HTTP/1.0\r\n\r\n",
    "HTTP/1.0 that stays": b"GET /readyz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "a head that is too long": get(b"/healthz", b"X: " + b"a" * 70_000),
    "many fields": get(b"/healthz", *[b"X%d: a" % number for number in range(300)]),
    **{
        f"{method.decode()} {path.decode()}": get(path, method=method)
        for method in (b"GET", b"HEAD", b"PUT", b"DELETE", b"PATCH", b"TRACE", b"BREW")
        for path in (b"/predict", b"/predict/batch", b"/healthz", b"/readyz")
    },
}
ASKED = {
    **{f"a sample {body[:40]!r}": post(body) for body in SAMPLES + NO_JSON},
    **{f"many {body[:40]!r}": post(body, path=b"/predict/batch") for body in MANY},
    **OTHERS,
}
# Of an exception in the service, a log has the traceback; a native program has neither.
OF_THE_LOG = "; the service's log has the traceback"
FAILED = "The notebook's predictor failed on this sample."


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Return the service and the native program of one model, running."""
    provide.program("gcc", "gcc", "libc6-dev")
    folder = tmp_path_factory.mktemp("native")
    app = native_app.make(folder / "app", NOTEBOOK)
    steps.translate(Workspace(app), folder / "made", Log())
    subprocess.run(["sh", folder / "made" / steps.COMPILE], check=True)
    program = folder / "made" / steps.MADE / steps.PROGRAM
    with contextlib.closing(Service(app, **SETTINGS)) as service, Served(program, **SETTINGS) as native:
        yield service.ready(), native


def told(service, sent):
    """Return the response to a client: status, header fields except those of the moment, and body."""
    with Wire(service) as wire:
        answer = wire.send(sent).answer(bodiless=sent.startswith(b"HEAD"))
    passing = {"Date", "X-Request-ID", "Content-Length", "Server"}
    fields = {name: value for name, value in answer.headers.items() if name not in passing}
    # In any order; the service takes OPTIONS, too.
    if "Allow" in fields:
        fields["Allow"] = set(fields["Allow"].split(", ")) - {"OPTIONS"}
    return answer.status, fields, answer.body.replace(OF_THE_LOG.encode(), b"")


@pytest.mark.parametrize("name", ASKED)
def test_status_fields_and_body_are_those_of_the_service(both, name):
    service, native = (told(one, ASKED[name]) for one in both)
    assert native == service


@pytest.mark.parametrize(("path", "body"), [(b"/predict", b"[1,2]"), (b"/predict/batch", b"[[1,2]]")])
def test_a_native_program_reads_nothing_that_is_compressed(both, path, body):
    _, native = both
    status, _, text = told(native, post(gzip.compress(body), b"Content-Encoding: gzip", path=path))
    assert (status, json.loads(text)["detail"]) == (415, "Compressed bodies are not supported.")


def test_a_native_program_has_no_parameters_and_ignores_a_query(both):
    (one, _, service), (other, _, native) = (told(server, post(b"[1,2]", path=b"/predict?x=1")) for server in both)
    assert (one, other, json.loads(native)) == (400, 200, 12.0)
    assert '"x" is not a parameter of this model' in json.loads(service)["detail"]


def test_metrics_have_the_names_of_the_service_for_what_both_count(both):
    for one in both:
        assert told(one, post(b"[1,2]"))[0] == 200
        text = told(one, get(b"/metrics"))[2].decode()
        assert re.search(r'^nb_http_requests_total\{.*status="200".*\} [1-9]', text, re.MULTILINE)
        assert re.search(r"^# TYPE nb_predictions", text, re.MULTILINE)


def test_a_sample_unlike_the_notebook_s_own_that_fails_is_422_here_and_500_there(both):
    # A program of kilobytes has no description of the notebook's samples to compare one with.
    (one, _, service), (other, _, native) = (told(server, post(b'[1,"b"]')) for server in both)
    assert (one, other) == (422, 500)
    assert "1: must be a number, as in the notebook's own samples, but is a string." in json.loads(service)["detail"]
    assert json.loads(native)["detail"] == FAILED


@pytest.mark.parametrize(
    ("sent", "status", "service_says", "native_says"),
    [
        # Python's words for what is wrong in the notebook's own code.
        (post(b'["a",1]'), 422, "TypeError: '<' not supported", "The notebook's validator rejects this sample."),
        # Doubles skip some whole numbers.
        (post(b"9007199254740993"), 422, "send a list", "a whole number beyond 2^53"),
        (post(b"[1,2]", path=b"/no"), 404, "GET / lists the routes", "these are: POST /predict"),
        # Nor does it read tables.
        *(
            (
                post(b"[1,2]", kind=kind),
                415,
                "CSV and other tables go to /predict/batch.",
                "Other types are not supported.",
            )
            for kind in (b"text/plain", b"application/json;charset=latin-1")
        ),
    ],
)
def test_what_is_reported_otherwise_has_the_same_status(both, sent, status, service_says, native_says):
    (one, _, service), (other, _, native) = (told(server, sent) for server in both)
    assert (one, other) == (status, status)
    assert service_says in json.loads(service)["detail"]
    assert native_says in json.loads(native)["detail"]
