"""Spans for OpenTelemetry: the collector's input, and a service without a collector."""

import gzip
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from contract import clients
from contract.services import JSON, SOON, Service, wait_until

NOTEBOOK = """
    import time
    def validator(x):
        return x != "refuse"
    def predictor(x):
        time.sleep(0.05)
        return 1 / x
    examples = [1]
"""
WAITS = """
    import time
    def predictor(x):
        time.sleep(x)
        return float(x)
    examples = [0.0, 0.01]
"""
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector(BaseHTTPRequestHandler):
    """Keeps the bodies of POSTs, a file each, in the server's `folder`."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        with self.server.lock:
            self.server.asked.append((self.path, self.headers["Content-Type"], self.headers.get("X-Team")))
            (self.server.folder / f"{len(self.server.asked):04}").write_bytes(body)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words):
        """Say nothing."""


@pytest.fixture
def collector(tmp_path):
    """Return a stand-in of a collector that keeps its requests."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.folder, server.asked, server.lock = tmp_path / "collected", [], threading.Lock()
    server.folder.mkdir()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join(SOON)
    server.server_close()


@pytest.fixture
def traced(model_cache, collector):
    """Return what starts a service that has the extra, with the collector's address."""
    running = []

    def begin(code=NOTEBOOK, python="otel", **env):
        address = f"http://127.0.0.1:{collector.server_port}"
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "S2I_MODEL_NAME": "inverse", **env}
        running.append(Service(model_cache(code), clients.python_of(python), **env).ready())
        return running[-1]

    yield begin
    for service in running:
        service.close()


def spans_of(collector):
    """Return all spans that the collector got, in the order of their end."""
    return sorted(clients.ask("otel", "decode_spans.py", collector.folder), key=lambda span: span["ended"])


def test_each_request_becomes_a_span_below_the_client_s(traced, collector):
    service = traced(OTEL_EXPORTER_OTLP_HEADERS="x-team=ours", OTEL_RESOURCE_ATTRIBUTES="deployment.environment=test")
    service.ask("2", headers={**JSON, "traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-ID": "order-17"})
    service.predict(0)
    service.ask('{"instances": [4]}', "/v1/models/inverse:predict")
    service.ask(None, "/no/such", "GET", {})
    service.status("/healthz")
    assert service.stop() == 0
    assert set(collector.asked) == {("/v1/traces", "application/x-protobuf", "ours")}
    first, failed, by_tensorflow, unknown = spans_of(collector)
    assert (first["name"], first["kind"], first["status"]) == ("POST /predict", "SPAN_KIND_SERVER", "STATUS_CODE_UNSET")
    assert (first["trace"], first["parent"]) == (TRACE, PARENT)
    assert 50 <= first["milliseconds"] < 5000
    assert abs(first["ended"] - time.time()) < 60
    version = first["attributes"].pop("model.version")
    assert int(version) > 1_700_000_000
    assert first["attributes"] == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.route": "/predict",
        "model.name": "inverse",
        "request.id": "order-17",
        "url.path": "/predict",
        "url.scheme": "http",
    }
    assert (failed["status"], failed["attributes"]["error.type"]) == ("STATUS_CODE_ERROR", "500")
    assert failed["parent"] == "" and failed["trace"] not in (TRACE, "")
    assert by_tensorflow["name"] == "POST /v1/models/<path:rest>"
    assert (unknown["name"], unknown["attributes"]["http.response.status_code"]) == ("GET", 404)
    about = first["resource"]
    assert (about["service.name"], about["service.version"]) == ("inverse", version)
    assert about["deployment.environment"] == "test"


@pytest.mark.front
def test_each_call_of_grpc_becomes_a_span_below_the_client_s(traced, collector):
    service = traced(WAITS, "otel-grpc", S2I_MODEL_NAME="model", S2I_GRPC_PORT="0")
    address = service.wait_for(r"gRPC: listening on ([^ ,]*?)\.\n")[1]
    words = (clients.HERE / "live_grpc.py", "traced", address, f"00-{TRACE}-{PARENT}-01")
    answer, rejection, is_ready = clients.run("triton-grpc", *words).splitlines()
    assert (answer, json.loads(rejection)[0], is_ready) == ("[0.1]", "NOT_FOUND", "true")
    assert service.stop() == 0
    first, failed = spans_of(collector)
    assert (first["name"], first["kind"]) == ("inference.GRPCInferenceService/ModelInfer", "SPAN_KIND_SERVER")
    assert (first["status"], first["trace"], first["parent"]) == ("STATUS_CODE_UNSET", TRACE, PARENT)
    assert 100 <= first["milliseconds"] < 5000
    del first["attributes"]["model.version"]
    assert first["attributes"] == {
        "model.name": "model",
        "request.id": "order-17",
        "rpc.grpc.status_code": 0,
        "rpc.method": "ModelInfer",
        "rpc.service": "inference.GRPCInferenceService",
        "rpc.system": "grpc",
    }
    assert (failed["status"], failed["attributes"]["rpc.grpc.status_code"]) == ("STATUS_CODE_UNSET", 5)


def test_what_the_sdk_s_own_settings_say_holds(traced, collector):
    service = traced(OTEL_SERVICE_NAME="of-the-shop", OTEL_TRACES_SAMPLER="parentbased_always_off")
    service.ask("2", headers={**JSON, "traceparent": f"00-{TRACE}-{PARENT}-00"})
    service.predict(1)
    service.ask("2", headers={**JSON, "traceparent": f"00-{TRACE}-{PARENT}-01"})
    service.stop()
    (span,) = spans_of(collector)
    assert (span["trace"], span["resource"]["service.name"]) == (TRACE, "of-the-shop")


def test_spans_leave_while_the_service_runs(traced, collector):
    service = traced(OTEL_BSP_SCHEDULE_DELAY="100")
    service.predict(1)
    assert wait_until(lambda: collector.asked)


def test_a_collector_that_is_away_costs_no_answer_and_no_time_at_the_end(traced, free_port):
    service = traced(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port}")
    assert [service.predict(1) for _ in range(5)] == [(200, 1.0)] * 5
    # Kubernetes kills a pod after 30 seconds; a busy machine takes several of them without a collector, too.
    assert service.stop(seconds=25) == 0


def test_settings_that_the_sdk_does_not_take_cost_the_spans_alone(traced):
    service = traced(OTEL_BSP_MAX_QUEUE_SIZE="-1")
    assert service.predict(1) == (200, 1.0)
    service.wait_for(r"No spans are sent: OpenTelemetry's SDK does not start \(ValueError: max_queue_size")
    assert service.predict(2) == (200, 0.5)
    assert service.stop() == 0
    assert "Traceback" not in service.log


def test_without_the_extra_the_log_says_that_no_spans_are_sent(start):
    service = start(NOTEBOOK, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9").ready()
    assert service.predict(2) == (200, 0.5)
    service.wait_for(r"OTEL_EXPORTER_OTLP_ENDPOINT is set, but no spans are sent: nb-service\[otel\] is not installed")
