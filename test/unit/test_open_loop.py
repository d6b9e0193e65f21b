"""The load at a rate: a service that stands still is asked as often, and what came late counts from when it was due."""

import contextlib
import http.server
import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[1] / "open_loop.py"
STANDS_STILL = 0.5


@pytest.fixture
def serve():
    """Return what starts a server that calls a function with each handler and the number of its request."""
    with contextlib.ExitStack() as stack:

        def start(answer):
            numbers = iter(range(1, 1_000_000))

            class Handler(http.server.BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"

                def do_POST(self):
                    self.rfile.read(int(self.headers["Content-Length"]))
                    answer(self, next(numbers))

                def log_message(self, *words):
                    pass

            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            server.daemon_threads = True
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            return server.server_address

        yield start


def four(handler, *fields):
    """Answer with 4, and these fields of the head."""
    handler.send_response(200)
    for name, value in (("Content-Length", "1"), *fields):
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(b"4")


def asked(address, rate, seconds, connections, *seed):
    """Return what the program says."""
    words = [*address, rate, seconds, connections, *seed]
    return json.loads(subprocess.check_output([sys.executable, PROGRAM, *map(str, words)], timeout=60))


def test_what_is_due_while_a_service_stands_still_is_asked_all_the_same_and_is_late(serve):
    def answer(handler, number):
        if number == 20:
            time.sleep(STANDS_STILL)
        four(handler)

    said = asked(serve(answer), 100, 1, 1)["requests"]
    assert [what for _, _, what in said] == ["200 4"] * 100
    # A client that waits for its answer before it asks again would have one late answer.
    late = [taken for _, taken, _ in said if taken > 1000 * STANDS_STILL / 2]
    assert len(late) >= 20


def test_the_rate_may_grow_and_its_gaps_may_be_drawn(serve):
    address = serve(lambda handler, number: four(handler))
    grown = [due for due, _, _ in asked(address, "10:90", 2, 8)["requests"]]
    assert sum(due < 1 for due in grown) < 40 < sum(due >= 1 for due in grown)
    drawn = [due for due, _, _ in asked(address, 50, 2, 8, 1)["requests"]]
    gaps = {round(later - due, 3) for due, later in zip(sorted(drawn), sorted(drawn)[1:], strict=False)}
    assert len(gaps) > 20


def test_a_connection_that_is_closed_with_an_answer_is_made_again_and_one_without_an_answer_is_a_failure(serve):
    def answer(handler, number):
        if number == 5:
            handler.close_connection = True
        else:
            four(handler, *([("Connection", "close")] if number % 2 else []))

    said = [what for _, _, what in asked(serve(answer), 50, 0.5, 4)["requests"]]
    assert sorted(set(said)) == ["200 4", "closed without an answer"]
    assert said.count("closed without an answer") == 1


def test_no_one_there_is_a_failure_each(serve):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as no_one:
        address = no_one.getsockname()
    said = {what for _, _, what in asked(address, 20, 0.5, 4)["requests"]}
    assert said == {"ConnectionRefusedError: [Errno 111] Connection refused"}


def test_without_an_end_it_asks_until_a_line_comes(serve):
    address = serve(lambda handler, number: four(handler))
    words = [*map(str, address), "100", "0", "4"]
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, PROGRAM, *words], stdin=pipe, stdout=pipe, text=True) as program:
        said = json.loads(program.communicate("\n", timeout=60)[0])
    assert {what for _, _, what in said["requests"]} <= {"200 4"}
