"""A stand-in for the Python Package Index's JSON API, reached as companies reach it: by a proxy that has its own CA.

The format is that of docs.pypi.org/api/json, "Get a release": known vulnerabilities are part of a release's page.
"""

import http.server
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOST = "pypi.org"
# jinja2 2.10 as the index describes it: one of its vulnerabilities, and one that was taken back.
RELEASES = {
    ("jinja2", "3.1.6"): [],
    ("jinja2", "2.10"): [
        {
            "id": "PYSEC-2019-217",
            "aliases": ["CVE-2019-10906"],
            "details": "In Pallets Jinja before 2.10.1, str.format_map allows a sandbox escape.",
            "fixed_in": ["2.10.1"],
            "link": "https://osv.dev/vulnerability/PYSEC-2019-217",
            "source": "osv",
            "summary": None,
            "withdrawn": None,
        },
        {
            "id": "PYSEC-0000-1",
            "aliases": [],
            "details": "Taken back.",
            "fixed_in": [],
            "link": "https://osv.dev/vulnerability/PYSEC-0000-1",
            "source": "osv",
            "summary": None,
            "withdrawn": "2020-01-01T00:00:00Z",
        },
    ],
}


class Index(http.server.BaseHTTPRequestHandler):
    """Answers `GET https://pypi.org/pypi/NAME/VERSION/json` for those who CONNECT to it."""

    context: ssl.SSLContext

    def do_CONNECT(self):
        """Be the host that is asked for, behind TLS."""
        assert self.path == f"{HOST}:443"
        self.send_response_only(200)
        self.end_headers()
        self.connection = self.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def do_GET(self):
        """Answer with the release's page, or 404."""
        _, _, name, version, _ = self.path.split("/")
        found = RELEASES.get((name, version))
        page = {"message": "Not Found"} if found is None else {"info": {"name": name}, "vulnerabilities": found}
        body = json.dumps(page).encode()
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def finish(self) -> None:
        """Close the TLS connection, of which the server knows nothing."""
        super().finish()
        self.connection.close()

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@contextmanager
def behind_a_proxy(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the variables by which a client of the index finds this one; `folder` takes its certificate."""
    pem = folder / "pypi.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}", "-keyout", pem, "-out", f"{pem}.crt"]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{pem}.crt", pem)
    handler = type("OurIndex", (Index,), {"context": context})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        proxy = f"http://127.0.0.1:{server.server_port}"
        yield {"HTTPS_PROXY": proxy, "https_proxy": proxy, "REQUESTS_CA_BUNDLE": f"{pem}.crt", "NO_PROXY": ""}
        server.shutdown()
