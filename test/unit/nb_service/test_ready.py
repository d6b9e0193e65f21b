import http.server
import socket
import threading

import pytest
from nb_service import ready


@pytest.fixture
def listening():
    """Return what starts a server whose every answer has a status, and returns its port; it ends with the test."""
    running = []

    def start(status):
        class Answers(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.end_headers()
                self.wfile.write(f"asked for {self.path}\n".encode())

            def log_message(self, *words):
                """Print nothing."""

        running.append(http.server.HTTPServer(("127.0.0.1", 0), Answers))
        threading.Thread(target=running[-1].serve_forever).start()
        return running[-1].server_port

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_exit_code_says_whether_readyz_is_200(status, code, listening, capsys):
    assert ready.main({"PORT": str(listening(status))}) == code
    assert capsys.readouterr().out == f"{status} asked for /readyz\n"


def test_where_nothing_listens_it_says_where_it_has_asked(capsys):
    # A port that is bound and does not listen is not available to others.
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        assert ready.main({"PORT": str(port), "S2I_HOST": "127.0.0.1"}) == 1
    assert capsys.readouterr().out.startswith(f"No service responds at 127.0.0.1, port {port}: ")


@pytest.mark.parametrize(
    ("host", "asked"), [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("127.0.0.2", "127.0.0.2"), ("::1", "::1")]
)
def test_a_service_that_listens_at_all_addresses_is_asked_at_loopback_s(host, asked, capsys):
    # Nobody listens at port 1.
    assert ready.main({"PORT": "1", "S2I_HOST": host}) == 1
    assert capsys.readouterr().out.startswith(f"No service responds at {asked}, port 1: ")
