import contextlib
import json
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from nb_service import addresses
from nb_service.app import fetching
from nb_service.files import Argument, Files
from nb_service.protocols import Malformed
from nb_service.settings import fetch_origins

from contract import tls

FILES = Files(False, [Argument("x", "bytes", False)])


@pytest.mark.parametrize(
    ("address", "public"),
    [
        *((each, True) for each in ("93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34")),
        *(
            (each, False)
            for each in ("127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254")
        ),
        *((each, False) for each in ("100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1")),
        *((each, False) for each in ("::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1")),
        # Private in practice, although ipaddress calls them global: site-local, metadata of Azure and Oracle's clouds.
        *((each, False) for each in ("fec0::1", "168.63.129.16", "192.0.0.192", "::ffff:168.63.129.16")),
        *((each, False) for each in ("64:ff9b:1::7f00:1", "::127.0.0.1", "::ffff:0:127.0.0.1")),
        *((each, False) for each in ("::ffff:127.0.0.1", "64:ff9b::10.0.0.1", "2002:7f00:1::", "2001:db8::1")),
    ],
)
def test_only_public_addresses_are_connected_to(address, public):
    assert addresses.is_public(address) == public


class Server(ThreadingHTTPServer):
    """A server of HTTPS whose handshakes are done by the threads of its requests, which close what fails."""

    daemon_threads = True

    def finish_request(self, request, client_address):
        with self.context.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)

    def handle_error(self, *_):
        """Say nothing: clients hang up here."""


REDIRECTS = {
    "/elsewhere": (302, "https://other.example/secret"),
    "/there": (301, "/file"),
    "/loop": (307, "/loop"),
    "/nowhere": (302, "https://[not-an-address/"),
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append((self.path, self.headers["Host"]))
        if self.path in REDIRECTS:
            status, location = REDIRECTS[self.path]
            self._head(status, Location=location)
        elif self.path in ("/minus-1", "/minus-5"):
            self._head(200, **{"Transfer-Encoding": "chunked"})
            self.wfile.write(self.path[6:].encode() + b"\r\n")
            with contextlib.suppress(OSError):
                for _ in range(400):
                    self.wfile.write(b"x" * 100_000)
                    self.server.sent += 100_000
        elif self.path == "/missing":
            self._head(404)
        elif self.path == "/slow":
            self._head(200)
            with contextlib.suppress(OSError):
                # Until the client hangs up.
                while True:
                    self.wfile.write(b"x")
                    time.sleep(0.05)
        elif self.path == "/cut":
            self._head(200, **{"Content-Length": "100"})
            self.wfile.write(b"x")
        elif self.path == "/large":
            self._head(200)
            self.wfile.write(b"x" * 200_000)
        else:
            self._head(200, **{"Content-Type": "audio/wav; a=b"})
            self.wfile.write(b"\x00content")

    def _head(self, status, **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Return a server of HTTPS for localhost; `asked` has what it was asked."""
    folder = tmp_path_factory.mktemp("tls")
    tls.write_pems(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    running = Server(("127.0.0.1", 0), Handler)
    running.context = context
    running.asked, running.sent, running.ca, running.port = [], 0, folder / "ca.pem", running.server_address[1]
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def fetcher(server, monkeypatch):
    """Return what makes a Fetcher that may connect to this machine."""
    monkeypatch.setenv("SSL_CERT_FILE", str(server.ca))
    server.asked.clear()

    def make(hosts="localhost:{}", size=100_000, seconds=60.0, **more):
        more = {"may_connect": lambda address: address == "127.0.0.1", "resolve": lambda *_: ["127.0.0.1"], **more}
        return fetching.Fetcher(fetch_origins(hosts.format(server.port)), size, seconds, **more)

    return make


def rejected(fetcher, url):
    """Return (status, sentence) of a URL whose file is not fetched."""
    with pytest.raises(Malformed) as raised:
        fetcher.fetch(url)
    return raised.value.status, str(raised.value)


def test_a_file_is_fetched_from_a_host_that_is_listed(server, fetcher):
    for path in ("/file", "/there"):
        assert fetcher().fetch(f"https://localhost:{server.port}{path}") == (b"\x00content", "audio/wav")
    assert server.asked[0] == ("/file", f"localhost:{server.port}")


def test_samples_get_files_in_the_place_of_urls(server, fetcher):
    url = f"https://localhost:{server.port}/file?a=1"
    expected = "data:audio/wav;base64,AGNvbnRlbnQ="
    samples = [json.dumps(url).encode(), b'"AAAA"']
    assert [json.loads(each) for each in fetcher().fetched(samples, FILES)] == [expected, "AAAA"]
    named = Files(True, [Argument("x", "bytes", True)])
    (sample,) = fetcher().fetched([json.dumps({"x": [url], "note": url}).encode()], named)
    assert json.loads(sample) == {"x": [expected], "note": url}
    assert server.asked[0][0] == "/file?a=1"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://other.example/a", "does not fetch files from https://other.example:443 (S2I_FETCH_HOSTS)"),
        ("http://localhost:PORT/a", "does not fetch files from http://localhost"),
        ("https://localhost/a", "does not fetch files from https://localhost:443"),
        ("https://127.0.0.1:PORT/a", "does not fetch files from https://127.0.0.1"),
        ("https://localhost:PORT@other.example/", "must not contain a user"),
        ("https://a@localhost:PORT/", "must not contain a user"),
        ("https://localhost:PORT\\@other.example/", "must not contain a user"),
        ("https://localhost:PORT/a\r\nHost: x", "must not contain a user"),
        ("https://localhost:99999999/", "can't be read"),
        ("https://localhost:PORT/elsewhere", "does not fetch files from https://other.example:443"),
        ("https://localhost:PORT/nowhere", "A file's URL can't be read"),
        ("https://localhost:PORT/loop", "3 redirects led to another one"),
        ("https://localhost:PORT/missing", "it responded with status 404"),
        ("https://localhost:PORT/cut", "the connection failed"),
    ],
)
def test_what_is_not_fetched(url, words, server, fetcher):
    status, sentence = rejected(fetcher(), url.replace("PORT", str(server.port)))
    assert (status, words in sentence) == (422, True), sentence


def test_a_host_with_an_address_that_is_not_public_is_never_connected_to(server, fetcher):
    url = f"https://localhost:{server.port}/file"
    mine = fetcher(may_connect=addresses.is_public)
    assert rejected(mine, url) == (422, "A file at localhost was not fetched: its address is not public.")
    mixed = fetcher(may_connect=addresses.is_public, resolve=lambda *_: ["93.184.216.34", "10.0.0.1"])
    assert "address is not public" in rejected(mixed, url)[1]
    assert server.asked == []


def test_a_name_is_resolved_once(server, fetcher):
    answers = [["127.0.0.1"], ["169.254.169.254"]]
    assert fetcher(resolve=lambda *_: answers.pop(0)).fetch(f"https://localhost:{server.port}/file")
    assert len(answers) == 1


def test_a_redirect_is_checked_like_the_first_url(server, fetcher):
    answers = [["127.0.0.1"], ["169.254.169.254"]]
    rebound = fetcher(resolve=lambda *_: answers.pop(0))
    assert "address is not public" in rejected(rebound, f"https://localhost:{server.port}/there")[1]


def test_a_name_that_is_not_there(server, fetcher):
    def unknown(*_):
        raise socket.gaierror

    assert "can't be resolved" in rejected(fetcher(resolve=unknown), f"https://localhost:{server.port}/")[1]


def test_a_certificate_of_another_host_is_not_trusted(server, fetcher):
    status, sentence = rejected(fetcher("example.com:{}"), f"https://example.com:{server.port}/file")
    assert (status, "TLS failed: CERTIFICATE_VERIFY_FAILED" in sentence) == (422, True)
    assert server.asked == []


def test_bytes_and_time_are_bounded_for_all_files_of_a_request(server, fetcher):
    url = f"https://localhost:{server.port}"
    assert rejected(fetcher(), url + "/large")[0] == 413
    several = [json.dumps(url + "/file").encode()] * 3
    assert len(fetcher(size=24).fetched(several, FILES)) == 3
    with pytest.raises(Malformed, match="S2I_MAX_BODY"):
        fetcher(size=23).fetched(several, FILES)
    assert "longer than S2I_FETCH_TIMEOUT" in rejected(fetcher(seconds=0.3), url + "/slow")[1]
    slow = fetcher(seconds=0.3, resolve=lambda *_: time.sleep(1))
    assert "longer than S2I_FETCH_TIMEOUT" in rejected(slow, url + "/file")[1]
    with pytest.raises(Malformed, match="more than 100 URLs"):
        fetcher(size=10**6).fetched([json.dumps([url + "/file"] * 101).encode()], FILES)


@pytest.mark.parametrize("size", [-1, -5])
def test_a_chunk_whose_size_is_negative_is_not_read_without_a_limit(size, server, fetcher):
    server.sent = 0
    assert rejected(fetcher(), f"https://localhost:{server.port}/minus{size}")[0] in (413, 422)
    # What the kernel's buffers take is sent without being read.
    assert server.sent < 20_000_000


@pytest.mark.parametrize("text", ["https://", "a/b", "a:0", "a:99999", "ftp://a", "a b", "*"])
def test_what_is_no_list_of_hosts(text):
    with pytest.raises(ValueError, match="names of hosts"):
        fetch_origins(text)


def test_hosts_have_a_scheme_and_a_port():
    assert fetch_origins("A.example, http://b:81") == (("https", "a.example", 443), ("http", "b", 81))
