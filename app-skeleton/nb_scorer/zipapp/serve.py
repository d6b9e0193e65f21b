"""The model as a small service: POST /predict, GET /healthz and /readyz, with the standard library only.

It is for environments that contain only this file. Requests wait in threads, but only the first thread calls the model,
because notebooks are not written to be thread-safe, and process state that they set may belong to that thread.
"""

import collections
import contextlib
import functools
import json
import queue
import re
import signal
import socket
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from nb_scorer.common import host_names
from nb_scorer.protocol import answer_words, frames
from nb_scorer.signature import files
from nb_scorer.worker import scorer
from nb_scorer.zipapp.problems import ZipappPort

MAX_BODY = 16 << 20
# The maximum number of waiting samples; further ones get a response that asks the client to retry.
MAX_WAITING = 100
# The maximum number of connections: each has a thread, and may send a body. If there are more, the connection that has
# waited longest for a request is closed.
MAX_CLIENTS = 64
# A client that sends nothing for this long is considered gone.
IDLE_SECONDS = 60
# The time until a signal is noticed while no request arrives.
_TICK = 0.2
_LENGTH = re.compile("[0-9]{1,18}")
_JSON = re.compile(r"application/(?:[\w.+-]+\+)?json")


class _Server(socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = True
    # Allows listening on the port of a service that has just stopped.
    allow_reuse_address = True

    def __init__(self, address, waiting):
        HTTPServer.__init__(self, address, functools.partial(_Handler, self, waiting))
        self._places = threading.BoundedSemaphore(MAX_CLIENTS)
        # Connections from which no complete request has arrived yet, the longest waiting first.
        self._awaited = collections.OrderedDict()
        self._is_ending = False
        # Otherwise, the names that other machines use for this one are unknown.
        self.is_for_this_machine = host_names.is_loopback(self.server_address[0])

    def awaits(self, connection):
        """Record that this client has to send a request, from now on."""
        self._awaited.pop(connection, None)
        self._awaited[connection] = True

    def has(self, connection):
        """Record that the client has sent its request."""
        self._awaited.pop(connection, None)

    def end(self):
        """Accept no more clients."""
        self._is_ending = True
        self.shutdown()
        self.server_close()

    def _wait_for_place(self):
        """Wait until one more client can be served, or the server is stopping; return whether one can be served."""
        while not self._places.acquire(timeout=_TICK):
            if self._is_ending:
                return False
            # The client may have sent the rest, or disconnected, at this very moment.
            with contextlib.suppress(KeyError, OSError):
                self._awaited.popitem(last=False)[0].shutdown(socket.SHUT_RDWR)
        return True

    def process_request(self, request, client_address):
        """Serve a client in a separate thread, as soon as a thread may be started."""
        if not self._wait_for_place():
            self.shutdown_request(request)
            return
        try:
            socketserver.ThreadingMixIn.process_request(self, request, client_address)
        except BaseException:
            self._places.release()
            raise

    def process_request_thread(self, request, client_address):
        """Serve a client, then let the next one start."""
        try:
            socketserver.ThreadingMixIn.process_request_thread(self, request, client_address)
        finally:
            self.has(request)
            self._places.release()

    def handle_error(self, request, client_address):
        """Ignore errors of clients that disconnected."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    server_version = "nb-builder"
    sys_version = ""

    def __init__(self, places, waiting, *request):
        # Set before the base class's constructor, which handles the request.
        self._places = places
        self._waiting = waiting
        BaseHTTPRequestHandler.__init__(self, *request)

    def handle_one_request(self):
        """Handle one request of this client; its time limit shortens as more clients connect."""
        self._places.awaits(self.connection)
        BaseHTTPRequestHandler.handle_one_request(self)

    def parse_request(self):
        """Return whether the request is valid and its Host header names this machine."""
        if not BaseHTTPRequestHandler.parse_request(self):
            return False
        if self._places.is_for_this_machine and not host_names.is_local(self.headers.get("Host", "")):
            self._reject(403, "The request's Host is not a name of this machine, as in DNS rebinding; use localhost.")
            return False
        return True

    def do_GET(self):
        known = {"/healthz": "alive", "/readyz": "ready"}
        path = self.path.partition("?")[0]
        self._places.has(self.connection)
        if path in known:
            self._reply(200, json.dumps({"status": known[path]}).encode("ascii") + b"\n")
        else:
            self._reject(404, "The routes are POST /predict, GET /healthz and GET /readyz.")

    def do_POST(self):
        body = self._body()
        if body is None:
            return
        if self.path.partition("?")[0] != "/predict":
            self._reject(404, "The routes are POST /predict, GET /healthz and GET /readyz.")
            return
        self._places.has(self.connection)
        done: queue.Queue = queue.Queue()
        try:
            self._waiting.put_nowait((body, done))
        except queue.Full:
            self._reject(503, "Too many samples are waiting; try again later.")
            return
        status, payload = done.get()
        if status == frames.OK:
            self._reply(200, payload)
        else:
            self._reject(*answer_words.describe(status, json.loads(payload.decode("ascii"))))

    def _body(self):
        """Return the body of the request; None if it was rejected."""
        length = self.headers.get("Content-Length", "")
        if not self._is_json():
            # A browser lets any page send other types, or none, without a preflight request.
            self._reject(415, "Send the sample as JSON, with the header Content-Type: application/json.")
        elif "Transfer-Encoding" in self.headers or not _LENGTH.fullmatch(length):
            self._reject(411, "Send the length of the body (Content-Length).")
        elif int(length) > MAX_BODY:
            self._reject(413, "The body is larger than this service accepts.")
        elif not int(length):
            self._reject(400, "The body is empty; send one sample as JSON.")
        else:
            body = self.rfile.read(int(length))
            if len(body) == int(length):
                return body
            self.close_connection = True
        return None

    def _is_json(self):
        """Return whether the content type is JSON, or missing in a request that is not from a web page."""
        kind = self.headers.get("Content-Type")
        if kind is None:
            return "Origin" not in self.headers
        return _JSON.fullmatch(kind.partition(";")[0].strip().lower()) is not None

    def _reject(self, status, detail):
        # The server would interpret an unread body as the next request.
        self.close_connection = True
        title = self.responses.get(status, ("Error",))[0]
        facts = {"type": "about:blank", "title": title, "status": status, "detail": detail}
        self._reply(status, json.dumps(facts).encode("ascii") + b"\n", "application/problem+json")

    def _reply(self, status, body, content_type="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):  # noqa: A002 - the standard library's name
        """Don't log requests."""


def serve(loaded, host, port, name):
    """Serve the Scorer `loaded` until SIGTERM or Ctrl-C; return 0, or raise ZipappPort."""
    waiting: queue.Queue = queue.Queue(MAX_WAITING)
    try:
        server = _Server((host, port), waiting)
    except OSError as error:
        raise ZipappPort(host, port, error.strerror or str(error))
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stderr.write("{} is served on http://{}:{}/predict\n".format(files.shown(name), host, server.server_address[1]))
    sys.stderr.flush()
    while not stopping.is_set():
        try:
            body, done = waiting.get(timeout=_TICK)
        except queue.Empty:
            continue
        done.put(loaded.answer(body))
        scorer.flush()
    server.end()
    return 0
