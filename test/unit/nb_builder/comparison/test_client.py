"""What a client makes of a service's responses."""

import http.server
import json
import threading

import pytest
from nb_builder.comparison import client
from nb_builder.comparison.client import Client
from nb_builder.comparison.problems import DiffNotReady

from unit.nb_builder.comparison.stand_ins import Candidate


class Replies(http.server.BaseHTTPRequestHandler):
    """Answers with what the server's `replies` say next: a status and a body, or None for an end without words."""

    protocol_version = "HTTP/1.1"

    def _reply(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        reply = self.server.replies.pop(0)
        if reply is None:
            self.close_connection = True
            return
        status, body = reply
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self._reply()

    def do_POST(self):
        self._reply()

    def log_message(self, *words):
        pass


class Running:
    """A service that was started, as a client sees it."""

    pid = None
    unfit = None
    ended = None

    def __init__(self, address):
        self.address = address

    def ending(self):
        return self.ended

    def log(self):
        return "first line\nlast line\n"


@pytest.fixture
def service():
    """Yield a function that gives a client of a service with these replies, and the service."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Replies) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made = []

        def start(*replies):
            server.replies = list(replies)
            running = Running(server.server_address)
            made.append(Client(Candidate("NEW", "after"), running))
            return made[-1], running

        yield start
        for each in made:
            each.close()
        server.shutdown()


def problem(status, title, detail):
    return status, json.dumps({"title": title, "status": status, "detail": detail}).encode()


def test_an_answer_is_its_json(service):
    asking, _ = service((200, b'{"class": "low", "score": 0.5}\n'), (200, b"null\n"))
    assert asking.ask(b"1").answer == {"class": "low", "score": 0.5}
    outcome = asking.ask(b"1")
    assert outcome.is_answer and outcome.answer is None and outcome.seconds > 0


def test_a_rejection_is_its_status_title_and_sentence(service):
    asking, _ = service(problem(422, "Unprocessable Content", "Too large."))
    outcome = asking.ask(b"1")
    assert (outcome.code, outcome.detail, outcome.is_answer) == ("422 Unprocessable Content", "Too large.", False)


def test_a_service_that_says_try_again_is_asked_again(service, monkeypatch):
    monkeypatch.setattr(client, "PAUSE_SECONDS", 0.0)
    busy = problem(503, "Service Unavailable", "No scorer is ready; try again.")
    asking, _ = service(busy, busy, (200, b"7"))
    assert asking.ask(b"1").answer == 7


def test_a_service_that_says_so_for_too_long_is_counted_as_saying_so(service, monkeypatch):
    monkeypatch.setattr(client, "PATIENCE_SECONDS", -1.0)
    asking, _ = service(problem(503, "Service Unavailable", "No scorer is ready; try again."))
    assert asking.ask(b"1").code == "503 Service Unavailable"


def test_a_connection_that_was_closed_meanwhile_is_opened_again(service, monkeypatch):
    monkeypatch.setattr(client, "PAUSE_SECONDS", 0.0)
    asking, _ = service((200, b"1"), None, (200, b"2"))
    assert [asking.ask(b"1").answer, asking.ask(b"1").answer] == [1, 2]


def test_a_service_that_hangs_up_again_and_again_has_not_answered(service):
    asking, _ = service(None)
    outcome = asking.ask(b"1")
    assert outcome.code == "no answer" and "RemoteDisconnected" in outcome.detail


def test_what_is_no_json_is_no_answer(service):
    asking, _ = service((200, b"<html>"), (502, b"Bad gateway"))
    assert [asking.ask(b"1").code, asking.ask(b"1").code] == ["200 and no JSON", "502 and no JSON"]


def test_a_service_that_has_ended_is_a_sentence_with_its_log(service):
    asking, running = service(None)
    running.ended = "exited with status 137"
    with pytest.raises(DiffNotReady, match="NEW=after exited with status 137 during the comparison") as raised:
        asking.ask(b"1")
    assert raised.value.detail == "first line\nlast line"


def test_a_service_gets_ready_or_says_why_not(service, monkeypatch):
    monkeypatch.setattr(client, "PAUSE_SECONDS", 0.0)
    asking, running = service((503, b"{}"), None, (200, b"{}"), (503, b"{}"), (503, b"{}"))
    asking.wait_until_ready()
    running.unfit = "golden row 1 must give 1 and gave 2."
    with pytest.raises(DiffNotReady, match="does not become ready: golden row 1 must give 1 and gave 2\\."):
        asking.wait_until_ready()
    running.unfit = None
    monkeypatch.setattr(client, "READY_SECONDS", 0.0)
    with pytest.raises(DiffNotReady, match="is not ready after 0 seconds"):
        asking.wait_until_ready()


def test_a_response_without_end_is_no_answer(service, monkeypatch):
    """A service may belong to a stranger: it must not fill this machine's memory."""
    monkeypatch.setattr(client, "MAX_RESPONSE", 1 << 20)
    asking, _ = service((200, b" " * (3 << 20)), (200, b"2"))
    outcome = asking.ask(b"1")
    assert outcome.code == "no answer" and "more than 1 MB" in outcome.detail
    assert asking.ask(b"1").answer == 2
