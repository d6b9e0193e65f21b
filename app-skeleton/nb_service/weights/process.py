"""The process that provides weights: `python -m nb_service weights start` for a service, `… weights build` for a build.

It prints lines of JSON: {"say": sentence}, then {"done": …} or {"problem": …}. It is a process of its own because it
reads from the network with libraries that may block, and because ending it ends whatever hangs.
"""

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nb_service import model_folder, problems
from nb_service.settings import Settings
from nb_service.weights import fetch, lock, provide
from nb_service.weights.fetch import Progress
from nb_service.weights.lock import Entry, Lock
from nb_service.weights.store import Store

START, BUILD = "start", "build"
CA_NAMES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE")
# A source that is silent has this many seconds more than its own library was told.
SPARE_SECONDS = 15.0
BEAT_SECONDS = 0.5


def main(word: str, environ: dict) -> int:
    """Do what `word` says; return 0 where it is done, 1 after a problem."""
    # Whatever libraries print must not be read as our lines.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    tell = Teller(out)
    progress = Progress(lambda text: tell(say=text))
    try:
        settings = Settings(environ)
        _trust(settings.ca_bundle)
        watch = Watch(progress, settings.weights_timeout + SPARE_SECONDS, tell)
        watch.start()
        tell(done=_start(settings, environ, progress, tell) if word == START else _build(settings, progress))
    except problems.Problem as problem:
        tell(problem=problem.as_json())
        return 1
    return 0


def _start(settings: Settings, environ: dict, progress: Progress, tell: "Teller") -> dict:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    model = model_folder.read(Path(settings.app_root).absolute(), settings.trust)
    locked = lock.of_model(model)
    if locked is not None:
        provide.provide(locked, settings, environ, progress, lambda text: tell(say=text))
    return {}


def _build(settings: Settings, progress: Progress) -> dict:
    """Fetch what the order on stdin names; return the lock's text."""
    order = json.load(sys.stdin)
    entries = tuple(Entry(each["source"], each["folder"], tuple(each["patterns"])) for each in order["entries"])
    pinned = lock.of_text(order["pinned"]) if order["pinned"] else None
    fetched = fetch.fetch(
        pinned or Lock(entries),
        Store(Path(order["store"])),
        progress,
        seconds=settings.weights_timeout,
        max_bytes=order["max_bytes"],
        locked=pinned is not None,
    )
    return {"lock": fetched.text}


class Teller:
    """Prints lines of JSON, whole ones also from several threads."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self._lock = threading.Lock()

    def __call__(self, **facts: object) -> None:
        """Print one line."""
        # Nobody reads any more: this process is about to end.
        with self._lock, contextlib.suppress(OSError):
            print(json.dumps(facts), file=self._out, flush=True)


class Watch(threading.Thread):
    """Ends the process when no byte has come for too long, whatever a library waits for."""

    def __init__(self, progress: Progress, seconds: float, tell: Callable[..., object]) -> None:
        super().__init__(daemon=True)
        self._progress = progress
        self._seconds = seconds
        self._tell = tell

    def run(self) -> None:
        """Look now and then."""
        while self._progress.stalled < self._seconds:
            time.sleep(BEAT_SECONDS)
        reason = f"nothing has arrived for {self._seconds:g} seconds"
        self._tell(problem=problems.WeightsUnavailable("the source", reason).as_json())
        os._exit(1)


def _end_with_parent() -> None:
    """End this process when the one that has started it is gone: its end of stdin is closed then."""
    while os.read(0, 1):
        pass
    os._exit(1)


def _trust(ca_bundle: str) -> None:
    """Have the libraries trust the authorities that S2I_CA_BUNDLE names, as the notebook's own downloads do."""
    if ca_bundle and os.path.isfile(ca_bundle) and os.path.getsize(ca_bundle):
        for name in CA_NAMES:
            os.environ.setdefault(name, ca_bundle)
