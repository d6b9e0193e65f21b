"""The real service as a child process, its log, and a client for it: what `selftest` works with."""

import http.client
import re
import signal
import subprocess
import sys
import threading

HOST = "127.0.0.1"
STOP_SECONDS = 10.0
_SERVING = re.compile(r"^Serving on http://[^ ]*:(\d+) ", re.MULTILINE)
# Said of a golden row that is answered wrongly, and of scorers that keep ending.
_HOPELESS = re.compile(r"^(Not ready: .*|.*: not ready\. .*)$", re.MULTILINE)
_REQUEST = re.compile(r"^\S+ [A-Z]+ \S+ \d{3} [\d.]+ms id=")
_VARIES = re.compile(r"\b0x[0-9a-f]+\b|\d+")


class NoAnswer(Exception):
    """The service does not get ready, does not answer or does not end; a sentence."""


class Child:
    """A service with the environment `environ`; `ready` comes first, `close` last."""

    def __init__(self, environ: dict) -> None:
        command = [sys.executable, "-I", "-u", "-m", "nb_service"]
        self._process = subprocess.Popen(
            command, env=environ, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self._log: list[str] = []
        self._news = threading.Condition()
        self._over = False
        self._port = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def ended(self) -> bool:
        """Return whether the service is there no more."""
        return self._process.poll() is not None

    @property
    def log(self) -> str:
        """Return all that it has printed."""
        return "".join(self._log)

    def ready(self, seconds: float) -> None:
        """Wait until it serves; raise NoAnswer with its last words where it never will."""
        with self._news:
            self._news.wait_for(lambda: self._over or _SERVING.search(self.log) or _HOPELESS.search(self.log), seconds)
        serving, hopeless = _SERVING.search(self.log), _HOPELESS.search(self.log)
        if serving is None:
            words = hopeless[1] if hopeless else self.log.strip()[-2000:]
            reason = "ended" if self._over else "will not be" if hopeless else f"is not after {seconds:g} s"
            raise NoAnswer(f"The service must get ready and {reason}: {words}")
        self._port = int(serving[1])

    def ask(self, question, seconds: float) -> tuple[int, bytes]:
        """Return status and body of the answer; raise NoAnswer where none comes within `seconds`."""
        connection = http.client.HTTPConnection(HOST, self._port, timeout=seconds)
        headers = {"Content-Type": question.content_type} if question.body is not None else {}
        try:
            connection.request(question.method, question.path, question.body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as wrong:
            words = f"{type(wrong).__name__}: {wrong}"
            raise NoAnswer(f"{question.name}: an answer must come and none did ({words})") from wrong
        finally:
            connection.close()

    def end(self) -> None:
        """Let it stop as a container's engine does; raise NoAnswer unless it ends with status 0."""
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise NoAnswer(f"The service must end at SIGTERM and is there after {STOP_SECONDS:g} s") from None
        if status:
            raise NoAnswer(f"The service must end with status 0 at SIGTERM and ended with {status}")

    def close(self) -> None:
        """Make sure that nothing of it is left, and that its log is whole.

        It is asked to end before it is made to: what its scorers printed last, often the reason, may be on its way.
        """
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(STOP_SECONDS)
        self._process.stdout.close()

    def steady_log(self) -> str:
        """Return the log without requests, numbers and the order of lines: the same for runs that go the same way."""
        lines = [line for line in self.log.splitlines() if not _REQUEST.match(line)]
        return "\n".join(sorted(_VARIES.sub("#", line) for line in lines))

    def _read(self) -> None:
        for line in self._process.stdout:
            with self._news:
                self._log.append(line.decode("utf-8", "replace"))
                self._news.notify()
        with self._news:
            self._over = True
            self._news.notify()
