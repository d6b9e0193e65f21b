"""Runs tests again and again, each time in a child that has all but our own code in memory already.

Started by __main__.py as the first process of namespaces of its own: `server.py ROOM`. A line on its input is a JSON
list of a limit in seconds and tests; the answer is one of the words below. The first run leaves NOTES in /tmp: what
each test took, which functions of the room it called, and which modules of others it needed.
"""

import collections
import contextlib
import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path

import pytest

# In its own namespaces, no other process uses this folder.
NOTES, OUTPUT = Path("/tmp/notes.json"), Path("/tmp/output")  # noqa: S108
PASSED, FAILED, LATE = "passed", "failed", "late"
OURS = ("__main__", "conftest", "nb_builder", "nb_scorer", "nb_service", "test", "unit")
# Plugins of pytest that are in memory already are not rewritten, which is none of our tests' business.
PYTEST = ["-W", "ignore::pytest.PytestAssertRewriteWarning", "-x", "-q", "--tb=short", "-p", "no:cacheprovider"]


class Observer:
    """Notes what each test takes, and where the functions of the room begin that it has called."""

    def __init__(self, room: str) -> None:
        self._room = room + os.sep
        self._called: set[str] = set()
        # What fixtures of a file have called counts for each of its tests: some are made for the first one only.
        self._made_for: dict[str, set[str]] = collections.defaultdict(set)
        self._called_by: dict[str, set[str]] = {}
        self._took = collections.Counter()

    def _see(self, frame, event, _argument):
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(self._room):
            self._called.add(f"{code.co_filename}:{code.co_firstlineno}")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item):
        """Watch all that is done for a test, in threads that it starts as well."""
        threading.setprofile(self._see)
        sys.setprofile(self._see)
        try:
            return (yield)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
            self._called_by[item.nodeid] = self._called
            self._called = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item):
        """Note what fixtures have called."""
        self._made_for[item.nodeid.partition("::")[0]] |= self._called

    def pytest_runtest_logreport(self, report):
        """Add up what a test took, from what was made for it to what was removed."""
        self._took[report.nodeid] += report.duration

    def notes(self) -> dict:
        """Return what was seen: the tests, the quickest first, with what they called; and modules to have ready."""
        tests = {
            test: sorted(self._called_by[test] | self._made_for[test.partition("::")[0]])
            for test, _ in sorted(self._took.items(), key=lambda each: each[1])
        }
        modules = [name for name in sys.modules if name.partition(".")[0] not in OURS]
        return {"tests": tests, "modules": modules}


def child(tests: list[str], room: str) -> int:
    """Run the tests, here and now, and return pytest's exit status."""
    with OUTPUT.open("wb") as words, open(os.devnull, "rb") as nothing:
        for number, file in enumerate((nothing, words, words)):
            os.dup2(file.fileno(), number)
    observer = None if NOTES.exists() else Observer(room)
    status = int(pytest.main([*PYTEST, *tests], plugins=[observer] if observer else []))
    if observer and status == 0:
        NOTES.write_text(json.dumps(observer.notes()), encoding="utf-8")
    return status


def ask(limit: float, tests: list[str], room: str) -> str:
    """Run the tests in a child, and end all that they have left behind."""
    pid = os.fork()
    if pid == 0:
        status = 3
        try:
            status = child(tests, room)
        except BaseException:  # noqa: BLE001 - the process ends here, whatever it is
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    end = time.monotonic() + limit
    answer = LATE
    while time.monotonic() < end:
        done, status = os.waitpid(-1, os.WNOHANG)
        if done == pid:
            answer = FAILED if status else PASSED
            break
        # The first process of a namespace gets the orphans: tests wait for some of them to be gone.
        time.sleep(0 if done else 0.02)
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    return answer


def main(room: str) -> None:
    """Respond until no more requests come."""
    for name in json.loads(NOTES.read_text(encoding="utf-8"))["modules"] if NOTES.exists() else ():
        # Some are there under one name only once another is imported.
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for line in sys.stdin:
        print(ask(*json.loads(line), room), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
