"""The real service as a child process, its log, and a client for it, used by `selftest`."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading

from nb_service.log import FACTS
from nb_service.selftest_requests import Question

HOST = "127.0.0.1"
STOP_SECONDS = 10.0
_VARIES = re.compile(r"\b0x[0-9a-f]+\b|\d+")


class NoAnswer(Exception):
    """The service does not become ready, respond or stop; the text is a sentence that explains it."""


class Child:
    """A service with the environment `environ`; call `ready` first and `close` last.

    It reports facts through a separate pipe; its log is for people.
    """

    def __init__(self, environ: dict) -> None:
        reader, writer = os.pipe()
        self._facts_pipe = open(reader, encoding="utf-8")  # noqa: SIM115 - closed by `close`
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-u", "-m", "nb_service", "serve", FACTS, str(writer)],
                env=environ,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[writer],
            )
        finally:
            os.close(writer)
        if self._process.stdout is None:
            raise RuntimeError("a pipe was asked for")
        self._printed = self._process.stdout
        self._log: list[str] = []
        self._facts: dict = {}
        self._changed = threading.Condition()
        # The open pipes for its log and its facts.
        self._open_pipes = 2
        self._readers = [threading.Thread(target=work, daemon=True) for work in (self._read, self._read_facts)]
        for reader_thread in self._readers:
            reader_thread.start()

    @property
    def ended(self) -> bool:
        """Return whether the service has exited."""
        return self._process.poll() is not None

    @property
    def log(self) -> str:
        """Return all that the service has printed so far."""
        return "".join(self._log)

    def ready(self, seconds: float) -> None:
        """Wait until it serves; raise NoAnswer, with the end of its log, if it does not within `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self._facts or not self._open_pipes, seconds)
            over, facts = not self._open_pipes, dict(self._facts)
        if "port" not in facts:
            message = facts.get("unfit") or self.log.strip()[-2000:]
            reason = "ended" if over else "will not be" if facts else f"is not after {seconds:g} s"
            raise NoAnswer(f"The service must become ready but {reason}: {message}")

    def ask(self, question: Question, seconds: float) -> tuple[int, bytes]:
        """Return status and body of the response; raise NoAnswer if none arrives within `seconds`."""
        connection = http.client.HTTPConnection(HOST, self._facts["port"], timeout=seconds)
        headers = {"Content-Type": question.content_type} if question.body is not None else {}
        if question.path == "/predict":
            # A picture, for example, is not text.
            headers["Accept"] = "application/json"
        try:
            connection.request(question.method, question.path, question.body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            message = f"{type(error).__name__}: {error}"
            raise NoAnswer(f"{question.name}: no response was received ({message})") from error
        finally:
            connection.close()

    def end(self) -> None:
        """Stop it as a container engine does; raise NoAnswer unless it exits with status 0."""
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise NoAnswer(f"The service must stop on SIGTERM, but is still running after {STOP_SECONDS:g} s") from None
        if status:
            raise NoAnswer(f"The service must exit with status 0 after SIGTERM, but exited with {status}")

    def close(self) -> None:
        """Make sure that no process is left, and that the log is complete.

        It gets SIGTERM before it is killed, so that its scorers can print their last output, often the reason.
        """
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader_thread in self._readers:
            reader_thread.join(STOP_SECONDS)
        self._printed.close()
        self._facts_pipe.close()

    def steady_log(self) -> str:
        """Return the log without numbers, and with sorted lines: it is equal for runs that behave the same."""
        return "\n".join(sorted(_VARIES.sub("#", line) for line in self.log.splitlines()))

    def _read_facts(self) -> None:
        for line in self._facts_pipe:
            with self._changed:
                self._facts.update(json.loads(line))
                self._changed.notify()
        self._note_end()

    def _read(self) -> None:
        for line in self._printed:
            with self._changed:
                self._log.append(line.decode("utf-8", "replace"))
                self._changed.notify()
        self._note_end()

    def _note_end(self) -> None:
        with self._changed:
            self._open_pipes -= 1
            self._changed.notify()
