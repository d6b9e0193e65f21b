import json
import re
import time
import types

import pytest
from nb_service.http import access

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def request(path="/predict", **headers):
    """Return a request that was asked a moment ago."""
    return types.SimpleNamespace(
        command="POST", path=path, headers=headers, request_id="id-1", route="/predict", asked_at=time.monotonic()
    )


def lines(*asked, as_json=False):
    """Return (what is logged of these (request, status), what is counted)."""
    written, counted = [], []
    loop = types.SimpleNamespace(on_own_thread=lambda: False, from_thread=lambda call: call())
    log = types.SimpleNamespace(as_json=as_json, request=written.append)
    metrics = types.SimpleNamespace(asked=lambda route, status, seconds: counted.append((route, status)))
    noted = access.Access(loop, log, metrics, frozenset(["/readyz"]))
    for one, status in asked:
        noted(one, status)
    return written, counted


def test_a_request_is_one_line_for_people():
    ((line,), counted) = lines((request(TRACEPARENT=TRACE), 200))
    assert re.fullmatch(rf"\d{{4}}-.*Z POST /predict 200 \d+\.\dms id=id-1 trace={TRACE}", line)
    assert counted == [("/predict", 200)]


def test_a_request_is_one_json_object_for_machines():
    path = '/a "quoted" \\path\n'
    (line,), _ = lines((request(path, TRACEPARENT=TRACE), 404), as_json=True)
    told = json.loads(line)
    assert {key: told[key] for key in ("method", "path", "status", "request_id", "traceparent")} == {
        "method": "POST",
        "path": path,
        "status": 404,
        "request_id": "id-1",
        "traceparent": TRACE,
    }
    assert told["ms"] >= 0


def test_a_check_is_counted_and_logged_only_where_it_fails():
    written, counted = lines((request("/readyz"), 200), (request("/readyz"), 503))
    assert len(written) == 1
    assert "503" in written[0]
    assert len(counted) == 2


@pytest.mark.parametrize(
    ("path", "expected"), [("/a b", "/a b"), ("/a\nb", "/a\\nb"), ("/\xff\x1b[0m", "/\\xff\\x1b[0m")]
)
def test_a_path_and_a_method_take_one_line_of_the_log_whatever_is_in_them(path, expected):
    asked = request(path)
    asked.command = path
    ((line,), _) = lines((asked, 404))
    assert f"Z {expected} {expected} 404 " in line


@pytest.mark.parametrize("on_loop", [True, False])
def test_what_becomes_a_line_becomes_a_span_too(on_loop):
    seen = []
    loop = types.SimpleNamespace(on_own_thread=lambda: on_loop, from_thread=lambda call: call())
    log = types.SimpleNamespace(as_json=False, request=lambda line: None)
    metrics = types.SimpleNamespace(asked=lambda route, status, seconds: None)
    spans = types.SimpleNamespace(saw=lambda request, status, took: seen.append((request.path, status)))
    noted = access.Access(loop, log, metrics, frozenset(["/readyz"]), spans)
    noted(request(), 200)
    noted(request("/readyz"), 200)
    noted.on_loop(request(), 500)
    assert seen == [("/predict", 200), ("/predict", 500)]
