"""Builds the slim and the native image of a service image, without trusting the programs in it.

Only files are taken from their output: this machine's program writes image names, labels and archives.
"""

import contextlib
import hashlib
import json
import os
import re
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from nb_builder.cli import signed_images
from nb_builder.cli.calls import Call
from nb_builder.cli.engine import Engine
from nb_builder.common.log import Log
from nb_builder.images import conditions
from nb_builder.images.engine import ISOLATED, Image
from nb_builder.images.problems import ImageUnfit
from nb_builder.native import image_archive
from nb_builder.problems.native_images import NativePlatformUnknown
from nb_builder.problems.slim_images import SlimWrites

_WHY_SLIM = "A slim image is derived from a service image that 'nb-builder build' or 's2i build' built."
_WHY_NATIVE = "A native image is derived from a service image that 'nb-builder build' or 's2i build' built."
_OF_SLIM = ("S2I_SLIM", "S2I_KEEP", "S2I_SLIM_BASE")
# The labels that a slim image copies from its service image: all about the model or the commit.
_KEPT_LABELS = ("io.nb-builder.", "io.openshift.build.", "io.k8s.", "org.opencontainers.")
_BILL = "/usr/share/nb-builder/sbom.cdx.json"
_MAX_BILL = 64 << 20
# A native program contains the model's parameters in addition to code.
_MAX_PROGRAM = 1 << 30
_MAX_FACTS = 1 << 20
_RUN = "io.nb-builder.native.run"
_COMPILER = "debian:trixie-slim"
_PLATFORMS = {"linux/amd64": "x86_64", "linux/arm64": "aarch64", "linux/arm64/v8": "aarch64"}
# The engine may still be running an interrupted step.
_PAUSES = (0.5, 1, 2, 4)


def slim(call: Call, docker: Engine, name: str, target: str) -> int:
    """Build the slim image `target` of the service image `name`; return the exit status.

    Raises ImageMissing, SlimWrites, ImageNotBuilt, and the problems of nb_builder.images.
    """
    image = docker.require(name, _WHY_SLIM)
    if status := _verify(call, image):
        return status
    run = f"{os.getpid()}-{secrets.token_hex(4)}"
    base, candidate = f"nb-builder-slim-base:{run}", f"nb-builder-slim-candidate:{run}"
    given = {"SERVICE": base, **{each: call.environ[each] for each in _OF_SLIM if call.environ.get(each)}}
    options = [option for each, value in given.items() for option in ("--build-arg", f"{each}={value}")]
    for label, value in image.labels.items():
        options += ["--label", f"{label}={value}"] if label.startswith(_KEPT_LABELS) else []
    log = Log(sys.stderr if call.given.json else None)
    try:
        with docker.conditioned(image, base):
            status = docker.build_from(_dockerfile(call, "runtime"), options, candidate, log)
        if status:
            return status
        made = docker.require(candidate, _WHY_SLIM)
        log.step("Testing again with a read-only root file system and without a network")
        with made.container([*conditions.SERVICE, "selftest"], options=("--read-only", *ISOLATED)) as container:
            status, said = docker.run_container(container)
        log.line(said.rstrip("\n"))
        if status:
            raise SlimWrites
        with made.files() as files:
            digest = hashlib.sha256(files.content(_BILL, _MAX_BILL) or b"").hexdigest()
        with tempfile.TemporaryDirectory(prefix="nb-context-") as context:
            docker.derive(made, [f'LABEL io.nb-builder.sbom-sha256="{digest}"'], Path(context), target)
    finally:
        docker.remove_image(candidate)
    _relabel(docker, target, image)
    log.step(
        f"{target}: {docker.require(target, _WHY_SLIM).size // 1_000_000} MB, of {name}: {image.size // 1_000_000} MB"
    )
    return 0


def native(call: Call, docker: Engine, name: str, target: str) -> int:
    """Build the native image `target` of the service image `name`, or report why not; return the exit status.

    COMPILER names an image with gcc or Debian packages; PLATFORM is the target platform, by default the service image's
    own. Raises ImageMissing, NativePlatformUnknown, and the problems of nb_builder.images.
    """
    image = docker.require(name, _WHY_NATIVE)
    platform = call.environ.get("PLATFORM") or f"linux/{image.architecture}"
    if platform not in _PLATFORMS:
        raise NativePlatformUnknown(platform=platform)
    if status := _verify(call, image):
        return status
    machine = _PLATFORMS[platform]
    # For another platform, a cross-compiler is used, and verification runs the program under qemu.
    cross = "" if machine == _PLATFORMS.get(f"linux/{image.architecture}") else machine
    run = f"{_in_tag(target)[:100]}-{secrets.token_hex(4)}-{os.getpid()}"
    base, proved, made = (f"nb-builder-native{kind}:{run}" for kind in ("-base", "-proof", ""))
    log = Log(sys.stderr if call.given.json else None)
    with _removed(docker, run, [made, proved, base]):
        compiler = call.environ.get("COMPILER") or _COMPILER
        # This stage has its own name, because installing a compiler is the slowest step.
        compilers = f"nb-builder-compiler:{_in_tag(compiler)}{f'-{cross}' if cross else ''}"
        options = ["--build-arg", f"BASE={compiler}", "--build-arg", f"MACHINE={cross}"]
        status = docker.build_from(_dockerfile(call, "native-compiler"), options, compilers, log, network=True)
        if status:
            return status
        with docker.conditioned(image, base, {_RUN: run}):
            given = {"SERVICE": base, "COMPILER": compilers, "MACHINE": cross, "RUN": run}
            options = [option for each, value in given.items() for option in ("--build-arg", f"{each}={value}")]
            status = docker.build_from(_dockerfile(call, "native"), options, proved, log)
        if status:
            return status
        # An archive written inside an image could replace any image on this engine.
        with tempfile.TemporaryDirectory(prefix="nb-native-") as scratch:
            archive = Path(scratch) / "image.tar"
            _write_native(docker.require(proved, _WHY_NATIVE), Path(scratch), archive, made, machine)
            docker.load(archive, made)
        docker.tag(made, target)
    done = docker.require(target, _WHY_NATIVE)
    log.step(f"{target}: {done.size} bytes, linux/{done.architecture}")
    return 0


def _verify(call: Call, image: Image) -> int:
    """Verify a model before its image loads it, if this machine has a key for that."""
    key = call.environ.get("S2I_VERIFY_KEY_FILE")
    return signed_images.verify(call, image, key) if key else 0


def _dockerfile(call: Call, name: str) -> str:
    return (call.installation.root / "s2i" / f"{name}.Dockerfile").read_text(encoding="utf-8")


def _in_tag(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "-", text)


def _relabel(docker: Engine, target: str, service: Image) -> None:
    """Set a slim image's platform to its service's, because 'docker build' may record its own."""
    image = docker.require(target, _WHY_SLIM)
    machine = _PLATFORMS.get(f"linux/{service.architecture}")
    if machine is None or image.architecture == service.architecture:
        return
    with tempfile.TemporaryDirectory(prefix="nb-relabel-") as scratch:
        saved, made = Path(scratch) / "saved.tar", Path(scratch) / "made.tar"
        docker.save(image, saved)
        with saved.open("rb") as source, made.open("wb") as sink:
            image_archive.relabel(source, sink, machine)
        docker.load(made, target)
    docker.remove_image(image.id)


def _write_native(proved: Image, scratch: Path, archive: Path, name: str, machine: str) -> None:
    """Write the archive of a native image from the files of the verified image; raise ImageUnfit."""
    with proved.files() as files:
        program = files.content(f"{image_archive.PROVED}/{image_archive.PROGRAM}", _MAX_PROGRAM)
        facts = files.content(f"{image_archive.PROVED}/{image_archive.FACTS}", _MAX_FACTS)
    root = scratch / "root"
    (root / image_archive.FACTS).parent.mkdir(parents=True)
    (root / image_archive.PROGRAM).write_bytes(program or b"")
    (root / image_archive.PROGRAM).chmod(0o755)
    (root / image_archive.FACTS).write_bytes(facts or b"")
    try:
        labels = image_archive.labels(json.loads(facts or b"")["proof"], len(program or b""))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ImageUnfit(image=proved.name, reason="it has no record of a verification") from error
    image_archive.write(archive, name, root, machine, f"/{image_archive.PROGRAM}", labels)


@contextlib.contextmanager
def _removed(docker: Engine, run: str, names: list[str]) -> Iterator[None]:
    """On exit, remove this run's containers, names and intermediate images."""
    try:
        yield
    finally:
        before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        docker.remove_image(*names)
        for pause in _PAUSES:
            if docker.remove_labelled(f"{_RUN}={run}"):
                break
            time.sleep(pause)
        for number, handler in before.items():
            signal.signal(number, handler)
