"""The two services: inspects them before they run, then starts and stops them."""

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
# Both are served in the same way, whatever their own settings are: with one scorer, so that its memory is the model's;
# over plain HTTP, for this process only; with immediate shutdown. An empty variable counts as unset.
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
# Settings that this machine may set for both services.
LENT = ("S2I_PREDICT_TIMEOUT",)
# The prefix of our containers' names.
CONTAINERS = "nb-builder-diff-"
HOST = "127.0.0.1"
PORT = 8080
NATIVE = "io.nb-builder.native.samples"
_MAX_MANIFEST = 16 << 20
_MAX_GOLDEN = 256 << 20
# A build keeps at most 32 MB of files.
_MAX_GOLDEN_FILE = 32 << 20
_MAX_GOLDEN_FILES = 200
STOP_SECONDS = 15.0
_TIMEOUT = [knob for knob in settings.KNOBS if knob.env == "S2I_PREDICT_TIMEOUT"]
# Lines of a service's log that state why it exited.
LOG_LINES = 20
# Limits the engine's log, because a service may print without end.
_LOG = ("--log-driver", "json-file", "--log-opt", "max-size=10m")
# Maximum seconds for a prediction, whatever an image sets.
_MAX_SECONDS = 3600.0


class Model:
    """The facts about a model that are known without loading it: its manifest and golden rows.

    A native image has neither: its `manifest` is {}, and `has_golden` is False.
    """

    def __init__(self, manifest: dict, golden: list[dict] | None) -> None:
        self.manifest = manifest
        self.golden = golden or []
        self.has_golden = golden is not None

    @property
    def sample_schema(self) -> dict:
        """Return the JSON schema of samples, or {} if it is unknown."""
        return model_folder.ModelFolder(Path(), Path(), Path(), self.manifest).sample_schema


class Running(Protocol):
    """A started service; `pid` is its first process as seen from this machine, or None if unknown."""

    pid: int | None

    @property
    def address(self) -> tuple[str, int] | None:
        """Return host and port, or None while they are unknown."""

    @property
    def unfit(self) -> str | None:
        """Return the reason that the service reports for never becoming ready, or None."""

    def ending(self) -> str | None:
        """Return a description of how it exited, or None while it runs."""

    def log(self) -> str:
        """Return its output."""


class Candidate(Protocol):
    """One of the two services: `label` is OLD or NEW, `name` the argument, `seconds` the limit of a prediction."""

    label: str
    name: str
    kind: str
    model: Model
    seconds: float
    has_network: bool

    @contextmanager
    def running(self) -> Iterator[Running]:
        """Start it for the block, then stop it and remove everything it created. Raises DiffNotReady."""


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
    """Return the problem of a service that doesn't respond, with the end of its log."""
    detail = "\n".join(log.strip().splitlines()[-LOG_LINES:])
    return DiffNotReady(detail=detail, label=candidate.label, name=candidate.name, reason=reason)


class FolderService:
    """A service of a local build, in the folder that was its APP_ROOT."""

    kind = "folder"
    # The folder is this user's own build, and therefore trusted.
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
        """Start it, and stop it at the end of the block."""
        with tempfile.TemporaryFile() as log:
            process = _Process(self._app_root, log)
            try:
                yield process
            finally:
                process.stop()


class _Process:
    """A service as a child process."""

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
                # Ctrl-C in a terminal is for this process, which then stops the service.
                start_new_session=True,
            )
        finally:
            os.close(writer)
        os.set_blocking(reader, False)
        self._facts = open(reader, "rb", buffering=0)  # noqa: SIM115 - closed by `stop`
        self._output = b""
        self.pid: int | None = self._process.pid

    def _fact(self, name: str) -> Any:
        while part := self._facts.read(1 << 12):
            self._output += part
        facts = [json.loads(line) for line in self._output.split(b"\n")[:-1]]
        return next((fact[name] for fact in facts if name in fact), None)

    @property
    def address(self) -> tuple[str, int] | None:
        """Return host and port, or None while they are unknown."""
        port = self._fact("port")
        return None if port is None else (HOST, port)

    @property
    def unfit(self) -> str | None:
        """Return the reason that the service reports for never becoming ready, or None."""
        return self._fact("unfit")

    def ending(self) -> str | None:
        """Return a description of how it exited, or None while it runs."""
        status = self._process.poll()
        return None if status is None else phrases.ending(status)

    def log(self) -> str:
        """Return its output."""
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")

    def stop(self) -> None:
        """Stop it and all its child processes."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._facts.close()


class ImageService:
    """A service in an image, run by an engine on this machine."""

    kind = "image"

    def __init__(self, label: str, image: Image, engine: Engine) -> None:
        self.label, self.name = label, image.name
        self._engine = engine
        self._image = image
        # Whether the service could reach other hosts while it ran.
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
        """Start a container, and remove it at the end of the block.

        It runs the image's own command, because that is compared. If the engine supports it, it can't reach other
        hosts.
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
    """A container that we started, running or exited."""

    # A container reports only in its log.
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
        """Return host and port, or None while they are unknown."""
        if self._address is None:
            try:
                published = self._engine.call("port", self._container, f"{PORT}/tcp").decode().split()
            except EngineFailed:
                return None
            host, _, port = published[0].rpartition(":") if published else ("", "", "")
            self._address = (host, int(port)) if port else None
        return self._address

    def ending(self) -> str | None:
        """Return a description of how it exited, or None while it runs."""
        try:
            state = self._engine.state(self._container)
        except EngineFailed as error:
            return f"is gone ({str(error).removesuffix('.')})"
        return None if state["Running"] else f"exited with status {state['ExitCode']}"

    def log(self) -> str:
        """Return its output."""
        return self._engine.log(self._container)


def _is_of(identity: str, pid: int) -> bool:
    """Return whether the process `pid` belongs to the container: the engine may report IDs of a virtual machine."""
    try:
        return identity in Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False


def _seconds(environ: Mapping[str, str]) -> float:
    return read_all(_TIMEOUT, environ)["S2I_PREDICT_TIMEOUT"]
