"""Reading over HTTP: continued files, and redirects that must not be followed."""

import http.server
import io
import threading
import urllib.error
import urllib.request

import pytest
from nb_service.weights.sources import Remote, Restarted, web
from nb_service.weights.sources.web import Reader, Refused

CONTENT = b"0123456789"


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT with ranges at /file, without them at /whole, and redirects to what follows /to/."""

    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers)))
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = int(self.headers.get("Range", "bytes=0-")[6:-1]) if self.path == "/file" else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-9/10")
        self.end_headers()
        self.wfile.write(CONTENT[start:])

    def log_message(self, *_):
        """Print nothing."""


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def read(url, offset=0, headers=None):
    return b"".join(Reader(5).blocks(Remote("f", 10, '"e"', url), offset, headers or {}))


def test_a_file_and_the_rest_of_it(server):
    assert read(f"{server.url}/file") == CONTENT
    assert read(f"{server.url}/file", 4) == CONTENT[4:]
    assert server.seen[-1][1]["If-Range"] == '"e"'


def test_a_server_that_sends_whole_files_only(server):
    with pytest.raises(Restarted):
        read(f"{server.url}/whole", 4)


def test_credentials_do_not_follow_a_redirect_to_another_host(server):
    other = f"http://localhost:{server.server_port}/file"
    assert read(f"{server.url}/to/{other}", headers={"Authorization": "Bearer secret"}) == CONTENT
    assert "Authorization" in server.seen[-2][1]
    assert "Authorization" not in server.seen[-1][1]


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x"])
def test_a_redirect_to_another_scheme(server, target):
    with pytest.raises(OSError, match="(?i)redirect") as raised:
        read(f"{server.url}/to/{target}")
    # Python 3.14 warns of an HTTPError, which is a response, that is not closed.
    assert not isinstance(raised.value, urllib.error.HTTPError) or raised.value.fp.closed


@pytest.mark.parametrize("target", ["ftp://other.example/x", "https://10.0.0.1/x"])
def test_a_rejected_redirect_closes_its_response(target):
    response = io.BytesIO()
    redirects, *_ = web.handlers(lambda *_: None)
    request = urllib.request.Request("https://files.example.org/x")
    with pytest.raises(Refused):
        redirects.redirect_request(request, response, 302, "Found", {}, target)
    assert response.closed


def test_a_redirect_from_a_public_host_to_a_private_address(server, monkeypatch):
    reader = Reader(5)
    peers = iter(["93.184.216.34", "10.0.0.1"])
    check = reader._check
    monkeypatch.setattr(reader, "_check", lambda host, _: check(host, next(peers)))
    reader._opener = urllib.request.build_opener(*web.handlers(reader._check))
    other = f"http://localhost:{server.server_port}/file"
    with pytest.raises(Refused, match=r"localhost, which has the private address 10.0.0.1"):
        list(reader.blocks(Remote("f", 10, "", f"{server.url}/to/{other}"), 0, {}))
    assert len(server.seen) == 1
