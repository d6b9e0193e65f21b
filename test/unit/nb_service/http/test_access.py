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
    log = types.SimpleNamespace(as_json=as_json, request=written.append)
    requests = types.SimpleNamespace(asked=lambda route, status, seconds: counted.append((route, status)))
    noted = access.Access(log, requests, ["/readyz"])
    for one, status in asked:
        noted(one, status)
    return written, counted


def test_a_request_is_one_line_for_people():
    ((line,), counted) = lines((request(traceparent=TRACE), 200))
    assert re.fullmatch(rf"\d{{4}}-.*Z POST /predict 200 \d+\.\dms id=id-1 trace={TRACE}", line)
    assert counted == [("/predict", 200)]


def test_a_request_is_one_json_object_for_machines():
    path = '/a "quoted" \\path\n'
    (line,), _ = lines((request(path, traceparent=TRACE), 404), as_json=True)
    logged = json.loads(line)
    assert {key: logged[key] for key in ("method", "path", "status", "request_id", "traceparent")} == {
        "method": "POST",
        "path": path,
        "status": 404,
        "request_id": "id-1",
        "traceparent": TRACE,
    }
    assert logged["ms"] >= 0


def test_a_check_is_counted_and_logged_only_where_it_fails():
    written, counted = lines((request("/readyz"), 200), (request("/readyz"), 503))
    assert len(written) == 1
    assert "503" in written[0]
    assert len(counted) == 2


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a%20b", "/a%20b"),
        ("/a%20200%201.0ms%20id=x", "/a%20200%201.0ms%20id=x"),
        ("/a b", "/a\\x20b"),
        ("/a\nb", "/a\\x0ab"),
        ("/\xff\x1b[0m", "/\\xff\\x1b[0m"),
        ("/\xa0\x85\x7f", "/\\xa0\\x85\\x7f"),
        ("/\"a'", "/\\x22a\\x27"),
        ("/\u2028\udcff", "/\\u2028\\udcff"),
        ("", "-"),
        ("/" + "x" * 5000 + " ", "/" + "x" * 5000 + "\\x20"),
    ],
)
def test_a_path_and_a_method_are_one_field_of_a_line_whatever_is_in_them(path, expected):
    asked = request(path)
    asked.command = path
    ((line,), _) = lines((asked, 404))
    assert line.split(" ")[1:4] == [expected, expected, "404"]


@pytest.mark.parametrize("path", ["/a b", '/", "status": 200, "x": "', "/\n\x00\x85\u2028\ud800\xff", "/" + '"' * 5000])
def test_a_path_is_one_value_of_an_object_whatever_is_in_it(path):
    ((line,), _) = lines((request(path), 404), as_json=True)
    assert line.isascii() and line.isprintable()
    assert (json.loads(line)["path"], json.loads(line)["status"]) == (path, 404)


def test_long_paths_are_not_remembered():
    before = access._as_field.cache_info().currsize + access._as_json.cache_info().currsize
    for number in range(300):
        lines((request(f"/{number:09999}"), 404))
        lines((request(f"/{number:09999}"), 404), as_json=True)
    assert access._as_field.cache_info().currsize + access._as_json.cache_info().currsize <= before + 2


def test_what_becomes_a_line_becomes_a_span_too():
    seen = []
    log = types.SimpleNamespace(as_json=False, request=lambda line: None)
    requests = types.SimpleNamespace(asked=lambda route, status, seconds: None)
    spans = types.SimpleNamespace(saw=lambda request, status, took: seen.append((request.path, status)))
    noted = access.Access(log, requests, ["/readyz"], spans)
    noted(request(), 200)
    noted(request("/readyz"), 200)
    noted(request(), 500)
    assert seen == [("/predict", 200), ("/predict", 500)]
