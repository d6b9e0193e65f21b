"""Runs the process that provides weights from the front: starts it, logs its messages, and restarts it."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable

from nb_scorer.common import phrases
from nb_scorer.common.problem import Problem

from nb_service.weights.process import START

# The pause before the next attempt doubles up to this: each attempt may read gigabytes.
MAX_PAUSE = 60.0
MIN_PAUSE = 1.0
EXIT_LOOK_SECONDS = 0.01


class Weights:
    """Provides the weights of the model under APP_ROOT in another process; `ready` is whether they are available."""

    def __init__(self, loop: asyncio.AbstractEventLoop, environ: dict, say: Callable[[str], object]) -> None:
        self.ready = False
        self.failures = 0
        self.why_not = "The weights are being fetched and compared with weights.lock."
        self._loop = loop
        self._environ = environ
        self._say = say
        self._process: subprocess.Popen | None = None
        self._output = -1
        self._buffer = b""
        self._problem: Problem | None = None
        self._said = ""
        self._then: Callable[[], object] = lambda: None
        self._on_failure: Callable[[], object] = lambda: None
        self._pause: asyncio.TimerHandle | None = None
        self._ended = False

    @property
    def is_failing(self) -> bool:
        """Return whether the last attempt has failed."""
        return bool(self.failures) and not self.ready

    @property
    def pid(self) -> int | None:
        """Return the process id while it runs."""
        return self._process.pid if self._process is not None else None

    def start(self, then: Callable[[], object], on_failure: Callable[[], object]) -> None:
        """Start the process; call `then` once the weights are available, `on_failure` after each failed attempt."""
        self._then, self._on_failure = then, on_failure
        self._attempt()

    def _attempt(self) -> None:
        self._pause = None
        if self._ended:
            return
        self._problem, self._buffer = None, b""
        reader, writer = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-m", "nb_service", "weights", START],
                stdin=subprocess.PIPE,
                stdout=writer,
                env=self._environ,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            os.close(reader)
            self._failed(f"the process that fetches weights can't be started: {error.strerror or error}")
            return
        finally:
            os.close(writer)
        os.set_blocking(reader, False)
        self._output = reader
        self._loop.add_reader(reader, self._on_readable)

    def _on_readable(self) -> None:
        try:
            data = os.read(self._output, 65536)
        except (BlockingIOError, InterruptedError):
            return
        if not data:
            self._close()
            self._await_exit()
            return
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._on_line(line)

    def _on_line(self, line: bytes) -> None:
        facts = json.loads(line)
        if "say" in facts:
            self._say(facts["say"])
        elif "problem" in facts:
            self._problem = Problem.from_json(facts["problem"])
        elif "done" in facts:
            self.ready = True

    def _await_exit(self) -> None:
        if self._process is None or self._ended:
            return
        status = self._process.poll()
        if status is None:
            self._loop.call_later(EXIT_LOOK_SECONDS, self._await_exit)
            return
        self._release()
        if self.ready:
            self.why_not = ""
            self._then()
        elif self._problem is not None:
            self._failed(self._problem.what, str(self._problem))
        else:
            self._failed(f"the process that fetches weights {phrases.ending(status)}")

    def _failed(self, what: str, text: str = "") -> None:
        """Log why the attempt failed, in full if the reason is new, and schedule the next attempt."""
        self.failures += 1
        self.why_not = f"Weights: {what}" if what.endswith(".") else f"Weights: {what}."
        pause = min(MAX_PAUSE, MIN_PAUSE * 2.0 ** min(self.failures - 1, 10))
        if what != self._said:
            self._said = what
            self._say(text or self.why_not)
        self._say(f"The weights are not available; attempt {self.failures + 1} is in {pause:g} s.")
        self._pause = self._loop.call_later(pause, self._attempt)
        self._on_failure()

    def reap(self) -> None:
        """Reap the process if it has exited."""
        if self._process is not None:
            self._process.poll()

    def end(self) -> None:
        """Stop the process; no other one starts."""
        self._ended = True
        if self._pause is not None:
            self._pause.cancel()
        self._close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._release()

    def _close(self) -> None:
        if self._output >= 0:
            self._loop.remove_reader(self._output)
            os.close(self._output)
            self._output = -1

    def _release(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._process = None
