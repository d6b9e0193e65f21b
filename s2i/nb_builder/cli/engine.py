"""The container engine, and images built with it: the builder image, and service images if s2i is not installed."""

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
    ImageNotPushed,
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
# Image names without a digest, as engines parse them (github.com/distribution/reference).
_NAME = re.compile(
    r"(?:[A-Za-z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:(?:\.|_{1,2}|-+|/)[a-z0-9]+)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?"
)
# Registries that Docker accesses without TLS.
_LOCAL = re.compile(r"(localhost|127\.[0-9.]+)(:[0-9]+)?")
_MAX_METADATA = 1 << 20
# The number of bytes kept of a container's output.
_SHOWN = 1 << 20
_AT_ONCE = 1 << 20
# Longer lines are split.
_MAX_LINE = 1 << 16
# pip settings that are passed to the build of the builder image, but not stored in it.
_PIP = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST")
# The same for uv variables: where Pythons are downloaded from.
_UV = ("UV_PYTHON_INSTALL_MIRROR", "UV_PYTHON_DOWNLOADS_JSON_URL")
# The last Pythons that uv can't download; they come from images.
IN_IMAGES_ONLY = ("3.6", "3.7")


class Engine:
    """Docker or Podman: the one named by the variable DOCKER, or the first that responds."""

    def __init__(self, environ: Mapping[str, str], command: str, platform: str = "") -> None:
        """Find the engine; raise EngineMissing. It builds for `platform`; "" is its own."""
        self._environ = environ
        self._platform = ["--platform", platform] if platform else []
        self.log = Log(sys.stderr)
        self.program = find(environ, command)

    def image(self, name: str) -> dict | None:
        """Return the engine's metadata of an image, or None if it does not exist."""
        ran = self._run("image", "inspect", name)
        return json.loads(ran.stdout)[0] if ran.returncode == 0 else None

    def find(self, name: str) -> Image | None:
        """Return an image to read files from, or None if it does not exist."""
        return images.find(self.program, self._environ, name)

    def require(self, name: str, why: str) -> Image:
        """Return an image to read files from; raise ImageMissing, whose text includes `why` it is needed."""
        image = self.find(name)
        if image is None:
            raise ImageMissing(image=name, why=why)
        return image

    def files(self, container: str, image: str) -> Files:
        """Return the reader of files in a container of the image with that name."""
        return Files(self.program, self._environ, container, image)

    def upload(self, container: str, archive: Path, folder: str) -> None:
        """Unpack an archive into a container's folder; raise ImageUnreadable."""
        with archive.open("rb") as file:
            arguments = [self.program, "cp", "-", f"{container}:{folder}"]
            ran = programs.run(arguments, env=self._environ, stdin=file)
        if ran.returncode:
            raise ImageUnreadable(image=container, program=self.program, reason=images.reason(ran))

    def run_container(self, container: str) -> tuple[int, str]:
        """Run a container until it exits; return its exit status, and the last megabyte of its output."""
        said = b""
        with self._started("start", "--attach", container, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            for block in _blocks(process.stdout):
                said = (said + block)[-_SHOWN:]
            return process.wait(), said.decode("utf-8", "replace")

    def write_output(self, container: str, image: str, path: Path) -> int:
        """Run a container until it exits, and write its output to a file; return its exit status.

        Raises ImageUnreadable if the output is too large.
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
                # Ends when the program has exited.
                errors.join()
            return process.wait()

    def _require_room(self, path: Path, image: str) -> None:
        if shutil.disk_usage(path.parent).free < RESERVE:
            reason = "its output fills this disk"
            raise ImageUnreadable(image=image, program=self.program, reason=reason)

    def load(self, archive: Path, name: str) -> None:
        """Load the archive of the image `name` into the engine; raise ImageNotBuilt."""
        with archive.open("rb") as file:
            arguments = [self.program, "load", "--quiet"]
            ran = subprocess.run(arguments, env=self._environ, stdin=file, stdout=subprocess.DEVNULL)
        if ran.returncode:
            raise ImageNotBuilt(image=name, program=self.program, status=ran.returncode)

    def save(self, image: Image, archive: Path) -> None:
        """Save an image as an archive; raise ImageUnreadable."""
        with archive.open("wb") as file:
            ran = subprocess.run([self.program, "save", image.name], env=self._environ, stdout=file)
        if ran.returncode:
            raise ImageUnreadable(image=image.name, program=self.program, reason=f"status {ran.returncode}")

    def build_from(self, instructions: str, extra: Sequence[str], name: str, log: Log, *, network: bool = False) -> int:
        """Build the image `name` from a Dockerfile that needs no files; return the engine's exit status.

        The output of its steps is logged line by line: they may run programs of an untrusted image.
        """
        options = ["--force-rm", *([] if network else ["--network", "none"]), *extra, "--tag", name, "-"]
        with tempfile.TemporaryFile() as file:
            file.write(instructions.encode())
            file.seek(0)
            pipe = subprocess.PIPE
            with self._started("build", *options, stdin=file, stdout=pipe, stderr=subprocess.STDOUT) as process:
                self._show(process.stdout, log)
                return process.wait()

    @contextlib.contextmanager
    def conditioned(self, image: Image, name: str, labels: Mapping[str, str] | None = None) -> Iterator[None]:
        """Inside the block, have an image `name` with another image's files and controlled variables.

        Raises ImageUnfit for an image that would control its own processing, and ImageNotBuilt.
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
        """Remove containers and images that have a label; return whether no images were left to remove."""
        containers = self._run("ps", "--all", "--quiet", "--filter", f"label={label}").stdout.split()
        if containers:
            self._run("rm", "--force", *containers)
        images = self._run("image", "ls", "--all", "--quiet", "--no-trunc", "--filter", f"label={label}").stdout.split()
        if images:
            # The newest are listed first. Their parent images don't belong to this run.
            return self._run("image", "rm", "--force", "--no-prune", *images).returncode == 0
        return True

    def remove_image(self, *names: str) -> None:
        """Remove image names, and untagged images; a missing one is not an error."""
        self._run("image", "rm", "--force", *names)

    def derive(self, image: Image, instructions: Sequence[str], context: Path, name: str) -> None:
        """Build an image from another one with Dockerfile instructions, without network access; raise ImageNotBuilt."""
        # Uses a temporary name, because the other name may be moved to another image in the meantime.
        candidate = f"nb-builder-candidate:{os.getpid()}-{secrets.token_hex(4)}"
        self._run("tag", image.id, candidate)
        try:
            with tempfile.TemporaryDirectory(prefix="nb-derive-") as scratch:
                file = Path(scratch) / "Dockerfile"
                file.write_text("\n".join([f"FROM {candidate}", *instructions, ""]), encoding="utf-8")
                arguments = ["--quiet", "--network", "none", "--file", str(file), "--tag", name, str(context)]
                self._build(name, arguments, quiet=True)
        finally:
            self.remove_image(candidate)

    def require_builder(self, installation: Installation, name: str) -> None:
        """Build the builder image if it does not exist."""
        if self.image(name) is None:
            self.make_builder(installation, name, [], bundle(self._environ))

    def make_builder(self, installation: Installation, name: str, build_args: Sequence[str], bundle_file: str) -> None:
        """Build the builder image from nb-builder's own files; it also trusts the CA certificates in `bundle_file`."""
        require_name(name)
        _lay_bundle(installation.root / ".nb-builder" / "ca-bundle.crt", bundle_file)
        self.log.step(f"Building the builder image {name}")
        given = [f"VERSION={_version(installation.root)}", *build_args]
        given += [variable for variable in _PIP + _UV if self._environ.get(variable)]
        options = [option for value in given for option in ("--build-arg", value)]
        self._build(name, [*options, "--tag", name, str(installation.root)])

    def add_python(self, installation: Installation, name: str, python_image: str) -> None:
        """Add the Python of the image `python_image` to the builder image `name`."""
        self.log.step(f"Adding Python from {python_image} to {name}")
        given = [f"BUILDER={name}", f"PYTHON_IMAGE={python_image}"]
        given += [variable for variable in _PIP if self._environ.get(variable)]
        options = [option for value in given for option in ("--build-arg", value)]
        file = str(installation.root / "s2i" / "python.Dockerfile")
        self._build(name, [*options, "--file", file, "--tag", name, str(installation.root)])

    def build_service(self, folder: Path, builder: str, name: str, variables: Mapping[str, str]) -> None:
        """Build the service image of the repository in `folder` from a generated Dockerfile, as s2i would."""
        with tempfile.TemporaryDirectory(prefix="nb-build-") as scratch:
            context = Path(scratch)
            dockerfile.lay(folder, context, builder, variables)
            self._build(name, ["--tag", name, str(context)])
        self._label(name)

    def push_index(self, name: str, members: Sequence[str]) -> dict[str, str]:
        """Push images and an index of them, called `name`; return {architecture: image name}.

        Each image is pushed as `name` with its architecture appended. Raises ImageMissing, IndexUnfit or
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
        # An earlier run has left it, on this machine only.
        self._run("manifest", "rm", name)
        is_podman = os.path.basename(self.program) == "podman"
        insecure = ["--insecure"] if not is_podman and self._is_without_tls(name.partition("/")[0]) else []
        self._publish(name, "manifest", "create", *insecure, name, *references.values())
        options = ["--all", "--rm"] if is_podman else ["--purge", *insecure]
        self._publish(name, "manifest", "push", *options, name)
        return references

    def publish(self, image: str, repository: str) -> str:
        """Push an image to a repository of a registry, and return its name with the digest.

        Raises ImageMissing or ImageNotPushed. Its tag is a part of the image's id, so no version replaces another one.
        """
        facts = self.image(image)
        if facts is None:
            raise ImageMissing(image=image, why="A cluster pulls images from the registry that it is pushed to.")
        name = f"{repository}:{facts['Id'].rpartition(':')[2][:12]}"
        require_name(name)
        self.tag(image, name)
        self.log.step(f"Pushing {name}")
        ran = subprocess.run([self.program, "push", name], env=self._environ, stdout=sys.stderr)
        pushed = (self.image(name) or {}).get("RepoDigests") or ()
        digest = next((each for each in pushed if each.startswith(f"{repository}@")), "")
        if ran.returncode or not digest:
            raise ImageNotPushed(image=name, program=self.program, status=ran.returncode)
        return digest

    def _is_without_tls(self, registry: str) -> bool:
        """Return whether Docker's engine pushes to a registry without TLS.

        The client creates the index, and does not know the engine's settings.
        """
        if _LOCAL.fullmatch(registry):
            return True
        asked = self._run("info", "--format", "{{json .RegistryConfig.IndexConfigs}}").stdout.strip()
        return bool(asked) and not json.loads(asked).get(registry, {}).get("Secure", True)

    def _publish(self, name: str, *arguments: str) -> None:
        ran = subprocess.run([self.program, *arguments], env=self._environ, stdout=sys.stderr)
        if ran.returncode:
            command = " ".join([self.program, *arguments])
            raise IndexNotPushed(name=name, command=command, program=self.program, status=ran.returncode)

    def _label(self, name: str) -> None:
        """Add the labels that assemble left for s2i to the image."""
        image = self.find(name)
        content = None
        if image is not None:
            with image.files() as files:
                content = files.content(dockerfile.METADATA, _MAX_METADATA)
        labels = json.loads(content)["labels"] if content else []
        options = [
            option for pairs in labels for label, value in pairs.items() for option in ("--label", f"{label}={value}")
        ]
        text = f"FROM {name}\n"
        arguments = [self.program, "build", *self._platform, "--quiet", *options, "--tag", name, "-"]
        labelled = subprocess.run(arguments, input=text, text=True, env=self._environ, stdout=subprocess.DEVNULL)
        if labelled.returncode:
            raise ImageNotBuilt(image=name, program=self.program, status=labelled.returncode)

    def _build(self, name: str, arguments: Sequence[str], *, quiet: bool = False) -> None:
        stdout = subprocess.DEVNULL if quiet else sys.stderr
        ran = subprocess.run([self.program, "build", *self._platform, *arguments], env=self._environ, stdout=stdout)
        if ran.returncode:
            raise ImageNotBuilt(image=name, program=self.program, status=ran.returncode)

    @contextlib.contextmanager
    def _started(self, *arguments: str, **streams: IO[bytes] | int) -> Iterator[subprocess.Popen[bytes]]:
        """Yield the running engine process, which is stopped at the end of the block."""
        process = subprocess.Popen([self.program, *arguments], env=self._environ, **streams)  # type: ignore[call-overload]
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

    def _run(self, *arguments: str) -> subprocess.CompletedProcess:
        return programs.run([self.program, *arguments], env=self._environ)


def _blocks(stream: IO[bytes] | None) -> Iterator[bytes]:
    assert stream is not None
    while block := stream.read(_AT_ONCE):
        yield block


def find(environ: Mapping[str, str], command: str) -> str:
    """Return the engine's program for the command of that name; raise EngineMissing."""
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
    """Return the CA bundle that this machine's programs use, "" for the system's own."""
    return environ.get("SSL_CERT_FILE", "")


def python_versions_in(text: str) -> list[str]:
    """Parse a list of versions such as "3.6 3.12"; raise ValueError for a version that notebooks can't use."""
    minors = text.replace(",", " ").split()
    known = python_versions.MINORS
    if unknown := [minor for minor in minors if minor not in known]:
        raise ValueError(f"{unknown[0]} is not a version from {known[0]} to {known[-1]}")
    return minors


def require_name(name: str) -> None:
    """Raise ImageNameInvalid if the image name is invalid."""
    if not _NAME.fullmatch(name):
        raise ImageNameInvalid(name=name)


def name_of(target: str) -> str:
    """Return an image name for a target (a folder, notebook or URL), derived from the repository's name."""
    path = target.partition("#")[0].rstrip("/")
    last = path.rpartition("/")[2].rpartition(":")[2] if "://" in path or path.endswith(".git") else ""
    if not last:
        here = Path(target).expanduser().resolve()
        last = here.name if here.is_dir() or not here.suffix else here.parent.name
    return re.sub(r"[^a-z0-9]+", "-", last.removesuffix(".git").lower()).strip("-") or "my-service"


def service_of(image: str) -> str:
    """Return a service's name for an image: the last part of its name, without tag and digest."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def require_reference(image: str) -> None:
    """Raise ImageNameInvalid if an image's name, with or without a digest, is invalid."""
    name, _, digest = image.partition("@")
    if not _NAME.fullmatch(name) or not re.fullmatch(r"(?:sha256:[0-9a-f]{64})?", digest):
        raise ImageNameInvalid(name=image)


def s2i(environ: Mapping[str, str]) -> str | None:
    """Return the path of s2i, or None if it is not on PATH."""
    return shutil.which("s2i", path=environ.get("PATH"))


def run_s2i(program: str, arguments: Sequence[str], environ: Mapping[str, str], image: str) -> None:
    """Run s2i with its output on stderr; raise ImageNotBuilt."""
    ran = subprocess.run([program, "build", *arguments], env=dict(environ), stdout=sys.stderr)
    if ran.returncode:
        raise ImageNotBuilt(image=image, program="s2i", status=ran.returncode)


def _version(root: Path) -> str:
    """Return the commit of a clone, otherwise the wheel's version."""
    commit = git.facts(root, "rev-parse", "--short", "HEAD", top=root) if (root / ".git").exists() else None
    return commit or version()


def _lay_bundle(target: Path, source: str) -> None:
    """Make `target` a copy of the file `source`, or remove it if there is no source; don't touch an identical copy."""
    if not source:
        target.unlink(missing_ok=True)
        return
    try:
        content = Path(source).read_bytes()
    except OSError as error:
        raise BundleUnreadable(path=source, reason=error.strerror or error) from error
    if not target.is_file() or target.read_bytes() != content:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Other builds may run at the same time.
        part = target.with_suffix(f".{os.getpid()}")
        part.write_bytes(content)
        part.replace(target)
