"""The process that provides weights: `python -m nb_service weights start` for a service, `… weights build` for a build.

It prints lines of JSON: {"say": sentence}, then {"done": …} or {"problem": …}. It is a separate process because
libraries that read from the network may hang, and only a process can then be stopped.
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
# Added to the time limit of a source's library, so that this process stops only if the library did not.
SPARE_SECONDS = 15.0
BEAT_SECONDS = 0.5


def main(command: str, environ: dict) -> int:
    """Run the command `start` or `build`; return 0 if it succeeds, 1 after a problem."""
    # Output of libraries must not be mistaken for lines of this protocol.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    send = Sender(out)
    progress = Progress(lambda text: send(say=text))
    try:
        settings = Settings(environ)
        _trust(settings.ca_bundle)
        watch = Watch(progress, settings.weights_timeout + SPARE_SECONDS, send)
        watch.start()
        if command == START:
            send(done=_start(settings, environ, progress, send))
        else:
            send(done=_build(settings, progress, send))
    except problems.Problem as problem:
        send(problem=problem.as_json())
        return 1
    return 0


def _start(settings: Settings, environ: dict, progress: Progress, send: "Sender") -> dict:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    model = model_folder.read(Path(settings.app_root).absolute(), settings.trust)
    locked = lock.of_model(model)
    if locked is not None:
        provide.provide(locked, settings, environ, progress, lambda text: send(say=text))
    return {}


def _build(settings: Settings, progress: Progress, send: "Sender") -> dict:
    """Fetch the weights listed in the order on stdin; return the text of the lock."""
    order = json.load(sys.stdin)
    entries = tuple(Entry(each["source"], each["folder"], tuple(each["patterns"])) for each in order["entries"])
    pinned = lock.of_text(order["pinned"]) if order["pinned"] else None
    store = Store(Path(order["store"]))
    if pinned:
        fetch.remove_changed(pinned, store, progress, lambda text: send(say=text))
    fetched = fetch.fetch(
        pinned or Lock(entries),
        store,
        progress,
        seconds=settings.weights_timeout,
        max_bytes=order["max_bytes"],
        locked=pinned is not None,
    )
    return {"lock": fetched.text}


class Sender:
    """Prints lines of JSON, each one atomically."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self._lock = threading.Lock()

    def __call__(self, **facts: object) -> None:
        """Print one line of JSON."""
        # The reader has exited, so this process will stop soon.
        with self._lock, contextlib.suppress(OSError):
            print(json.dumps(facts), file=self._out, flush=True)


class Watch(threading.Thread):
    """Kills the process after too long without a byte, whatever a library is waiting for."""

    def __init__(self, progress: Progress, seconds: float, send: Callable[..., object]) -> None:
        super().__init__(daemon=True)
        self._progress = progress
        self._seconds = seconds
        self._send = send

    def run(self) -> None:
        """Check periodically whether the download has stalled."""
        while self._progress.stalled < self._seconds:
            time.sleep(BEAT_SECONDS)
        reason = f"nothing has arrived for {self._seconds:g} seconds"
        self._send(problem=problems.WeightsUnavailable("the source", reason).as_json())
        os._exit(1)


def _end_with_parent() -> None:
    """Exit when the parent has exited, which closes stdin."""
    while os.read(0, 1):
        pass
    os._exit(1)


def _trust(ca_bundle: str) -> None:
    """Make libraries trust the authorities in S2I_CA_BUNDLE, as downloads in the notebook do."""
    if ca_bundle and os.path.isfile(ca_bundle) and os.path.getsize(ca_bundle):
        for name in CA_NAMES:
            os.environ.setdefault(name, ca_bundle)
