"""Models with weights, and servers that their files come from."""

import contextlib
import http.server
import os
import ssl
import threading
from pathlib import Path

from nb_scorer.common.digests import sha256_of
from nb_service.weights.lock import Entry, Lock, LockedFile

from contract.services import copy_of

NOTEBOOK = """
    def predictor(x):
        with open("weights/x/sub/number.txt") as file:
            return x + int(file.read())
"""


def write_files(folder: Path, number: int = 41) -> Path:
    """Write a folder of weights."""
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "number.txt").write_text(str(number))
    (folder / "big.bin").write_bytes(os.urandom(3_000_000))
    return folder


def root_with_weights(root: Path, folder: Path, source: str, files: Path, revision: str = "") -> Path:
    """Return a copy of an APP_ROOT in `folder`, as a build with these files leaves it; they are in none of it."""
    copy = copy_of(root, folder)
    locked = tuple(
        LockedFile(str(path.relative_to(files)), path.stat().st_size, sha256_of(path))
        for path in sorted(files.rglob("*"))
        if path.is_file()
    )
    lock = Lock((Entry(source, "weights/x", (), revision, locked),))
    (copy / "model" / "weights.lock").write_text(lock.text)
    (copy / "src" / "weights").mkdir()
    (copy / "src" / "weights" / "x").symlink_to(lock.view / "0")
    return copy


class Files(http.server.SimpleHTTPRequestHandler):
    """Serves a folder with ranges; `hold` makes it silent in the middle of a file."""

    def send_head(self):
        """Send the head of a file, or of its rest; return the file."""
        self.server.seen.append((self.command, self.path, self.headers.get("Range"), self.headers.get("Authorization")))
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return None
        start = int((self.headers.get("Range") or "bytes=0-")[6:].rstrip("-"))
        size = path.stat().st_size
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(size - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("ETag", f'"{path.stat().st_mtime_ns}"')
        self.end_headers()
        file = path.open("rb")
        file.seek(start)
        return file

    def copyfile(self, source, outputfile):
        """Send the file, as far as this server does."""
        with contextlib.suppress(OSError):
            if self.server.breaks_after:
                outputfile.write(source.read(self.server.breaks_after))
                outputfile.flush()
                if self.server.hangs:
                    self.server.released.wait(60)
                self.close_connection = True
                return
            super().copyfile(source, outputfile)

    def log_message(self, *_):
        """Print nothing."""


@contextlib.contextmanager
def served(folder: Path, pems: Path):
    """Yield a server of a folder's files at https://localhost, with certificates in `pems`."""
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *args: Files(*args, directory=str(folder)), bind_and_activate=True
    )
    server.seen, server.breaks_after, server.hangs, server.released = [], 0, False, threading.Event()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pems / "server.pem", pems / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.url = f"https://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    thread.join()
    server.server_close()
