import http.server
import json
import threading
import urllib.parse

import pytest
from nb_builder.ab_report import counts
from nb_builder.ab_report.problems import AbNoSeries, AbPrometheus, AbTooFew
from nb_builder.ab_report.prometheus import Prometheus, text

from unit.nb_builder.ab_report.drawn_counts import CHOSEN

NOW = {"status": "success", "data": {"resultType": "scalar", "result": [1700000000.5, "1700000000.5"]}}


def vector(*series):
    """Return what Prometheus says of series of (labels, number)."""
    result = [{"metric": labels, "value": [1700000000.5, str(value)]} for labels, value in series]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


@pytest.fixture
def server():
    """Return what starts a server that says what `say` returns of a query; its questions, and its address."""
    running = []

    def begin(say):
        asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                words = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
                asked.append(words)
                status, content = say(words["query"])
                content = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *words):
                pass

        made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        running.append((made, thread))
        return asked, f"http://127.0.0.1:{made.server_address[1]}"

    yield begin
    for made, thread in running:
        made.shutdown()
        thread.join()
        made.server_close()


def answering(by_word):
    """Return what says of a query what stands alongside the first word that is in it."""

    def say(query):
        if query == "time()":
            return 200, NOW
        return 200, next((said for word, said in by_word.items() if word in query), vector())

    return say


def test_all_questions_are_of_one_moment_of_the_server_s_own(server):
    asked, address = server(answering({"up": vector(({"job": "a"}, 1.5), ({"job": "b"}, "NaN"))}))
    prometheus = Prometheus(address + "/")
    assert prometheus.query("up") == [({"job": "a"}, 1.5)]
    assert asked == [{"query": "time()"}, {"query": "up", "time": "1700000000.5"}]


def test_no_proxy_is_asked_for_what_is_here(server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    _, address = server(answering({}))
    assert Prometheus(address).query("up") == []


@pytest.mark.parametrize(
    ("status", "content", "words"),
    [
        (200, b"<html>", "the server is not Prometheus"),
        (200, b'{"status": "success", "data": {}}', "the server is not Prometheus"),
        (200, b"[]", "the server is not Prometheus"),
        (404, b"no such page", "it responds with 404 Not Found"),
        (400, b'{"status": "error", "error": "parse error"}', "it responds with 400 Bad Request: parse error"),
    ],
)
def test_what_is_no_prometheus_is_reported(server, status, content, words):
    _, address = server(lambda query: (status, content))
    with pytest.raises(AbPrometheus) as caught:
        Prometheus(address)
    assert str(caught.value.what) == f"{address} returns no metrics: {words}."


def test_where_nothing_listens_that_is_reported():
    with pytest.raises(AbPrometheus, match="Connection refused"):
        Prometheus("http://127.0.0.1:9")


def test_a_version_s_counts_are_put_together(server):
    asked, address = server(
        answering(
            {
                "_http_requests_total": vector(
                    ({"status": "200"}, 97.6), ({"status": "503"}, 2.4), ({"status": "404"}, 1)
                ),
                "_bucket": vector(({"le": "+Inf"}, 101), ({"le": "0.01"}, 40.2), ({"le": "0.1"}, 99.9)),
                "_feedback_total": vector(
                    ({"result": "agrees"}, 30), ({"result": "differs"}, 10), ({"result": "unknown"}, 5)
                ),
                "_feedback_numbers_total": vector(({"version": "a"}, 40)),
                "_feedback_absolute_error_total": vector(({"version": "a"}, 2.5)),
                "_feedback_squared_error_total": vector(({"version": "a"}, 0.5)),
            }
        )
    )
    found = counts.query_version(Prometheus(address), CHOSEN, 'a"b')
    assert (found.requests, found.errors, found.agrees, found.judged) == (101, 2, 30, 40)
    assert found.latencies == ((0.01, 0.1, float("inf")), (40, 100, 101))
    assert found.numbers == (40, 2.5, 0.5)
    assert asked[1]["query"] == (
        'sum by (status) (increase(nb_http_requests_total{version="a\\"b", route=~"/predict"}[1h]))'
    )


def test_too_few_requests_are_reported(server):
    _, address = server(answering({"increase(nb_http_requests": vector(({"status": "200"}, 29))}))
    with pytest.raises(AbTooFew) as caught:
        counts.query_version(Prometheus(address), CHOSEN, "b")
    assert caught.value.what == "version=b received 29 requests in the last 1h, which is too few for a comparison."


@pytest.mark.parametrize(
    ("query", "said", "there"),
    [
        (
            'count by (route) (last_over_time(nb_http_requests_total{version="c"}[1h]))',
            vector(({"route": "/invocations"}, 1)),
            "For this version, route is /invocations.",
        ),
        (
            'count by (version) (last_over_time(nb_http_requests_total{version!=""}[1h]))',
            vector(*(({"version": name}, 1) for name in "abdefghijk")),
            "version is a, b, d, e, f, g, h, i and 2 more.",
        ),
        (
            "count by (job) (last_over_time(nb_http_requests_total[1h]))",
            vector(({"job": "my-service"}, 1)),
            "None of these metrics has the label version; job is my-service.",
        ),
        (
            'count by (__name__) (last_over_time({__name__=~".+_http_requests_total"}[1h]))',
            vector(({"__name__": "fruit_http_requests_total"}, 1)),
            "The available metrics are fruit_http_requests_total.",
        ),
        ("nothing", vector(), "There are no metrics of any service."),
    ],
)
def test_a_version_that_is_not_there_is_reported_with_what_there_is(server, query, said, there):
    _, address = server(answering({query: said}))
    with pytest.raises(AbNoSeries) as caught:
        counts.query_version(Prometheus(address), CHOSEN, "c")
    assert caught.value.what == (
        'Prometheus has no nb_http_requests_total with {version="c", route=~"/predict"} in the last 1h.'
    )
    assert caught.value.why.endswith(there)


def test_texts_are_written_as_promql_reads_them():
    assert text('a"\\é') == '"a\\"\\\\é"'
