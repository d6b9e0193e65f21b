"""What huggingface_hub asks of Hugging Face, answered for one repository of files: revisions, metadata and contents."""

import contextlib
import hashlib
import http.server
import json
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "1" * 40
# Files from this size on are in large file storage, whose metadata has their SHA-256.
LARGE = 1000


class Hub(http.server.BaseHTTPRequestHandler):
    """Has the repository `team/model`, whose branch `main` is COMMIT; requires `server.token` if that is set."""

    def do_HEAD(self):
        """Answer as GET does, without a body."""
        self.do_GET()

    def do_GET(self):
        """Answer one question."""
        self.server.seen.append((self.path, self.headers.get("Range"), self.headers.get("Authorization")))
        path = unquote(urlsplit(self.path).path)
        if self.server.token and self.headers.get("Authorization") != f"Bearer {self.server.token}":
            self._send(401, b"", {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"})
        elif path.startswith("/api/models/team/model"):
            revision = path.rpartition("/revision/")[2] if "/revision/" in path else "main"
            known = revision in ("main", COMMIT)
            self._send(200, json.dumps(self._info()).encode()) if known else self._send(404, b"{}")
        elif path.startswith(f"/team/model/resolve/{COMMIT}/"):
            self._send_file(self.server.folder / path.partition(f"{COMMIT}/")[2])
        else:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def _info(self):
        files = sorted(path for path in self.server.folder.rglob("*") if path.is_file())
        return {"id": "team/model", "sha": COMMIT, "siblings": [self._sibling(path) for path in files]}

    def _sibling(self, path):
        size, content = path.stat().st_size, path.read_bytes()
        facts = {"rfilename": str(path.relative_to(self.server.folder)), "size": size, "blobId": "2" * 40}
        if size >= LARGE:
            facts["lfs"] = {"size": size, "sha256": hashlib.sha256(content).hexdigest(), "pointerSize": 134}
        return facts

    def _send_file(self, path):
        if not path.is_file():
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        start = int((self.headers.get("Range") or "bytes=0-")[6:].rstrip("-"))
        content = path.read_bytes()
        ranges = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        self._send(206 if start else 200, content[start:], ranges)

    def _send(self, status, content, headers=()):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            with contextlib.suppress(OSError):
                self.wfile.write(content)

    def log_message(self, *_):
        """Print nothing."""


@contextlib.contextmanager
def hub(folder: Path):
    """Yield a server for HF_ENDPOINT: its `url`, `token` and what it has `seen`."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.folder, server.token, server.seen = folder, "", []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
