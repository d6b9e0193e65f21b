"""The container engine, and images that are made by it: the builder image, and a service image where s2i is missing."""

import contextlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from nb_builder.cli import dockerfile
from nb_builder.cli.installation import Installation, version
from nb_builder.cli.problems import (
    BundleUnreadable,
    EngineMissing,
    ImageMissing,
    ImageNameInvalid,
    ImageNotBuilt,
    IndexNotPushed,
    IndexUnfit,
)
from nb_builder.common import programs, python_versions
from nb_builder.common.log import Log
from nb_builder.images import conditions
from nb_builder.images import engine as images
from nb_builder.images.engine import Image
from nb_builder.images.files import RESERVE, Files
from nb_builder.images.problems import ImageUnreadable
from nb_builder.repository import git

BUILDER = "nb-builder"
# As the engines read names of images (github.com/distribution/reference), without a digest.
_NAME = re.compile(
    r"(?:[A-Za-z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:(?:\.|_{1,2}|-+|/)[a-z0-9]+)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?"
)
# Registries with which Docker's engine does without TLS.
_LOCAL = re.compile(r"(localhost|127\.[0-9.]+)(:[0-9]+)?")
_MAX_METADATA = 1 << 20
# Of what a container has said.
_SHOWN = 1 << 20
_AT_ONCE = 1 << 20
# More of a line is printed as another.
_MAX_LINE = 1 << 16
# Settings of pip that reach the build of the builder image, and stay out of it.
_PIP = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST")
# Variables of uv that do the same: where Pythons come from.
_UV = ("UV_PYTHON_INSTALL_MIRROR", "UV_PYTHON_DOWNLOADS_JSON_URL")
# The last Pythons that nobody publishes for uv: images have them.
IN_IMAGES_ONLY = ("3.6", "3.7")


class Engine:
    """Docker or Podman: what the variable DOCKER names, or else the first of both that answers."""

    def __init__(self, environ: Mapping[str, str], command: str, platform: str = "") -> None:
        """Find it; raise EngineMissing. It builds images for `platform` such as linux/arm64; "" is its own."""
        self._environ = environ
        self._platform = ["--platform", platform] if platform else []
        self.log = Log(sys.stderr)
        self.program = find(environ, command)

    def image(self, name: str) -> dict | None:
        """Return what the engine knows of an image, or None where it has none of that name."""
        ran = self._run("image", "inspect", name)
        return json.loads(ran.stdout)[0] if ran.returncode == 0 else None

    def find(self, name: str) -> Image | None:
        """Return an image of which files can be taken, or None where the engine has none of that name."""
        return images.find(self.program, self._environ, name)

    def require(self, name: str, why: str) -> Image:
        """Return an image of which files can be taken; raise ImageMissing, which says `why` it is needed."""
        image = self.find(name)
        if image is None:
            raise ImageMissing(image=name, why=why)
        return image

    def files(self, container: str, image: str) -> Files:
        """Return the reader of files in a container of the image with that name."""
        return Files(self.program, self._environ, container, image)

    def upload(self, container: str, archive: Path, folder: str) -> None:
        """Unpack an archive in a folder of a container; raise ImageUnreadable."""
        with archive.open("rb") as file:
            words = [self.program, "cp", "-", f"{container}:{folder}"]
            ran = programs.run(words, env=self._environ, stdin=file)
        if ran.returncode:
            raise ImageUnreadable(image=container, program=self.program, reason=images.reason(ran))

    def run_container(self, container: str) -> tuple[int, str]:
        """Run a container to its end; return its exit status, and the last megabyte of what it has said."""
        said = b""
        with self._started("start", "--attach", container, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            for block in _blocks(process.stdout):
                said = (said + block)[-_SHOWN:]
            return process.wait(), said.decode("utf-8", "replace")

    def write_output(self, container: str, image: str, path: Path) -> int:
        """Run a container of an image to its end, and write what it prints to a file; return its exit status.

        Raise ImageUnreadable for more than there is room for.
        """
        pipe = subprocess.PIPE
        with self._started("start", "--attach", container, stdout=pipe, stderr=pipe) as process:
            errors = threading.Thread(target=self._show, args=(process.stderr, self.log))
            errors.start()
            try:
                with path.open("wb") as file:
                    for block in _blocks(process.stdout):
                        file.write(block)
                        self._require_room(path, image)
            except BaseException:
                process.kill()
                raise
            finally:
                # It reads until the program has ended.
                errors.join()
            return process.wait()

    def _require_room(self, path: Path, image: str) -> None:
        if shutil.disk_usage(path.parent).free < RESERVE:
            reason = "its output fills this disk"
            raise ImageUnreadable(image=image, program=self.program, reason=reason)

    def load(self, archive: Path, name: str) -> None:
        """Have the engine take the archive of the image `name`; raise ImageNotBuilt."""
        with archive.open("rb") as file:
            words = [self.program, "load", "--quiet"]
            ran = subprocess.run(words, env=self._environ, stdin=file, stdout=subprocess.DEVNULL)
        if ran.returncode:
            raise ImageNotBuilt(image=name, program=self.program, status=ran.returncode)

    def save(self, image: Image, archive: Path) -> None:
        """Write the archive of an image; raise ImageUnreadable."""
        with archive.open("wb") as file:
            ran = subprocess.run([self.program, "save", image.name], env=self._environ, stdout=file)
        if ran.returncode:
            raise ImageUnreadable(image=image.name, program=self.program, reason=f"status {ran.returncode}")

    def build_from(self, instructions: str, words: Sequence[str], name: str, log: Log, *, network: bool = False) -> int:
        """Build the image `name` by a Dockerfile that needs no file; return the engine's exit status.

        What its steps print goes to the log, line by line: they may be programs of somebody's image.
        """
        options = ["--force-rm", *([] if network else ["--network", "none"]), *words, "--tag", name, "-"]
        with tempfile.TemporaryFile() as file:
            file.write(instructions.encode())
            file.seek(0)
            pipe = subprocess.PIPE
            with self._started("build", *options, stdin=file, stdout=pipe, stderr=subprocess.STDOUT) as process:
                self._show(process.stdout, log)
                return process.wait()

    @contextlib.contextmanager
    def conditioned(self, image: Image, name: str, labels: Mapping[str, str] | None = None) -> Iterator[None]:
        """Have an image `name` with the files of another meanwhile, and with the variables of our conditions.

        Raise ImageUnfit for an image that would decide what is done with it, and ImageNotBuilt.
        """
        image.require_plain()
        lines = conditions.instructions(image.variables, image.app_root, image.name)
        lines += [f'LABEL {label}="{value}"' for label, value in (labels or {}).items()]
        with tempfile.TemporaryDirectory(prefix="nb-context-") as context:
            self.derive(image, lines, Path(context), name)
        try:
            yield
        finally:
            self.remove_image(name)

    def tag(self, image: str, name: str) -> None:
        """Give an image another name; raise ImageNotBuilt."""
        status = self._run("tag", image, name).returncode
        if status:
            raise ImageNotBuilt(image=name, program=self.program, status=status)

    def remove_labelled(self, label: str) -> bool:
        """Remove the containers and images that have a label; return whether there were no images left to remove."""
        containers = self._run("ps", "--all", "--quiet", "--filter", f"label={label}").stdout.split()
        if containers:
            self._run("rm", "--force", *containers)
        images = self._run("image", "ls", "--all", "--quiet", "--no-trunc", "--filter", f"label={label}").stdout.split()
        if images:
            # The newest come first. Images below them are not this run's.
            return self._run("image", "rm", "--force", "--no-prune", *images).returncode == 0
        return True

    def remove_image(self, *names: str) -> None:
        """Remove names of images, and what has no other name; one that is not there is no error."""
        self._run("image", "rm", "--force", *names)

    def derive(self, image: Image, instructions: Sequence[str], context: Path, name: str) -> None:
        """Make an image of another one by instructions of a Dockerfile, without a network; raise ImageNotBuilt."""
        # By a name of its own: that of the other may become another image's meanwhile.
        candidate = f"nb-builder-candidate:{os.getpid()}-{secrets.token_hex(4)}"
        self._run("tag", image.id, candidate)
        try:
            with tempfile.TemporaryDirectory(prefix="nb-derive-") as scratch:
                file = Path(scratch) / "Dockerfile"
                file.write_text("\n".join([f"FROM {candidate}", *instructions, ""]), encoding="utf-8")
                words = ["--quiet", "--network", "none", "--file", str(file), "--tag", name, str(context)]
                self._build(name, words, quiet=True)
        finally:
            self.remove_image(candidate)

    def require_builder(self, installation: Installation, name: str) -> None:
        """Make the builder image, unless it is there."""
        if self.image(name) is None:
            self.make_builder(installation, name, [], bundle(self._environ))

    def make_builder(self, installation: Installation, name: str, build_args: Sequence[str], bundle_file: str) -> None:
        """Make the builder image from nb-builder's own files; it also trusts the authorities in `bundle_file`."""
        require_name(name)
        _lay_bundle(installation.root / ".nb-builder" / "ca-bundle.crt", bundle_file)
        self.log.step(f"Building the builder image {name}")
        given = [f"VERSION={_version(installation.root)}", *build_args]
        given += [variable for variable in _PIP + _UV if self._environ.get(variable)]
        options = [word for value in given for word in ("--build-arg", value)]
        self._build(name, [*options, "--tag", name, str(installation.root)])

    def add_python(self, installation: Installation, name: str, python_image: str) -> None:
        """Add the Python of the image `python_image` to the builder image `name`."""
        self.log.step(f"Adding Python from {python_image} to {name}")
        given = [f"BUILDER={name}", f"PYTHON_IMAGE={python_image}"]
        given += [variable for variable in _PIP if self._environ.get(variable)]
        options = [word for value in given for word in ("--build-arg", value)]
        file = str(installation.root / "s2i" / "python.Dockerfile")
        self._build(name, [*options, "--file", file, "--tag", name, str(installation.root)])

    def build_service(self, folder: Path, builder: str, name: str, variables: Mapping[str, str]) -> None:
        """Make the image of the service of the repository in `folder`, as s2i would, by a generated Dockerfile."""
        with tempfile.TemporaryDirectory(prefix="nb-build-") as scratch:
            context = Path(scratch)
            dockerfile.lay(folder, context, builder, variables)
            self._build(name, ["--tag", name, str(context)])
        self._label(name)

    def push_index(self, name: str, members: Sequence[str]) -> dict[str, str]:
        """Push images and an index of them, called `name`; return {architecture: name of its image}.

        Each image is pushed as `name` with its architecture at the end. Raise ImageMissing, IndexUnfit or
        IndexNotPushed.
        """
        require_name(name)
        by_architecture: dict[str, str] = {}
        for member in members:
            facts = self.image(member)
            if facts is None:
                raise ImageMissing(image=member, why="An index lists images that are on this machine.")
            architecture = facts["Architecture"]
            if architecture in by_architecture:
                raise IndexUnfit(first=by_architecture[architecture], second=member, architecture=architecture)
            by_architecture[architecture] = member
        tagged = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
        references = {architecture: f"{tagged}-{architecture}" for architecture in by_architecture}
        for architecture, member in by_architecture.items():
            self._publish(name, "tag", member, references[architecture])
            self._publish(name, "push", references[architecture])
        # One of an earlier run, on this machine alone.
        self._run("manifest", "rm", name)
        is_podman = os.path.basename(self.program) == "podman"
        insecure = ["--insecure"] if not is_podman and self._is_without_tls(name.partition("/")[0]) else []
        self._publish(name, "manifest", "create", *insecure, name, *references.values())
        options = ["--all", "--rm"] if is_podman else ["--purge", *insecure]
        self._publish(name, "manifest", "push", *options, name)
        return references

    def _is_without_tls(self, registry: str) -> bool:
        """Return whether Docker's engine pushes to a registry without TLS.

        Its client makes the indexes, and doesn't know.
        """
        if _LOCAL.fullmatch(registry):
            return True
        asked = self._run("info", "--format", "{{json .RegistryConfig.IndexConfigs}}").stdout.strip()
        return bool(asked) and not json.loads(asked).get(registry, {}).get("Secure", True)

    def _publish(self, name: str, *words: str) -> None:
        ran = subprocess.run([self.program, *words], env=self._environ, stdout=sys.stderr)
        if ran.returncode:
            command = " ".join([self.program, *words])
            raise IndexNotPushed(name=name, command=command, program=self.program, status=ran.returncode)

    def _label(self, name: str) -> None:
        """Give the image the labels that assemble left for s2i."""
        image = self.find(name)
        content = None
        if image is not None:
            with image.files() as files:
                content = files.content(dockerfile.METADATA, _MAX_METADATA)
        labels = json.loads(content)["labels"] if content else []
        options = [
            word for pairs in labels for label, value in pairs.items() for word in ("--label", f"{label}={value}")
        ]
        text = f"FROM {name}\n"
        words = [self.program, "build", *self._platform, "--quiet", *options, "--tag", name, "-"]
        labelled = subprocess.run(words, input=text, text=True, env=self._environ, stdout=subprocess.DEVNULL)
        if labelled.returncode:
            raise ImageNotBuilt(image=name, program=self.program, status=labelled.returncode)

    def _build(self, name: str, words: Sequence[str], *, quiet: bool = False) -> None:
        stdout = subprocess.DEVNULL if quiet else sys.stderr
        ran = subprocess.run([self.program, "build", *self._platform, *words], env=self._environ, stdout=stdout)
        if ran.returncode:
            raise ImageNotBuilt(image=name, program=self.program, status=ran.returncode)

    @contextlib.contextmanager
    def _started(self, *words: str, **streams: IO[bytes] | int) -> Iterator[subprocess.Popen[bytes]]:
        """Yield the engine's program, which ends with the block."""
        process = subprocess.Popen([self.program, *words], env=self._environ, **streams)  # type: ignore[call-overload]
        with process:
            try:
                yield process
            except BaseException:
                process.kill()
                raise

    def _show(self, stream: IO[bytes] | None, log: Log) -> None:
        assert stream is not None
        while line := stream.readline(_MAX_LINE):
            log.line(line.decode("utf-8", "replace").rstrip("\r\n"))

    def _run(self, *words: str) -> subprocess.CompletedProcess:
        return programs.run([self.program, *words], env=self._environ)


def _blocks(stream: IO[bytes] | None) -> Iterator[bytes]:
    assert stream is not None
    while block := stream.read(_AT_ONCE):
        yield block


def find(environ: Mapping[str, str], command: str) -> str:
    """Return the program of the engine for the command of that name; raise EngineMissing."""
    names = [environ["DOCKER"]] if environ.get("DOCKER") else ["docker", "podman"]
    reason = f"neither of {', '.join(names)} is on PATH" if len(names) > 1 else f"{names[0]} is not on PATH"
    for name in names:
        if shutil.which(name, path=environ.get("PATH")):
            ran = programs.run([name, "info"], env=dict(environ))
            if ran.returncode == 0:
                return name
            reason = f"{name}: {programs.reason(ran).rstrip('.?')}"
    raise EngineMissing(reason=reason, command=f"nb-builder {command}")


def bundle(environ: Mapping[str, str]) -> str:
    """Return the file with certificate authorities that programs of this machine trust, "" for the system's own."""
    return environ.get("SSL_CERT_FILE", "")


def python_versions_in(text: str) -> list[str]:
    """Return the versions in a list such as "3.6 3.12"; raise ValueError for one that notebooks can't have."""
    minors = text.replace(",", " ").split()
    known = python_versions.MINORS
    if unknown := [minor for minor in minors if minor not in known]:
        raise ValueError(f"{unknown[0]} is not a version from {known[0]} to {known[-1]}")
    return minors


def require_name(name: str) -> None:
    """Raise ImageNameInvalid for what no image can be called."""
    if not _NAME.fullmatch(name):
        raise ImageNameInvalid(name=name)


def name_of(target: str) -> str:
    """Return a name for the image of a target that is a folder, a notebook or a URL: that of the repository."""
    path = target.partition("#")[0].rstrip("/")
    last = path.rpartition("/")[2].rpartition(":")[2] if "://" in path or path.endswith(".git") else ""
    if not last:
        here = Path(target).expanduser().resolve()
        last = here.name if here.is_dir() or not here.suffix else here.parent.name
    return re.sub(r"[^a-z0-9]+", "-", last.removesuffix(".git").lower()).strip("-") or "my-service"


def s2i(environ: Mapping[str, str]) -> str | None:
    """Return the program s2i, where it is on PATH."""
    return shutil.which("s2i", path=environ.get("PATH"))


def run_s2i(program: str, words: Sequence[str], environ: Mapping[str, str], image: str) -> None:
    """Call s2i, whose words go to stderr; raise ImageNotBuilt."""
    ran = subprocess.run([program, "build", *words], env=dict(environ), stdout=sys.stderr)
    if ran.returncode:
        raise ImageNotBuilt(image=image, program="s2i", status=ran.returncode)


def _version(root: Path) -> str:
    """Return the commit of a clone, else the version of the wheel."""
    commit = git.facts(root, "rev-parse", "--short", "HEAD", top=root) if (root / ".git").exists() else None
    return commit or version()


def _lay_bundle(target: Path, source: str) -> None:
    """Have `target` be a copy of the file `source`, or not be there; it is left alone where it is the same already."""
    if not source:
        target.unlink(missing_ok=True)
        return
    try:
        content = Path(source).read_bytes()
    except OSError as error:
        raise BundleUnreadable(path=source, reason=error.strerror or error) from error
    if not target.is_file() or target.read_bytes() != content:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Others may be building, too.
        part = target.with_suffix(f".{os.getpid()}")
        part.write_bytes(content)
        part.replace(target)
