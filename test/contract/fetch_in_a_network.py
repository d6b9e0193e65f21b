"""A service that fetches files in a network namespace where this machine has a public address; print the responses.

Arguments: the service's APP_ROOT, and its front. The file server listens on each address of the namespace.
"""

import base64
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PUBLIC, OTHER, PRIVATE = "93.184.216.34", "93.184.216.35", "10.1.2.3"
LARGE = 300_000
VARIABLES = {"S2I_MAX_BODY": "200000", "AIP_PREDICT_ROUTE": "/vertex", "AIP_HEALTH_ROUTE": "/health"}
asked = []


class Files(BaseHTTPRequestHandler):
    """Serves a file of four bytes, a large one, and redirects to other addresses."""

    def do_GET(self) -> None:
        """Respond, and note which address was asked for what."""
        asked.append(f"{self.request.getsockname()[0]}{self.path}")
        elsewhere = {"/private": PRIVATE, "/other": OTHER}.get(self.path)
        self.send_response(302 if elsewhere else 200)
        if elsewhere:
            self.send_header("Location", f"http://{elsewhere}:{self.server.server_port}/secret")
        self.end_headers()
        self.wfile.write(b"x" * (LARGE if self.path == "/large" else 0 if elsewhere else 4))

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def main(app_root: str, front: str) -> None:
    """Start both servers, send the requests, and print the responses."""
    from contract.services import Service

    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in (PUBLIC, OTHER, PRIVATE):
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
    files = ThreadingHTTPServer(("0.0.0.0", 0), Files)  # noqa: S104 - of this namespace
    threading.Thread(target=files.serve_forever, daemon=True).start()
    listed = ",".join(f"http://{address}:{files.server_port}" for address in (PUBLIC, PRIVATE))
    service = Service(Path(app_root), S2I_FRONT=front, S2I_FETCH_HOSTS=listed, **VARIABLES).ready()

    def url(path: str, address: str = PUBLIC) -> str:
        return f"http://{address}:{files.server_port}{path}"

    def respond(body: object, path: str = "/predict") -> list:
        status, answer, _ = service.ask(json.dumps(body), path)
        return [status, answer.get("detail", answer) if isinstance(answer, dict) else answer]

    tensor = {"name": "input", "shape": [1], "datatype": "BYTES", "data": [url("/file")]}
    call = {"name": "model", "arguments": {"sample": url("/file")}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    found = {
        "mcp": respond(message, "/mcp")[1]["result"]["content"][0]["text"],
        "predict": respond(url("/file")),
        "batch": respond([url("/file"), base64.b64encode(b"xxx").decode()], "/predict/batch"),
        "named": respond({"sound": url("/file")}),
        "v1": respond({"instances": [url("/file")]}, "/v1/models/model:predict"),
        "v2": respond({"inputs": [tensor]}, "/v2/models/model/infer")[1]["outputs"][0]["data"],
        "vertex": respond({"instances": [url("/file")]}, "/vertex"),
        "large": respond(url("/large")),
        "redirected to a private address": respond(url("/private")),
        "redirected to another host": respond(url("/other")),
        "private": respond(url("/file", PRIVATE)),
        "another host": respond(url("/file", OTHER)),
        "asked": sorted(set(asked)),
    }
    service.close()
    print(json.dumps(found))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main(*sys.argv[1:])
