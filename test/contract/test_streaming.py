"""A predictor that yields its prediction item by item: as events, lines, text, and a list, by both fronts."""

import contextlib
import http.client
import itertools
import json
import select
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from contract import clients
from contract.services import SOON, Service, make_app_root, wait_until
from contract.test_grpc import GrpcService
from contract.test_proxies import Proxy

NOTEBOOK = """
    import asyncio, os, time
    from typing import Iterator

    MARKS = os.environ["MARKS"]

    def mark(name):
        open(os.path.join(MARKS, name), "a").write("x")

    def validator(x):
        return x != {"reject": True}

    def predictor(x):
        if x == "at once":
            raise ValueError("before the first item")
        if x == "nothing":
            return
        try:
            if isinstance(x, int):
                yield from range(x)
            elif x == "words":
                yield "one "
                yield "two\\nthree"
            elif x == "later":
                yield 1
                raise ValueError("after the first item")
            elif x == "not a string later":
                yield "one"
                yield 2
            elif x == "dies":
                yield 1
                os._exit(3)
            elif x == "hangs":
                yield 1
                time.sleep(60)
            elif x == "large":
                yield 1
                yield "x" * (129 << 20)
            elif x == "waits":
                yield "first"
                while not os.path.exists(os.path.join(MARKS, "go on")):
                    time.sleep(0.01)
                yield "second"
            elif x == "silent":
                yield "one"
                time.sleep(60)
            elif x == "slow":
                for number in range(4):
                    yield number
                    time.sleep(0.4)
            elif x == "counts":
                for number in range(10**9):
                    mark("counted")
                    yield "x" * 1000
            elif x == "busy":
                yield 1
                while True:
                    pass
            elif x == "endless":
                mark("running endless")
                while True:
                    yield 1
                    time.sleep(0.05)
        finally:
            if isinstance(x, str):
                mark("closed " + x)

    async def slowly(x: int) -> "AsyncIterator[int]":
        try:
            for number in range(x):
                yield number
                await asyncio.sleep(60 if number == 7 else 0)
        finally:
            mark("closed async")

    def plain(x):
        return "x" * (129 << 20) if x == "large" else x

    def hinted(x: int) -> Iterator[int]:
        return iter(range(x))

    def steps(x: int, *, step: int = 1):
        yield from range(0, x * step, step)

    predictors = {"slowly": slowly, "plain": plain, "hinted": hinted, "steps": steps}
    examples = {"predictor": [2, "words"], "slowly": [3], "plain": [1], "hinted": [2], "steps": [2]}
"""


@pytest.fixture(scope="module")
def marks(tmp_path_factory):
    return tmp_path_factory.mktemp("marks")


@pytest.fixture(scope="module")
def root(tmp_path_factory, marks):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MARKS", str(marks))
        return make_app_root(tmp_path_factory.mktemp("app-root"), NOTEBOOK, {}, "/nowhere")


@pytest.fixture(scope="module", params=["asyncio", "waitress"])
def service(request, root, marks):
    running = Service(root, S2I_FRONT=request.param, MARKS=str(marks), S2I_PREDICT_TIMEOUT="1.5").ready()
    yield running
    running.close()


EVENTS, LINES, TEXT = "text/event-stream", "application/x-ndjson", "text/plain"


class Stream:
    """A response as it comes."""

    def __init__(self, service, sample, accept, path="/predict"):
        self.connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=SOON)
        self.connection.request(
            "POST", path, json.dumps(sample), {"Content-Type": "application/json", "Accept": accept}
        )
        self.response = self.connection.getresponse()
        self.status, self.type = self.response.status, self.response.headers["Content-Type"]

    def read(self):
        """Return all that is left."""
        with self:
            return self.response.read().decode()

    def line(self):
        """Return the next line."""
        return self.response.readline().decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.response.close()
        self.connection.close()


def status_of(*request):
    with Stream(*request) as stream:
        return stream.status


def events(text):
    """Return (event, data) for each event of a stream."""
    found = []
    for block in text.split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        if fields:
            found.append((fields.get("event", "message"), json.loads(fields["data"])))
    return found


DONE = ("done", {})


def test_items_are_events_and_the_last_event_says_that_it_is_done(service):
    stream = Stream(service, "words", EVENTS)
    assert (stream.status, stream.type) == (200, "text/event-stream; charset=utf-8")
    assert stream.response.headers["Cache-Control"] == "no-cache"
    assert stream.response.headers["X-Accel-Buffering"] == "no"
    assert stream.response.headers["X-Request-ID"]
    assert events(stream.read()) == [("message", "one "), ("message", "two\nthree"), DONE]


def test_items_are_lines(service):
    stream = Stream(service, 3, LINES)
    assert (stream.status, stream.type, stream.read()) == (200, LINES, "0\n1\n2\n")


def test_strings_are_text(service):
    stream = Stream(service, "words", TEXT)
    assert (stream.status, stream.type, stream.read()) == (200, "text/plain; charset=utf-8", "one two\nthree")


@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/html", "application/json, text/event-stream"])
def test_other_clients_get_a_list(service, accept):
    status, body, headers = service.ask("3", headers={"Content-Type": "application/json", "Accept": accept})
    assert (status, headers["Content-Type"], body) == (200, "application/json", [0, 1, 2])


def test_a_stream_without_items(service):
    assert events(Stream(service, "nothing", EVENTS).read()) == [DONE]
    assert Stream(service, "nothing", LINES).read() == ""
    assert service.predict("nothing") == (200, [])


@pytest.mark.parametrize("accept", [EVENTS, LINES, TEXT])
def test_errors_before_the_first_item_have_their_status(service, accept):
    for sample, status in (({"reject": True}, 422), ("at once", 500)):
        stream = Stream(service, sample, accept)
        assert (stream.status, stream.type) == (status, "application/problem+json")
        assert json.loads(stream.read())["status"] == status


def test_what_is_not_json_has_status_400(service):
    headers = {"Content-Type": "application/json", "Accept": EVENTS}
    assert service.ask("nonsense", headers=headers)[0] == 400
    assert service.ask("", headers=headers)[0] == 400


def test_items_that_are_no_strings_are_not_acceptable_as_text(service):
    assert status_of(service, 3, TEXT) == 406
    broken = Stream(service, "not a string later", TEXT)
    assert broken.status == 200
    with pytest.raises(http.client.IncompleteRead) as found:
        broken.read()
    assert found.value.partial == b"one"


@pytest.mark.parametrize(("sample", "status"), [("later", 500), ("dies", 500), ("hangs", 504)])
def test_an_error_after_the_first_item_is_an_event_with_the_problem(service, sample, status):
    found = events(Stream(service, sample, EVENTS).read())
    assert [kind for kind, _ in found] == ["message", "error"]
    assert found[0][1] == 1
    assert found[1][1]["status"] == status
    assert {"type", "title", "detail"} <= found[1][1].keys()
    assert wait_until(lambda: service.predict(1) == (200, [0]))


def test_an_error_after_the_first_item_is_the_last_line_of_a_response_that_breaks_off(service):
    with pytest.raises(http.client.IncompleteRead) as found:
        Stream(service, "later", LINES).read()
    item, error = found.value.partial.decode().splitlines()
    assert (item, json.loads(error)["error"]["status"]) == ("1", 500)


def test_the_time_limit_is_between_items(service):
    # 1.6 s in all, with a limit of 1.5 s.
    assert events(Stream(service, "slow", EVENTS).read()) == [*(("message", number) for number in range(4)), DONE]
    assert service.predict("slow") == (200, [0, 1, 2, 3])


def test_items_come_as_they_are_yielded(service):
    with Stream(service, "slow", LINES) as stream:
        times = []
        for _ in range(4):
            stream.line()
            times.append(time.monotonic())
    assert all(later - earlier > 0.2 for earlier, later in itertools.pairwise(times))


def test_named_predictors_stream_and_async_ones(service):
    path = "/predict/slowly"
    assert Stream(service, 3, LINES, path).read() == "0\n1\n2\n"
    assert service.ask("3", path)[:2] == (200, [0, 1, 2])
    assert Stream(service, 2, LINES, "/predict/hinted").read() == "0\n1\n"
    assert status_of(service, "x", LINES, path) == 422


def test_a_predictor_that_does_not_stream_can_t_be_asked_for_events_only(service):
    path = "/predict/plain"
    stream = Stream(service, 3, EVENTS, path)
    assert (stream.status, json.loads(stream.read())["status"]) == (406, 406)
    assert Stream(service, 3, f"{EVENTS}, application/json", path).read() == "3"
    assert Stream(service, 3, LINES, path).read() == "3"


def leave(service, sample, accept, path="/predict", items=1):
    with Stream(service, sample, accept, path) as stream:
        for _ in range(items):
            assert stream.line().strip()
            if accept == EVENTS:
                stream.line()


@pytest.mark.parametrize("accept", [EVENTS, LINES])
def test_a_client_that_leaves_closes_the_generator_and_frees_the_scorer(service, marks, accept):
    mark = marks / "closed endless"
    mark.unlink(missing_ok=True)
    # As many as there are scorers.
    for _ in range(2):
        leave(service, "endless", accept)
    assert wait_until(lambda: mark.exists() and mark.stat().st_size == 2, 2.0)
    started = time.monotonic()
    assert service.predict(1) == (200, [0])
    assert time.monotonic() - started < 1


@pytest.mark.parametrize(("path", "sample"), [("/predict", "endless"), ("/predict/batch", ["endless"])])
def test_a_client_that_leaves_before_its_list_ends_frees_the_scorer(service, marks, path, sample):
    mark, running = marks / "closed endless", marks / "running endless"
    mark.unlink(missing_ok=True)
    running.unlink(missing_ok=True)
    before = sorted(service.scorers)
    # As many as there are scorers.
    for count in (1, 2):
        with socket.create_connection(("127.0.0.1", service.port)) as client:
            body = json.dumps(sample).encode()
            fields = f"Host: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
            client.sendall(f"POST {path} HTTP/1.1\r\n{fields}\r\n\r\n".encode() + body)
            assert wait_until(lambda size=count: running.exists() and running.stat().st_size == size)
    assert wait_until(lambda: mark.exists() and mark.stat().st_size == 2)
    assert service.predict(1) == (200, [0])
    assert sorted(service.scorers) == before


def test_a_generator_that_is_busy_is_interrupted(service, marks):
    before = sorted(service.scorers)
    leave(service, "busy", LINES)
    assert wait_until((marks / "closed busy").exists, 2.0)
    assert service.predict(1) == (200, [0])
    assert sorted(service.scorers) == before


def test_an_async_generator_that_waits_is_closed(service, marks):
    before = sorted(service.scorers)
    leave(service, 100, LINES, "/predict/slowly", items=8)
    assert wait_until((marks / "closed async").exists, 2.0)
    assert service.ask("2", "/predict/slowly")[:2] == (200, [0, 1])
    assert sorted(service.scorers) == before


def slow_reader(service):
    sock = socket.create_connection(("127.0.0.1", service.port))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    body = b'"counts"'
    head = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAccept: application/x-ndjson\r\n"
    sock.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    sock.recv(100)
    return sock


def test_a_slow_reader_holds_back_its_own_generator_and_no_other(service, marks):
    counted = marks / "counted"
    counted.unlink(missing_ok=True)
    with slow_reader(service):
        sizes = []

        def has_stopped():
            sizes.append(counted.stat().st_size if counted.exists() else 0)
            return len(sizes) > 10 and sizes[-1] == sizes[-10] > 0

        assert wait_until(has_stopped, every=0.05)
        # A few megabytes, most of them in the kernel's buffers.
        assert sizes[-1] < 10_000
        # Longer than the time limit: it is the client that is slow.
        assert Stream(service, "slow", LINES).read() == "0\n1\n2\n3\n"
        assert counted.stat().st_size == sizes[-1]
    assert wait_until((marks / "closed counts").exists, 3.0)
    assert "is killed: it worked on an item of a stream" not in service.log[-300:]


def test_many_streams_with_few_scorers_wait_for_their_turn(service):
    with ThreadPoolExecutor(30) as pool:
        found = list(pool.map(lambda _: Stream(service, 50, LINES).read(), range(60)))
    assert found == ["".join(f"{number}\n" for number in range(50))] * 60


def test_the_access_log_has_a_line_at_the_end_of_a_stream(service):
    with Stream(service, "slow", LINES) as stream:
        request_id = stream.response.headers["X-Request-ID"]
        stream.line()
        assert request_id not in service.log
        stream.response.read()
    taken = service.wait_for(rf"POST /predict 200 (\d+\.\d)ms id={request_id}")[1]
    assert float(taken) > 1000


def test_streams_are_counted_with_their_items_and_the_time_to_the_first(service):
    names = ("nb_stream_items_total", "nb_stream_first_item_seconds_count", "nb_processing_seconds_count")
    before = [service.metric(name) for name in names]
    with Stream(service, "endless", LINES) as stream:
        stream.line()
        assert service.metric("nb_streams") >= 1
    assert Stream(service, 5, LINES).read()
    assert Stream(service, "nothing", LINES).read() == ""
    items, first, processed = (service.metric(name) - was for name, was in zip(names, before, strict=True))
    assert items >= 6
    assert (first, processed) == (2, 0)
    assert wait_until(lambda: service.metric("nb_streams") == 0)


def test_other_protocols_get_the_list(service):
    assert service.ask(json.dumps({"instances": [2, 3]}), "/v1/models/model:predict")[1] == {
        "predictions": [[0, 1], [0, 1, 2]]
    }
    assert service.ask("3", "/invocations")[1] == [0, 1, 2]
    assert service.ask("[1, 2]", "/predict/batch")[1] == [[0], [0, 1]]


def v2(service, action, body, headers=None):
    return service.ask(json.dumps(body), f"/v2/models/model/{action}", headers=headers)


def test_tritons_generate_joins_the_strings_of_a_stream(service):
    status, body, _ = v2(service, "generate", {"id": "a", "text_input": "words", "parameters": {}, "stream": False})
    assert (status, body["id"], body["model_name"], body["text_output"]) == (200, "a", "model", "one two\nthree")
    assert v2(service, "generate", {"text_input": "nothing"})[1]["text_output"] == ""
    assert v2(service, "generate", {"text_input": "at once"})[:2][0] == 500
    assert v2(service, "generate", {"text_input": 3})[:2] == (400, {"error": "text_input is not a string."})
    assert v2(service, "generate", {"text_input": "words", "unknown": 3})[0] == 400


def data_of(text):
    """Return the data of another protocol's events."""
    return [json.loads(block.removeprefix("data: ")) for block in text.split("\n\n")[:-1]]


def test_tritons_generate_stream_has_an_event_for_each_item(service):
    status, text, headers = v2(service, "generate_stream", {"id": "a", "text_input": "words"})
    assert (status, headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
    found = data_of(text)
    assert [event["text_output"] for event in found] == ["one ", "two\nthree"]
    assert {(event["id"], event["model_name"]) for event in found} == {("a", "model")}


def test_an_error_of_generate_stream_has_a_status_or_is_the_last_event(service):
    status, body, _ = v2(service, "generate_stream", {"text_input": "at once"})
    assert (status, list(body)) == (500, ["error"])
    item, error = data_of(v2(service, "generate_stream", {"text_input": "later"})[1])
    assert (item["text_output"], list(error)) == ("1", ["error"])


TENSOR = {"name": "x", "shape": [1], "datatype": "INT64", "data": [2]}


@pytest.mark.parametrize("action", ["infer_stream", "generate_stream"])
def test_mlservers_streams_have_an_inference_response_for_each_item(service, action):
    found = data_of(v2(service, action, {"id": "b", "inputs": [TENSOR]})[1])
    assert [event["outputs"][0]["data"] for event in found] == [[0], [1]]
    assert {event["id"] for event in found} == {"b"}
    two = {**TENSOR, "shape": [2], "data": [2, 3]}
    assert v2(service, action, {"inputs": [two]})[:2] == (400, {"error": "Only one sample can be streamed."})
    whole = service.ask(json.dumps({"inputs": [TENSOR]}), "/v2/models/plain/infer_stream")[1]
    assert [event["outputs"][0]["data"] for event in data_of(whole)] == [[2]]


@pytest.mark.parametrize(
    ("accept", "text"), [(LINES, "0\n1\n"), (EVENTS, "data: 0\n\ndata: 1\n\nevent: done\ndata: {}\n\n")]
)
def test_sagemakers_route_streams_in_chunks(service, accept, text):
    stream = Stream(service, 2, accept, "/invocations")
    assert stream.response.headers["Transfer-Encoding"] == "chunked"
    assert (stream.status, stream.read()) == (200, text)


def test_curl_and_httpx_sse_follow_a_stream(service):
    headers = ["-H", "Content-Type: application/json", "-H", f"Accept: {EVENTS}"]
    url = f"http://127.0.0.1:{service.port}/predict"
    shown = subprocess.run(["curl", "-sN", "-d", "2", *headers, url], capture_output=True, text=True, check=True).stdout
    assert events(shown) == [("message", 0), ("message", 1), DONE]
    assert clients.ask("sse", "follow_events.py", url) == [["message", "0"], ["message", "1"], ["done", "{}"]]


@pytest.fixture(scope="module", params=["asyncio", "waitress"])
def patient(request, root, marks):
    """Return a service whose scorers may work on an item for a minute."""
    running = Service(root, S2I_FRONT=request.param, MARKS=str(marks)).ready()
    yield running
    running.close()


def test_an_item_or_a_prediction_that_is_too_large_is_an_error_and_costs_no_scorer(patient):
    before = sorted(patient.scorers)
    item, (kind, problem) = events(Stream(patient, "large", EVENTS).read())
    assert (item, kind, problem["status"]) == (("message", 1), "error", 500)
    said = "The notebook's predictor returned a value that can't be sent: {} has more than 134217728 bytes."
    assert problem["detail"] == said.format("an item")
    status, body, _ = patient.ask('"large"', "/predict/plain")
    assert (status, body["detail"]) == (500, said.format("it"))
    assert patient.predict(1) == (200, [0])
    assert sorted(patient.scorers) == before


def raw(service, sample, accept, path="/predict"):
    """Return the socket of a client that has read its first item and closed its sending side."""
    sock = socket.create_connection(("127.0.0.1", service.port), timeout=SOON)
    body = json.dumps(sample).encode()
    fields = f"Host: x\r\nContent-Type: application/json\r\nAccept: {accept}\r\nContent-Length: {len(body)}"
    sock.sendall(f"POST {path} HTTP/1.1\r\n{fields}\r\n\r\n".encode() + body)
    seen = b""
    while b"\r\n\r\n" not in seen or not seen.partition(b"\r\n\r\n")[2]:
        seen += sock.recv(1000)
    sock.shutdown(socket.SHUT_WR)
    return sock


GENERATE = "/v2/models/model/generate_stream"


def in_each_form(sample, as_text):
    """Run a test with `accept`, `path` and `sample` of each form of a stream; `as_text` is the sample of plain text."""
    cases = [
        (EVENTS, "/predict", sample),
        (LINES, "/predict", sample),
        (TEXT, "/predict", as_text),
        (EVENTS, GENERATE, {"text_input": sample}),
    ]
    return pytest.mark.parametrize(("accept", "path", "sample"), cases)


@in_each_form("hangs", as_text="silent")
def test_a_client_that_closes_its_sides_one_after_the_other_closes_the_generator(patient, marks, accept, path, sample):
    mark = marks / f"closed {sample if isinstance(sample, str) else sample['text_input']}"
    mark.unlink(missing_ok=True)
    before = sorted(patient.scorers)
    with raw(patient, sample, accept, path) as sock:
        # All that has arrived is read, so that the system sends no reset when the socket is closed.
        sock.settimeout(0.1)
        with contextlib.suppress(TimeoutError):
            while sock.recv(1000):
                pass
    assert wait_until(mark.exists, 2.0)
    assert patient.predict(1) == (200, [0])
    assert sorted(patient.scorers) == before


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_client_that_closes_its_sending_side_and_exits_later_ends_its_list(patient, marks, version):
    mark = marks / "closed endless"
    mark.unlink(missing_ok=True)
    (marks / "running endless").unlink(missing_ok=True)
    body = b'"endless"'
    fields = f"Host: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    with socket.create_connection(("127.0.0.1", patient.port), timeout=SOON) as sock:
        # Its system forgets the connection after a second instead of a minute.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2, 1)
        sock.sendall(f"POST /predict HTTP/{version}\r\n{fields}\r\n\r\n".encode() + body)
        assert wait_until((marks / "running endless").exists)
        sock.shutdown(socket.SHUT_WR)
        if version == "1.1":
            # 100 Continue, or the end of waitress's response. Unread bytes would make the system send a reset.
            sock.recv(1000)
    assert wait_until(mark.exists)


@pytest.mark.parametrize("accept", [EVENTS, LINES])
def test_a_client_that_has_only_closed_its_sending_side_gets_its_stream(root, marks, accept):
    service = Service(root, MARKS=str(marks)).ready()
    try:
        with raw(service, "slow", accept) as sock:
            rest = b""
            while piece := sock.recv(1000):
                rest += piece
    finally:
        service.close()
    assert b"3" in rest
    assert rest.endswith(b"0\r\n\r\n")


def has_answers(socks):
    """Return how many of these clients have a response."""
    poll = select.poll()
    for sock in socks:
        poll.register(sock, select.POLLIN)
    return len(poll.poll(0))


def test_streams_that_wait_are_limited_and_leave_the_service_responsive(root, marks):
    service = Service(root, MARKS=str(marks), S2I_MAX_QUEUE="50", S2I_PREDICT_TIMEOUT="120").ready()
    readers = []
    try:
        body = b'"hangs"'
        head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAccept: {EVENTS}\r\n"
        for _ in range(600):
            sock = socket.create_connection(("127.0.0.1", service.port), timeout=SOON)
            sock.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            readers.append(sock)
        # As many stream as there are scorers; all others were rejected at once.
        assert wait_until(lambda: has_answers(readers) == 600 - 50)
        assert (service.metric("nb_streams"), service.metric("nb_queue_samples")) == (2, 50)
    finally:
        for sock in readers:
            sock.close()
    assert wait_until(lambda: service.metric("nb_streams") == 0, 10.0)
    assert service.predict(1) == (200, [0])
    service.close()


def test_boto3_and_mlserver_s_types_read_streams(service):
    assert clients.ask("boto3", "follow_sagemaker.py", service.port) == [LINES, ["one ", "two\nthree"]]
    address = f"http://127.0.0.1:{service.port}/v2/models/model"
    items = [[0], [1], [2]]
    assert clients.ask("mlserver", "follow_mlserver.py", address) == {"infer_stream": items, "generate_stream": items}


def test_tritonclient_follows_streams_over_grpc(root, marks):
    (marks / "closed endless").unlink(missing_ok=True)
    service = GrpcService(root, MARKS=str(marks), S2I_MODEL_NAME="model", WEB_CONCURRENCY="2").ready()
    try:
        found = clients.ask("triton-grpc", "ask_triton_stream.py", service.grpc, marks)
        before = sorted(service.scorers)
        assert service.predict(1) == (200, [0])
        assert wait_until(lambda: service.metric("nb_streams") == 0)
        assert sorted(service.scorers) == before
    finally:
        service.close()
    failed = "The notebook's predictor failed on this sample; the service's log has the traceback."
    assert found == {
        "items": [["1", [0], False], ["1", [1], False], ["1", [2], False], ["1", None, True]],
        "without a final response": [["1", [0], False], ["1", [1], False], ["2", None, True]],
        "error at once": failed,
        "error later": [["1", [1], False], failed],
        "named": [["1", [0], False], ["1", [1], False], ["1", [2], False], ["1", None, True]],
        "plain": ["1", [3], None],
        "parameters": [["1", [0], False], ["1", [5], False]],
        "unknown": "Request for unknown model: 'other' is not found.",
        "two at once": True,
        "closed too early": False,
        "closed": True,
    }


@pytest.fixture(params=["nginx", "haproxy"])
def behind_proxy(request, patient, tmp_path):
    """Return a service behind a proxy with the page's configuration; its `port` is the proxy's."""
    proxy = Proxy(request.param, tmp_path, [patient.port] * 2)
    assert wait_until(proxy.answers), proxy.log
    yield proxy
    proxy.close()


@in_each_form("waits", as_text="waits")
def test_items_pass_the_page_s_proxies_one_by_one_and_uncompressed(behind_proxy, marks, accept, path, sample):
    go_on = marks / "go on"
    go_on.unlink(missing_ok=True)
    headers = {"Content-Type": "application/json", "Accept": accept, "Accept-Encoding": "gzip, deflate, br"}
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", behind_proxy.port, timeout=SOON)) as connection:
        connection.request("POST", path, json.dumps(sample), headers)
        response = connection.getresponse()
        assert response.headers["Content-Encoding"] is None
        # The second item is yielded only now that the first one has arrived.
        assert b"first" in response.read1()
        go_on.write_text("")
        assert b"second" in response.read()


def test_a_client_of_a_proxy_that_leaves_closes_the_generator(behind_proxy, marks):
    mark = marks / "closed hangs"
    mark.unlink(missing_ok=True)
    leave(behind_proxy, "hangs", EVENTS)
    assert wait_until(mark.exists, 3.0)


@pytest.fixture
def impatient(root, marks):
    running = Service(root, MARKS=str(marks), S2I_RECEIVE_TIMEOUT="1").ready()
    yield running
    running.close()


def test_a_client_that_reads_nothing_is_cut_off_and_its_generator_closed(impatient, marks):
    mark = marks / "closed counts"
    mark.unlink(missing_ok=True)
    with slow_reader(impatient):
        assert wait_until(mark.exists, 10.0)
    assert impatient.predict(1) == (200, [0])


@pytest.mark.long
@pytest.mark.parametrize("front", ["asyncio", "waitress"])
def test_a_comment_keeps_a_stream_of_events_awake(root, marks, front):
    running = Service(root, S2I_FRONT=front, MARKS=str(marks)).ready()
    try:
        # After the item comes nothing for a minute.
        with Stream(running, "hangs", EVENTS) as stream:
            assert [stream.line() for _ in range(4)] == ["data: 1\n", "\n", ": \n", "\n"]
    finally:
        running.close()
