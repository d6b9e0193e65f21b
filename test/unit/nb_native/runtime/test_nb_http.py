"""A native program as a service: routes, statuses, waiting, memory, and its end."""

import contextlib
import json
import os
import re
import resource
import socket
import subprocess
import time

import pytest
from nb_native.runtime import build

from contract.wire import PROBLEM, Wire, get, post
from unit.nb_native.runtime import programs
from unit.nb_native.runtime.programs import Served, soon

ANSWER = re.compile(r"[0-9a-f]{12}-[0-9a-f]{8}")
DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")


@pytest.fixture(scope="module")
def service(sanitized):
    """Return one for all tests that do not end it."""
    with Served(sanitized, S2I_MAX_BODY="100000") as served:
        yield served
        assert served.end() == (0, "")


def ask(service, data):
    """Return the answer to these bytes, on a connection of its own."""
    with Wire(service) as wire:
        return wire.send(data).answer()


def detail(answer):
    """Return the sentence of a refusal, after a look at all that goes with it."""
    assert answer.headers["Content-Type"] == PROBLEM
    body = json.loads(answer.body)
    assert list(body) == ["type", "title", "status", "detail"]
    assert (body["type"], body["status"]) == ("about:blank", answer.status)
    return body["detail"]


def test_an_answer_has_the_header_fields_of_the_service(service):
    answer = ask(service, post(b"[1, 2.50]"))
    assert (answer.status, answer.body) == (200, b"[1, 2.5]")
    assert answer.headers.keys() == [
        "Content-Length",
        "Content-Type",
        "Date",
        "X-Content-Type-Options",
        "X-Request-ID",
    ]
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert ANSWER.fullmatch(answer.headers["X-Request-ID"])
    assert DATE.fullmatch(answer.headers["Date"])
    said = time.mktime(time.strptime(answer.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT")) - time.timezone
    assert abs(said - time.time()) < 5


def test_the_fields_of_a_model_are_in_each_head(folder):
    program = folder / "with-fields"
    build.build([programs.HERE / "kmeans.c"], program, fields='X-Model-Name: my "model"\\\r\n')
    with Served(program) as served:
        assert ask(served, get(b"/healthz")).headers["X-Model-Name"] == 'my "model"\\'


def test_ids_of_requests_are_the_clients_or_new(service):
    def id_of(*fields):
        return ask(service, get(b"/healthz", *fields)).headers["X-Request-ID"]

    assert id_of(b"X-Request-ID: aZ09._:+/=@~-") == "aZ09._:+/=@~-"
    assert id_of(b"X-Request-ID: " + b"x" * 128) == "x" * 128
    new = [
        id_of(),
        id_of(b"X-Request-ID: " + b"x" * 129),
        id_of(b"X-Request-ID: a b"),
        id_of(b"X-Request-ID: a\xc3\xa4"),
    ]
    assert all(map(ANSWER.fullmatch, new))
    assert len(set(new)) == 4


@pytest.mark.parametrize(
    ("path", "body"),
    [(b"/healthz", b'{"status": "alive"}\n'), (b"/readyz", b'{"status": "ready"}\n')],
)
def test_checks_are_those_of_the_service(service, path, body):
    answer = ask(service, get(path))
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, "application/json", body)
    with Wire(service) as wire:
        head = wire.send(get(path, method=b"HEAD")).answer(bodiless=True)
        assert (head.status, head.headers["Content-Length"]) == (200, str(len(body)))
        assert wire.send(get(path + b"?x=y")).answer().body == body


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        (post(b""), 400, "The body is empty; send one sample as JSON."),
        (
            post(b"{"),
            400,
            "The body is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1).",
        ),
        (post(b"\xff"), 400, "The body is not JSON: it is not UTF-8 (byte 0)."),
        (post(b"[" * 2000), 400, "The body is not JSON: it is nested too deeply."),
        (post(b"1" * 20), 422, "The sample has a whole number beyond 2^53, which this image can't represent."),
        (post(b'{"refuse": "short"}'), 422, "The notebook's validator rejects this sample: short."),
        (post(b'{"refuse": "why?"}'), 422, "The notebook's validator rejects this sample: why?"),
        (post(b'{"refuse": "a \\"quote\\"\\n"}'), 422, 'The notebook\'s validator rejects this sample: a "quote"\n.'),
        (
            post(b'{"refuse": "%b"}' % ("é" * 600).encode()),
            422,
            f"The notebook's validator rejects this sample: {'é' * 500} …",
        ),
        (post(b'{"refuse": ""}'), 422, "The notebook's validator rejects this sample."),
        (post(b'{"fail": 1}'), 500, "The notebook's predictor failed on this sample."),
        (
            post(b'{"beyond": 1}'),
            422,
            "The sample leads to a number that this image can't compute exactly, such as a whole one beyond 2^53.",
        ),
        (
            post(b'{"misfit": "a: is missing"}'),
            422,
            "The sample does not match what the notebook accepts: a: is missing.",
        ),
        (
            post(b'[1, {"misfit": "a: is missing"}, {"misfit": "b"}]', path=b"/predict/batch"),
            422,
            "Sample 2: The sample does not match what the notebook accepts: a: is missing.",
        ),
        (
            post(b'[1, {"misfit": "a: is missing"}, {"refuse": "no"}]', path=b"/predict/batch"),
            422,
            "Sample 3: The notebook's validator rejects this sample: no.",
        ),
        (
            post(b"[" + b"1," * 7_000 + b"1]", path=b"/no"),
            404,
            "There is no route /no; these are: POST /predict, POST /predict/batch, GET /healthz, /readyz, /metrics.",
        ),
        (get(b"/predict"), 405, "/predict does not take GET."),
        (post(b"1", path=b"/healthz"), 405, "/healthz does not take POST."),
        (
            post(b"1", kind=b"text/csv"),
            415,
            "Send the sample as JSON: curl -H 'Content-Type: application/json'. Other types are not supported.",
        ),
        (
            post(b"1", b"Content-Encoding: identity, gzip"),
            415,
            "Compressed bodies are not supported.",
        ),
        (post(b'{"fail": 1}', b"Content-Encoding: Identity"), 500, "The notebook's predictor failed on this sample."),
        (post(b"", path=b"/predict/batch"), 400, "The body is not JSON: Expecting value: line 1 column 1 (char 0)."),
        (post(b'[{"fail": 1} ]', path=b"/predict/batch"), 500, "The notebook's predictor failed on this sample."),
        (post(b" " * 100_001), 413, "The body is larger than this service accepts (S2I_MAX_BODY)."),
        (post(b"1", path=b"/predict/batch"), 400, "The body is not JSON: it is not an array of samples."),
        (
            post(b"[1", path=b"/predict/batch"),
            400,
            "The body is not JSON: Expecting ',' delimiter: line 1 column 3 (char 2).",
        ),
        (post(b"[1,", path=b"/predict/batch"), 400, "The body is not JSON: Expecting value: line 1 column 4 (char 3)."),
        (post(b"[1]2", path=b"/predict/batch"), 400, "The body is not JSON: Extra data: line 1 column 4 (char 3)."),
        (
            post(b'[1, {"fail": 1}, {"refuse": "no"}, {"refuse": "other"}]', path=b"/predict/batch"),
            422,
            "Sample 3: The notebook's validator rejects this sample: no.",
        ),
        (
            post(b'[1, {"fail": 1}, 2]', path=b"/predict/batch"),
            500,
            "Sample 2: The notebook's predictor failed on this sample.",
        ),
        (
            post(b'[1, {"refuse": "no"}, tru]', path=b"/predict/batch"),
            400,
            "The body is not JSON: Expecting value: line 1 column 23 (char 22).",
        ),
        (
            post(b"[1, 11111111111111111111]", path=b"/predict/batch"),
            422,
            "Sample 2: The sample has a whole number beyond 2^53, which this image can't represent.",
        ),
    ],
)
def test_rejections_are_those_of_the_service(service, sent, status, words):
    answer = ask(service, sent)
    assert (answer.status, detail(answer)) == (status, words)


def test_a_method_that_is_not_taken_names_those_that_are(service):
    assert ask(service, get(b"/predict")).headers["Allow"] == "POST"
    assert ask(service, get(b"/metrics", method=b"DELETE")).headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("kind", "taken"),
    [
        (b"application/json", True),
        (b"Application/JSON; Charset=UTF-8", True),
        (b'application/json; x=y; charset="utf-8"', True),
        (b"application/json;charset=latin-1", False),
        (b"application/vnd.api+json", True),
        (b"application/+json", False),
        (b"application/jsonx", False),
        (b"text/json", False),
        (b"", True),
    ],
)
def test_json_is_known_by_its_type(service, kind, taken):
    assert ask(service, post(b"[1]", kind=kind)).status == (200 if taken else 415)


@pytest.mark.parametrize(
    ("samples", "answers"),
    [
        ("[]", "[]"),
        (" [ 1 , 2 ] ", "[1, 2]"),
        ('[[1.50], {"a": null}, "x"]', '[[1.5], {"a": null}, "x"]'),
    ],
)
def test_many_samples_have_their_answers_in_order(service, samples, answers):
    answer = ask(service, post(samples.encode(), path=b"/predict/batch"))
    assert (answer.status, answer.body.decode()) == (200, answers)


def test_many_samples_are_as_many_as_the_setting_says(sanitized):
    with Served(sanitized, S2I_MAX_SAMPLES="3") as served:
        assert ask(served, post(b"[1, 2, 3]", path=b"/predict/batch")).status == 200
        answer = ask(served, post(b"[1, 2, 3, 4]", path=b"/predict/batch"))
        assert (answer.status, detail(answer)) == (413, "A body may have 3 samples (S2I_MAX_SAMPLES).")


def test_metrics_count_what_was_answered(sanitized):
    with Served(sanitized) as served, Wire(served) as wire:
        for body in (b"1", b"2", b"{"):
            wire.send(post(body)).answer()
        wire.send(post(b"[1, 2, 3]", path=b"/predict/batch")).answer()
        answer = wire.send(get(b"/metrics")).answer()
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.body.decode().splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        'nb_http_requests_total{status="200"} 3',
        'nb_http_requests_total{status="400"} 1',
        "nb_predictions_total 5",
        "nb_connections 1",
    ]
    assert [line.split()[2:] for line in lines if line.startswith("# TYPE")] == [
        ["nb_http_requests_total", "counter"],
        ["nb_predictions_total", "counter"],
        ["nb_connections", "gauge"],
    ]


# --- how bytes come and go ---


def test_requests_that_come_at_once_are_answered_in_order(service):
    with Wire(service) as wire:
        wire.send(b"".join(post(b"[%d]" % number) for number in range(2000)))
        assert [wire.answer().body for _ in range(2000)] == [b"[%d]" % number for number in range(2000)]


def test_a_client_that_takes_nothing_costs_little_and_loses_nothing(echo):
    with Served(echo) as served, Wire(served, receive_buffer=4096) as wire:
        before = served.resident()
        request = post(b'{"long": 100000}')
        wire.socket.setblocking(False)
        sent = 0
        until = time.monotonic() + 2
        while time.monotonic() < until and sent < 2000:
            with contextlib.suppress(BlockingIOError):
                # A whole request or nothing: they are shorter than what a socket makes room for.
                assert wire.socket.send(request) == len(request)
                sent += 1
        assert served.resident() - before < 4096
        assert ask(served, get(b"/healthz")).status == 200
        wire.socket.settimeout(programs.SOON)
        assert {len(wire.answer().body) for _ in range(sent)} == {100_000}


def test_large_bodies_come_and_go_in_pieces(echo):
    with Served(echo) as served, Wire(served) as wire:
        sample = json.dumps(["é" * 1000] * 400, ensure_ascii=False).encode()
        for chunked in (False, True):
            if chunked:
                head = b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                pieces = [sample[at : at + 3000] for at in range(0, len(sample), 3000)]
                sent = head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
            else:
                sent = post(sample)
            for at in range(0, len(sent), 7000):
                wire.send(sent[at : at + 7000])
            assert json.loads(wire.answer().body) == json.loads(sample)


def test_who_expects_100_gets_it_before_the_body(service):
    with Wire(service) as wire:
        wire.send(post(b'"first"', b"Expect: 100-continue")[:-7])
        assert wire.answer(interim=True).status == 100
        answer = wire.send(b'"first"').answer(interim=True)
        assert (answer.status, answer.body) == (200, b'"first"')
        wire.send(post(b'"first"', b"Expect: 100-continue", kind=b"text/csv")[:-7])
        assert wire.answer(interim=True).status == 415
        assert wire.rest() == b""


UNENDING = {
    "half a body": post(b'"first"')[:-2],
    "no last chunk": b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n",
    "half a head": b"GET /healthz HTTP/1.1\r\nHost: x\r\n",
    "half a line": b"GET /hea",
}


def test_a_request_that_does_not_end_is_rejected_in_time(sanitized):
    with Served(sanitized, S2I_RECEIVE_TIMEOUT="0.5") as served:
        for name, sent in UNENDING.items():
            with Wire(served) as wire:
                answer = wire.send(sent).answer()
                assert (name, answer.status, answer.headers["Connection"]) == (name, 408, "close")
                assert "S2I_RECEIVE_TIMEOUT" in detail(answer)
                assert wire.rest() == b""


def test_a_request_that_comes_slowly_has_no_more_time_for_each_byte(sanitized):
    with Served(sanitized, S2I_RECEIVE_TIMEOUT="0.6") as served, Wire(served) as wire:
        begun = time.monotonic()
        with contextlib.suppress(OSError):
            for byte in post(b"[1]"):
                wire.send(bytes([byte]))
                time.sleep(0.05)
        assert wire.answer().status == 408
        assert time.monotonic() - begun < programs.SOON / 2


def test_an_idle_connection_is_closed_in_time(sanitized):
    with Served(sanitized, S2I_RECEIVE_TIMEOUT="0.4") as served, Wire(served) as wire:
        assert wire.rest() == b""


def test_a_client_that_takes_nothing_is_left_in_time(echo):
    with Served(echo, S2I_RECEIVE_TIMEOUT="0.5") as served, Wire(served, receive_buffer=4096) as wire:
        wire.send(post(b'{"long": 10000000}'))
        assert soon(lambda: b"nb_connections 1\n" in ask(served, get(b"/metrics")).body)


def test_a_request_that_is_cut_off_is_rejected(service):
    for sent in UNENDING.values():
        with Wire(service) as wire:
            wire.send(sent)
            wire.socket.shutdown(socket.SHUT_WR)
            answer = wire.answer()
            assert answer.status == 400
            assert detail(answer) == "The request could not be read: it ended too early."


def test_a_client_that_has_said_all_gets_its_answer(service):
    with Wire(service) as wire:
        wire.send(post(b"[1]") + post(b"[2]"))
        wire.socket.shutdown(socket.SHUT_WR)
        assert wire.answer().body + wire.answer().body == b"[1][2]"
        assert wire.rest() == b""


def test_clients_that_break_off_leave_nothing_behind(service):
    for sent in (*UNENDING.values(), post(b"[1]"), post(b'{"long": 90000}') * 50):
        wire = Wire(service)
        wire.send(sent)
        wire.reset()
    assert soon(lambda: b"nb_connections 1\n" in ask(service, get(b"/metrics")).body)


# --- many, and memory ---


@pytest.fixture
def crowd():
    """Return a function that connects many times."""
    with contextlib.ExitStack() as stack:

        def connect(service, number):
            sockets = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(number)]
            for one in sockets:
                stack.enter_context(one)
            return sockets

        yield connect


def test_ten_thousand_connections_cost_little_memory(echo, crowd):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    number = min(10_000, (hard if hard != resource.RLIM_INFINITY else 1 << 20) - 200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, number + 200), hard))
    try:
        with Served(echo) as served:
            sockets = crowd(served, number)
            line = b"nb_connections %d\n" % (number + 1)
            assert soon(lambda: line in ask(served, get(b"/metrics")).body)
            assert served.resident() < 4096
            for one in sockets[::100]:
                one.sendall(post(b"[1]"))
                assert one.recv(4096).endswith(b"\r\n\r\n[1]")
            for one in sockets:
                one.close()
            assert soon(lambda: b"nb_connections 1\n" in ask(served, get(b"/metrics")).body)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_more_connections_than_descriptors_wait_their_turn(echo, crowd):
    limited = f"ulimit -n 64; exec {echo}"
    with _served_by_shell(limited) as served:
        sockets = crowd(served, 100)
        for one in sockets[:40]:
            one.close()
        assert all(_answers(one) for one in sockets[40:80])


@contextlib.contextmanager
def _served_by_shell(command):
    read, write = os.pipe()
    env = {"PORT": "0", "S2I_HOST": "127.0.0.1", "S2I_LINGER": "0"}
    process = subprocess.Popen(["/bin/sh", "-c", command], env=env, stderr=write)
    os.close(write)
    with os.fdopen(read) as said:
        port = int(re.search(r" port (\d+)", said.readline())[1])
        process.port = port
        yield process
        process.terminate()
        assert process.wait(programs.SOON) == 0


def _answers(one):
    one.settimeout(programs.SOON)
    one.sendall(post(b"[1]"))
    return one.recv(4096).endswith(b"\r\n\r\n[1]")


def test_memory_is_given_back_after_large_samples(echo):
    with Served(echo) as served:
        ask(served, post(b"[" + b"1," * 60_000 + b"1]"))
        ask(served, post(b'{"long": 10000000}'))
        ask(served, post(b"[" + b'{"long": 1000},' * 10_000 + b"1]", path=b"/predict/batch"))
        assert soon(lambda: served.resident() < 4096)


def test_what_is_held_for_clients_has_a_limit(echo, crowd):
    with Served(echo, S2I_MAX_HELD="65536") as served:
        sockets = crowd(served, 32)
        for one in sockets:
            one.sendall(UNENDING["half a head"])
        with Wire(served) as wire:
            # What comes whole needs nothing that is held.
            assert wire.send(post(b"[1]")).answer().body == b"[1]"
        rejected = sockets[-1].recv(4096)
        assert rejected.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 1\r\n" in rejected


def test_an_answer_that_could_not_be_held_is_rejected_before_its_first_byte(sanitized):
    with Served(sanitized, S2I_MAX_HELD="1048576") as served, Wire(served) as wire:
        answer = wire.send(post(b'{"long": 1100000}')).answer()
        assert (answer.status, detail(answer)) == (
            413,
            "The answer is larger than this image sends; send less at a time.",
        )
        assert len(wire.send(post(b'{"long": 1000000}')).answer().body) == 1_000_000


def test_where_others_hold_answers_a_large_one_is_rejected_whole_and_comes_later(echo):
    with Served(echo, S2I_MAX_HELD="8388608") as served, Wire(served, receive_buffer=4096) as idle:
        idle.send(post(b'{"long": 8000000}'))
        with Wire(served) as wire:
            assert soon(lambda: wire.send(post(b'{"long": 7500000}')).answer().status == 503)
            answer = wire.send(post(b'{"long": 7500000}')).answer()
            assert detail(answer) == "Too many samples are waiting; try again later."
            assert wire.send(post(b"[1]")).answer().body == b"[1]"
            assert len(idle.answer().body) == 8_000_000
            assert len(wire.send(post(b'{"long": 7500000}')).answer().body) == 7_500_000


# --- the end ---


def test_sigterm_ends_it_at_once_where_nothing_is_to_do(echo):
    with Served(echo) as served, Wire(served) as wire:
        wire.send(post(b"[1]")).answer()
        begun = time.monotonic()
        assert served.end() == (0, "")
        assert time.monotonic() - begun < programs.SOON / 2


def test_what_has_started_is_finished_after_sigterm(echo):
    with Served(echo, S2I_LINGER="0.3") as served, Wire(served) as wire, Wire(served) as other:
        wire.send(post(b'"first"')[:-2])
        assert ask(served, get(b"/readyz")).status == 200
        served.process.terminate()
        assert soon(lambda: ask(served, get(b"/readyz")).status == 503)
        # Until balancers have noticed, others are still answered, each for the last time.
        answer = other.send(post(b"[2]")).answer()
        assert (answer.body, answer.headers["Connection"]) == (b"[2]", "close")
        time.sleep(0.5)
        with pytest.raises(OSError, match="refused"):
            Wire(served)
        answer = wire.send(b't"').answer()
        assert (answer.body, answer.headers["Connection"]) == (b'"first"', "close")
        assert wire.rest() == b""
        assert served.end() == (0, "")


def test_what_does_not_end_has_only_its_grace(echo):
    with Served(echo, S2I_GRACE="0.3") as served, Wire(served) as wire:
        wire.send(post(b'"first"')[:-2])
        assert ask(served, get(b"/readyz")).status == 200
        begun = time.monotonic()
        assert served.end() == (0, "")
        assert 0.25 < time.monotonic() - begun < 10


def test_a_second_signal_ends_it_at_once(echo):
    with Served(echo, S2I_LINGER="60") as served:
        served.process.terminate()
        assert soon(lambda: ask(served, get(b"/readyz")).status == 503)
        assert served.end() == (0, "")


def test_it_takes_any_address(echo):
    with Served(echo, S2I_HOST="::") as served:
        assert served.words == f"Listening on :: port {served.port}.\n"
        assert ask(served, get(b"/healthz")).status == 200
        with socket.create_connection(("::1", served.port)) as one:
            one.sendall(get(b"/healthz"))
            assert one.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")
