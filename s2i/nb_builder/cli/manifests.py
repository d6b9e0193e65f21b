"""`nb-builder export-manifests`: the files of docs/deploy, adapted to the image and name of the user's service."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from nb_builder.cli.installation import Installation
from nb_builder.cli.problems import ManifestsUnwritten, ServiceNameInvalid

# Kubernetes limits names to 63 characters, and the files append suffixes.
_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?")
_OURS = "my-service"
# A rule: how a line names the image, and its replacement for another image.
Rule = tuple[str, str]


def _kustomized(image: str) -> list[Rule]:
    name, tag, digest = _parts(image)
    by = f"digest: {digest}" if digest else f'newTag: "{tag}"'
    return [("newName: registry.example.com/my-service", f"newName: {name}"), ("newTag: latest", by)]


def _tekton_builder(image: str) -> list[Rule]:
    # The Tasks join both by a colon.
    name, tag, digest = _parts(image)
    if digest:
        algorithm, _, tag = digest.partition(":")
        name = f"{name}@{algorithm}"
    names = ("default: registry.example.com/nb-builder,", f"default: {name},")
    return [names, ('default: "latest",', f'default: "{tag}",')]


# {platform: (files below docs/deploy, rules for the image)}
PLATFORMS: dict[str, tuple[tuple[str, ...], Callable[[str], list[Rule]]]] = {
    "kubernetes": (("kubernetes",), _kustomized),
    "openshift": (("openshift/service.yaml",), lambda image: [("registry.example.com/nb-builder:latest", image)]),
    "shipwright": (("shipwright",), lambda image: [("registry.example.com/nb-builder:latest", image)]),
    "tekton": (("tekton",), _tekton_builder),
    "kserve": (("kserve.yaml",), lambda image: [("registry.example.com/my-service:latest", image)]),
    "swarm": (("swarm",), lambda image: [("${SERVICE:-registry.example.com/my-service:1}", image)]),
    "compose": (("compose", "prometheus"), lambda image: [("${SERVICE:-my-service}", image)]),
    "podman": (("podman",), lambda image: [("registry.example.com/my-service:stable", image)]),
}
# What --image means: the builder image for platforms that build the service themselves.
DEFAULT_IMAGES = {
    "kubernetes": "registry.example.com/my-service:latest",
    "openshift": "registry.example.com/nb-builder:latest",
    "shipwright": "registry.example.com/nb-builder:latest",
    "tekton": "registry.example.com/nb-builder:latest",
    "kserve": "registry.example.com/my-service:latest",
    "swarm": "registry.example.com/my-service:1",
    "compose": "my-service",
    "podman": "registry.example.com/my-service:stable",
}
_GIT = "https://git.example.com/my-notebook.git"


def write(installation: Installation, platform: str, folder: Path, image: str, name: str, git: str = "") -> list[Path]:
    """Write the files for `platform` to the new `folder`, and return their paths.

    Raises ServiceNameInvalid or ManifestsUnwritten.
    """
    require_name(name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ManifestsUnwritten(folder=folder, reason="it exists already")
    sources, rules_for = PLATFORMS[platform]
    rules = [*rules_for(image or DEFAULT_IMAGES[platform]), *([(_GIT, git)] if git else [])]
    deploy = installation.root / "docs" / "deploy"
    try:
        return sorted(
            _copy(path, folder / _renamed(path, deploy, sources, name), rules, name)
            for source in sources
            for path in _files(deploy / source)
        )
    except OSError as error:
        raise ManifestsUnwritten(folder=folder, reason=error.strerror or error) from error


def require_name(name: str) -> None:
    """Raise ServiceNameInvalid if orchestrators don't accept a name."""
    if not _NAME.fullmatch(name):
        raise ServiceNameInvalid(name=name)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [file for file in path.rglob("*") if file.is_file() and file.name != "README.md"]


def _renamed(path: Path, deploy: Path, sources: tuple[str, ...], name: str) -> Path:
    """Return a file's destination: inside the platform's folder, or next to it if there are several folders."""
    relative = path.relative_to(deploy)
    inside = Path(*relative.parts[1:]) if len(sources) == 1 and len(relative.parts) > 1 else relative
    return inside.with_name(inside.name.replace(_OURS, name))


def _copy(path: Path, target: Path, rules: list[Rule], name: str) -> Path:
    content = path.read_text(encoding="utf-8")
    # Text inserted by rules may contain the original name, which must not change.
    marks = {f"\0{index}\0": after for index, (_, after) in enumerate(rules)}
    for (before, _), mark in zip(rules, marks, strict=True):
        content = content.replace(before, mark)
    content = content.replace(_OURS, name)
    for mark, after in marks.items():
        content = content.replace(mark, after)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content, encoding="utf-8")
    shutil.copymode(path, target)
    return target


def _parts(image: str) -> tuple[str, str, str]:
    """Split an image into name, tag and digest, as Kustomize expects them."""
    rest, _, digest = image.partition("@")
    slash, colon = rest.rfind("/"), rest.rfind(":")
    if colon > slash:
        return rest[:colon], rest[colon + 1 :], digest
    return rest, "latest", digest
