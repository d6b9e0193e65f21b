"""The main loop of `nb-builder dev`: watches a folder, builds what is saved, and serves the newest successful build."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

from nb_scorer.common import host_names, paths

from nb_builder.commands import run_locally, target
from nb_builder.commands.dev import golden_changes, kernel_environment, lab, watch
from nb_builder.commands.dev.builder import Builder, Outcome
from nb_builder.commands.dev.forwarder import Forwarder
from nb_builder.commands.dev.relevance import Relevance
from nb_builder.commands.dev.service import NotServed, Service
from nb_builder.commands.dev.settings import Settings
from nb_builder.common.log import Log
from nb_builder.common.settings import Settings as BuildSettings
from nb_builder.incremental import artifacts

# Terminals send SIGHUP when they are closed.
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ROOTS = ("a", "b")
ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - an address that no browser can open
LOOK_SECONDS = 0.2


@contextlib.contextmanager
def state_folder(home: Path) -> Iterator[Path]:
    """Yield a folder below `home` that no other `nb-builder dev` uses, one of an earlier run if possible."""
    for number in count(1):
        folder = home / "dev" / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield folder
            return


class Workbench:
    """Watches `folder`, and keeps its service running, and JupyterLab if requested.

    `state` contains its files: two APP_ROOTs, one being served while the other is built, and logs.
    """

    def __init__(
        self, folder: Path, notebook: str | None, state: Path, settings: Settings, environ: Mapping[str, str], log: Log
    ) -> None:
        """Store the folder and, if given, the notebook in it; start nothing yet."""
        self._folder = folder
        self._notebook = notebook
        self._state = state
        self._settings = settings
        self._environ = dict(environ)
        self._home = BuildSettings(environ).home.resolve()
        self._log = log
        self._shown_host = "127.0.0.1" if settings.host in ANY_ADDRESS else settings.host
        self._relevance = Relevance(folder)
        self._forwarder = Forwarder()
        self._builder = Builder(self._environ, state / "build.log")
        self._service: Service | None = None
        self._lab: lab.Lab | None = None
        # The APP_ROOT of the last successful build, in this run or an earlier one.
        self._app_root = _last_of(state)
        self._notes: list[str] = []
        self._ending: set[asyncio.Task] = set()
        self._stop = asyncio.Event()
        self._changes: asyncio.Queue[str] = asyncio.Queue()

    async def run(self) -> None:
        """Work until a signal in ENDINGS arrives; then stop all child processes."""
        loop = asyncio.get_running_loop()
        for number in ENDINGS:
            loop.add_signal_handler(number, self._stop.set)
        works = [asyncio.ensure_future(work) for work in (self._stop.wait(), self._watch(), self._build_and_serve())]
        try:
            await self._forwarder.listen(run_locally.listening(self._settings.port, self._log, self._settings.host))
            if self._settings.lab:
                works.append(asyncio.ensure_future(self._offer_jupyter()))
            # A finished task has failed, or is the one that waits for the signal.
            done, _ = await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
            for work in done:
                work.result()
            self._log.step("Stopping")
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)
            await self._end_all()

    async def _end_all(self) -> None:
        self._forwarder.stop_accepting()
        ends = [self._builder.close(), *self._ending]
        ends += [self._service.end()] if self._service else []
        ends += [self._lab.end()] if self._lab else []
        await asyncio.gather(*ends)
        self._forwarder.close()

    # --- saves ---

    async def _watch(self) -> None:
        seen = await asyncio.to_thread(watch.snapshot, self._folder)
        await asyncio.to_thread(self._relevance.remember, list(seen))
        self._changes.put_nowait("")
        async for names in watch.saves(self._folder, self._relevance.is_whole, seen=seen):
            change = await asyncio.to_thread(self._relevance.describe, names)
            if change:
                self._changes.put_nowait(change)

    # --- builds ---

    async def _build_and_serve(self) -> None:
        """Build for each change; a change during a build restarts it."""
        self._builder.prepare()
        change = await self._changes.get()
        while True:
            work = asyncio.ensure_future(self._build(change))
            next_change = asyncio.ensure_future(self._changes.get())
            try:
                await asyncio.wait((work, next_change), return_when=asyncio.FIRST_COMPLETED)
                given_up = not work.done()
                if given_up:
                    work.cancel()
                    await asyncio.wait((work,))
                if not work.cancelled():
                    work.result()
                change = await next_change
            finally:
                for task in (work, next_change):
                    task.cancel()
                await asyncio.gather(work, next_change, return_exceptions=True)
            self._log.step(change + (" (the build of the previous save was cancelled)" if given_up else ""))

    async def _build(self, change: str) -> None:
        began = time.monotonic()
        # The next build uses the folder of the previous service, which may still be responding to its last requests.
        if self._ending:
            await asyncio.wait(self._ending)
        app_root = self._next_root()
        environ = target.build_environment(self._folder, self._notebook, self._home, app_root, self._environ)
        target.log_ignored_settings(self._folder, self._log)
        if change:
            # If the code is the same, for example after a change in a file that no cell reads, so is the model.
            environ.setdefault("S2I_REUSE_MODEL", "1")
        if host_names.is_loopback(self._settings.host):
            environ.setdefault(*run_locally.OWN_NAMES)
        jupyter = self._state / "jupyter" if self._settings.lab else None
        outcome = await self._builder.build(environ, self._app_root, jupyter, self._log.step if not change else _silent)
        if outcome.status:
            self._fail(outcome)
        else:
            await self._serve(app_root, environ, outcome, began)
        self._builder.prepare()

    def _next_root(self) -> Path:
        """Return the APP_ROOT that the last successful build didn't use."""
        app_root = next(root for root in map(self._state.joinpath, ROOTS) if root != self._app_root)
        app_root.mkdir(exist_ok=True)
        return app_root

    def _fail(self, outcome: Outcome) -> None:
        self._relevance.failed()
        for message in outcome.messages:
            self._log.line(message)
        self._log.step(f"Not built; {'the previous build is still served' if self._service else 'nothing is served'}")

    async def _serve(self, app_root: Path, environ: dict[str, str], outcome: Outcome, began: float) -> None:
        try:
            service = await Service.started(app_root, environ, self._say, self._state / "service.log")
        except NotServed as problem:
            self._fail(Outcome(1, messages=[str(problem)]))
            return
        self._report_notes(outcome)
        seconds = f"{time.monotonic() - began:.1f} s"
        before, old = self._app_root, self._service
        self._app_root, self._service = app_root, service
        _remember_last(self._state, app_root)
        self._relevance.succeeded(app_root)
        service.has_responded = True
        # From here on, new requests get the new predictions.
        self._forwarder.point_at(service.port)
        self._watch_end(service)
        sample, path = run_locally.example(app_root)
        url = f"http://{self._shown_host}:{self._forwarder.port}{path}"
        if old is None or before is None:
            self._log.step(f"Built in {seconds}, served on {url}")
            self._log.line(f"     {run_locally.how_to_ask(sample, url)}")
            self._log.line("     Press Ctrl-C to stop.")
            return
        self._end_later(old)
        tolerance = BuildSettings(environ).tolerance
        changes = golden_changes.between(before / paths.MODEL, app_root / paths.MODEL, tolerance)
        self._log.step(f"Built in {seconds}; {changes}; served on {url}")
        for line in changes.table():
            self._log.line(f"       {line}")

    def _report_notes(self, outcome: Outcome) -> None:
        """Show the build's notes that are new since the previous build, except the one about a new model."""
        for note in outcome.notes:
            if note not in self._notes:
                self._log.note(note)
        for message in outcome.messages:
            if message not in self._notes:
                self._log.line(message)
        self._notes = [*outcome.notes, *outcome.messages]

    def _say(self, message: str) -> None:
        self._log.line(f"     {message}")

    def _end_later(self, service: Service) -> None:
        task = asyncio.ensure_future(self._make_way(service))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _make_way(self, service: Service) -> None:
        """Stop the previous service, and prepare its folder for the next build."""
        await service.end()
        await asyncio.to_thread(artifacts.prepare, self._next_root(), self._app_root)

    def _watch_end(self, service: Service) -> None:
        async def watch() -> None:
            status = await service.ended()
            if service is self._service and not self._stop.is_set():
                self._forwarder.point_at(None)
                self._service = None
                self._log.step(f"The service exited with status {status}; the next save builds and serves again")

        self._watching_end = asyncio.ensure_future(watch())

    # --- Jupyter ---

    async def _offer_jupyter(self) -> None:
        """Start JupyterLab, print its link once it listens, and continue if it exits."""
        kernels = self._state / "jupyter"
        self._lab = await lab.start(
            self._home / "lab" / "bin" / "jupyter-lab",
            folder=self._folder,
            notebook=self._notebook,
            state=self._state / "lab",
            kernels=kernels,
            host=self._settings.host,
            shown=self._shown_host,
            port=self._settings.lab,
        )
        log_file = self._state / "lab.log"
        ended = asyncio.ensure_future(self._lab.write_log(log_file))
        while not ended.done() and self._lab.link() is None:
            await asyncio.wait((ended,), timeout=LOOK_SECONDS)
        if not ended.done():
            self._log.step(f"JupyterLab: {self._lab.link()}")
        status = await ended
        if not self._stop.is_set():
            self._log.note(f"JupyterLab exited with status {status}; see {log_file}.")
            await self._stop.wait()


def _silent(_text: str) -> None:
    """Print nothing: one line, after the first build, is enough."""


def _last_of(state: Path) -> Path | None:
    """Return the APP_ROOT of the last successful build, or None."""
    link = state / "last"
    app_root = state / os.readlink(link) if link.is_symlink() else None
    return app_root if app_root and (app_root / paths.MODEL).is_dir() else None


def _remember_last(state: Path, app_root: Path) -> None:
    scratch = state / "last.new"
    scratch.unlink(missing_ok=True)
    scratch.symlink_to(app_root.name)
    scratch.replace(state / "last")


def clear(state: Path) -> None:
    """Remove leftovers of an earlier run: kernels, JupyterLab's connections to them, copies."""
    kernel_environment.clear(state / "jupyter")
    for root in ROOTS:
        shutil.rmtree(state / root / artifacts.COPY, ignore_errors=True)
    shutil.rmtree(state / "lab" / "runtime", ignore_errors=True)
