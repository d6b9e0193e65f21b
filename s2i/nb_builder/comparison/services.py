"""The two services: what each is made of, looked at before it runs, and how it is started and ended."""

import json
import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from nb_scorer.common import paths, phrases
from nb_scorer.common.problem import Problem
from nb_scorer.common.settings_table import read_all
from nb_scorer.model import golden_rows
from nb_scorer.model import manifest as manifests
from nb_service import model_folder, settings
from nb_service.log import FACTS

from nb_builder.comparison.engine import Engine, EngineFailed
from nb_builder.comparison.problems import DiffMissing, DiffNoService, DiffNotReady
from nb_builder.images.engine import UNPRIVILEGED, Image, as_options
from nb_builder.images.problems import ImageUnreadable

RUN = Path(__file__).parents[2] / "bin" / "run"
# Both are served the same way, whatever their own settings are: one scorer, so that its memory is the model's; plain
# HTTP, for nobody but us; an end without waiting for a balancer. An empty variable counts as not set.
SETTINGS = {
    "WEB_CONCURRENCY": "1",
    "S2I_BACKEND": "http",
    "S2I_FRONT": "asyncio",
    "S2I_GRPC_PORT": "off",
    "S2I_API_KEY_FILE": "",
    "S2I_EXPORT": "",
    "S2I_LINGER": "0",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "",
}
# Of a service's own settings, what this machine may say for both.
LENT = ("S2I_PREDICT_TIMEOUT",)
# What the names of our containers begin with.
CONTAINERS = "nb-builder-diff-"
HOST = "127.0.0.1"
PORT = 8080
NATIVE = "io.nb-builder.native.samples"
_MAX_MANIFEST = 16 << 20
_MAX_GOLDEN = 256 << 20
# A build keeps files of 32 MB in all.
_MAX_GOLDEN_FILE = 32 << 20
_MAX_GOLDEN_FILES = 200
STOP_SECONDS = 15.0
_TIMEOUT = [knob for knob in settings.KNOBS if knob.env == "S2I_PREDICT_TIMEOUT"]
# Lines of a service's log that say why it ended.
LOG_LINES = 20
# What the engine keeps of it: a service may print without end.
_LOG = ("--log-driver", "json-file", "--log-opt", "max-size=10m")
# Seconds that a prediction may take at most, whatever an image says.
_MAX_SECONDS = 3600.0


class Model:
    """What is known of a model without loading it: its manifest and golden rows.

    A native image keeps neither: its `manifest` is {}, and it `has_golden` none.
    """

    def __init__(self, manifest: dict, golden: list[dict] | None) -> None:
        self.manifest = manifest
        self.golden = golden or []
        self.has_golden = golden is not None

    @property
    def sample_schema(self) -> dict:
        """Return the JSON schema of samples; {} where nothing is known."""
        return model_folder.ModelFolder(Path(), Path(), Path(), self.manifest).sample_schema


class Running(Protocol):
    """A service that was started; `pid` is its first process as this machine sees it, None where it can't."""

    pid: int | None

    @property
    def address(self) -> tuple[str, int] | None:
        """Return host and port, None while they are not known."""

    @property
    def unfit(self) -> str | None:
        """Return why it will never be ready, as it says itself; None where it has said nothing."""

    def ending(self) -> str | None:
        """Return how it ended, in words; None while it runs."""

    def log(self) -> str:
        """Return what it has printed."""


class Candidate(Protocol):
    """One of the two: `label` is OLD or NEW, `name` what was given, `seconds` what a prediction may take."""

    label: str
    name: str
    kind: str
    model: Model
    seconds: float
    has_network: bool

    @contextmanager
    def running(self) -> Iterator[Running]:
        """Start it, and end it with the block; nothing of it stays. Raise DiffNotReady."""


def find(label: str, name: str, engine: Engine) -> Candidate:
    """Return the folder of that name, or else the image; raise DiffMissing, DiffEngine or DiffNoService."""
    if os.path.isdir(name):
        return FolderService(label, name)
    engine.require(name)
    image = engine.image(name)
    if image is None:
        raise DiffMissing(label=label, name=name)
    return ImageService(label, image, engine)


def not_ready(candidate: Candidate, reason: str, log: str = "") -> DiffNotReady:
    """Return the problem of a service that does not answer, with the end of its log."""
    detail = "\n".join(log.strip().splitlines()[-LOG_LINES:])
    return DiffNotReady(detail=detail, label=candidate.label, name=candidate.name, reason=reason)


class FolderService:
    """A service of a local build, in the folder that was its APP_ROOT."""

    kind = "folder"
    # It is this user's own build.
    has_network = True

    def __init__(self, label: str, name: str) -> None:
        self.label, self.name = label, name
        self._app_root = Path(name).absolute()
        try:
            model = model_folder.read(self._app_root, None)
            self.model = Model(model.manifest, model.golden_rows())
        except Problem as problem:
            raise DiffNoService(label=label, name=name, reason=problem.what.removesuffix(".")) from problem
        self.seconds = _seconds(os.environ)

    @contextmanager
    def running(self) -> Iterator[Running]:
        """Start it, and end it with the block."""
        with tempfile.TemporaryFile() as log:
            process = _Process(self._app_root, log)
            try:
                yield process
            finally:
                process.stop()


class _Process:
    """A service as a child of ours."""

    def __init__(self, app_root: Path, log: Any) -> None:
        self._log = log
        reader, writer = os.pipe()
        environ = {**os.environ, **SETTINGS, "APP_ROOT": str(app_root), "S2I_HOST": HOST, "PORT": "0"}
        try:
            self._process = subprocess.Popen(
                [RUN, "serve", FACTS, str(writer)],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[writer],
                # A terminal's Ctrl-C is for us, who then end it.
                start_new_session=True,
            )
        finally:
            os.close(writer)
        os.set_blocking(reader, False)
        self._facts = open(reader, "rb", buffering=0)  # noqa: SIM115 - closed by `stop`
        self._told = b""
        self.pid: int | None = self._process.pid

    def _fact(self, name: str) -> Any:
        while part := self._facts.read(1 << 12):
            self._told += part
        facts = [json.loads(line) for line in self._told.split(b"\n")[:-1]]
        return next((fact[name] for fact in facts if name in fact), None)

    @property
    def address(self) -> tuple[str, int] | None:
        """Return host and port, None while they are not known."""
        port = self._fact("port")
        return None if port is None else (HOST, port)

    @property
    def unfit(self) -> str | None:
        """Return why it will never be ready, as it says itself; None where it has said nothing."""
        return self._fact("unfit")

    def ending(self) -> str | None:
        """Return how it ended, in words; None while it runs."""
        status = self._process.poll()
        return None if status is None else phrases.ending(status)

    def log(self) -> str:
        """Return what it has printed."""
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")

    def stop(self) -> None:
        """End it and all that it has started."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._facts.close()


class ImageService:
    """A service in an image, that an engine on this machine runs."""

    kind = "image"

    def __init__(self, label: str, image: Image, engine: Engine) -> None:
        self.label, self.name = label, image.name
        self._engine = engine
        self._image = image
        # Whether it could reach other hosts while it ran.
        self.has_network = False
        self.is_native = NATIVE in image.labels
        self.model = Model({}, None) if self.is_native else self._read()
        self._settings = {**SETTINGS, **{name: os.environ[name] for name in LENT if os.environ.get(name)}}
        self.seconds = min(_seconds({**image.variables, **self._settings}), _MAX_SECONDS)

    def _read(self) -> Model:
        folder = f"{self._image.app_root}/{paths.MODEL}"
        with self._image.files() as files:
            manifest = files.content(f"{folder}/{paths.MANIFEST}", _MAX_MANIFEST)
            golden = files.content(f"{folder}/{paths.GOLDEN}", _MAX_GOLDEN) or b""
            names = golden_rows.file_names(golden)[:_MAX_GOLDEN_FILES]
            contents = {name: files.content(f"{folder}/{name}", _MAX_GOLDEN_FILE) or b"" for name in names}
        if manifest is None:
            raise DiffNoService(label=self.label, name=self.name, reason=f"it has no {folder}/{paths.MANIFEST}")
        with tempfile.TemporaryDirectory(prefix="nb-diff-") as copied:
            (Path(copied) / paths.GOLDEN_FILES).mkdir()
            for name, content in {paths.GOLDEN: golden, **contents}.items():
                (Path(copied) / name).write_bytes(content)
            try:
                read = model_folder.ModelFolder(Path(copied), Path(), Path(), manifests.parsed(manifest))
                return Model(read.manifest, read.golden_rows())
            except Problem as problem:
                reason = problem.what.removesuffix(".")
                raise DiffNoService(label=self.label, name=self.name, reason=reason) from problem

    @contextmanager
    def running(self) -> Iterator[Running]:
        """Start a container, and remove it with the block.

        It runs the image's own command, which is what is compared. Where the engine can do that, it reaches no other
        host.
        """
        listens = {"S2I_HOST": "0.0.0.0", "PORT": str(PORT)}  # noqa: S104 - within the container
        ours = {**self._image.conditions, **self._settings, **listens}
        name = f"{CONTAINERS}{self.label.lower()}-"
        network = f"{name}{secrets.token_hex(6)}"
        with self._engine.network(network) as is_isolated:
            self.has_network = not is_isolated
            options = ["--network", network] if is_isolated else ["--publish", f"{HOST}::{PORT}"]
            options += [*UNPRIVILEGED, *_LOG]
            try:
                with self._image.created([*options, *as_options(ours), self._image.id], name) as container:
                    yield self._started(container, network if is_isolated else None)
            except ImageUnreadable as problem:
                raise not_ready(self, f"can't be run as a container ({problem.what.removesuffix('.')})") from problem

    def _started(self, container: str, network: str | None) -> Running:
        try:
            self._engine.call("start", container)
            return _Container(self._engine, container, network)
        except EngineFailed as error:
            raise not_ready(self, f"can't be started ({str(error).removesuffix('.')})") from error


class _Container:
    """A container of ours that runs, or has ended."""

    # What it says is in its log alone.
    unfit = None

    def __init__(self, engine: Engine, container: str, network: str | None) -> None:
        self._engine = engine
        self._container = container
        inspected = json.loads(engine.call("inspect", container))[0]
        address = inspected["NetworkSettings"]["Networks"][network]["IPAddress"] if network else None
        self._address: tuple[str, int] | None = (address, PORT) if address else None
        pid = inspected["State"]["Pid"]
        self.pid: int | None = pid if pid and _is_of(inspected["Id"], pid) else None

    @property
    def address(self) -> tuple[str, int] | None:
        """Return host and port, None while they are not known."""
        if self._address is None:
            try:
                published = self._engine.call("port", self._container, f"{PORT}/tcp").decode().split()
            except EngineFailed:
                return None
            host, _, port = published[0].rpartition(":") if published else ("", "", "")
            self._address = (host, int(port)) if port else None
        return self._address

    def ending(self) -> str | None:
        """Return how it ended, in words; None while it runs."""
        try:
            state = self._engine.state(self._container)
        except EngineFailed as error:
            return f"is gone ({str(error).removesuffix('.')})"
        return None if state["Running"] else f"exited with status {state['ExitCode']}"

    def log(self) -> str:
        """Return what it has printed."""
        return self._engine.log(self._container)


def _is_of(identity: str, pid: int) -> bool:
    """Return whether the process `pid` of this machine is the container's: the engine may count in another machine."""
    try:
        return identity in Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False


def _seconds(environ: Mapping[str, str]) -> float:
    return read_all(_TIMEOUT, environ)["S2I_PREDICT_TIMEOUT"]
