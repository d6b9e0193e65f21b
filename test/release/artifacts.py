"""Makes what a version's users download, and verifies that two builds of it are equal."""

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from nb_builder.slim.attest import sbom

from release import builder_image
from release.builder_image import NotReproducible

HOME = Path(os.environ.get("NB_BUILDER_HOME", Path(__file__).parents[2] / ".nb-builder"))
UV = HOME / "build" / "bin" / "uv"
SUMS = "SHA256SUMS"
# The commit, as it was unpacked for a build.
TREE = "nb-builder"


def write(root: Path, version: str, folder: Path, key: Path | None, image: str | None = None) -> list[Path]:
    """Write wheel, bill, digests and, with a `key`, their signature to `folder`; return their paths.

    With the name of an `image` the builder image is made by that name, and the list of its files is written, too.
    Wheel and image are built twice, from the commit instead of the files in `root`. Raise NotReproducible
    where the two differ, CalledProcessError where a program fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    date = int(_run("git", "-C", root, "log", "-1", "--format=%ct"))
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        # Of another day, another time zone and another umask, as on another machine.
        one, two = _wheel(root, Path(first), date), _wheel(root, Path(second), date, TZ="Asia/Tokyo", umask=0o077)
        if (one.name, one.read_bytes()) != (two.name, two.read_bytes()):
            raise NotReproducible(
                f"two builds of {one.name} differ: {_digest(one)}, {_digest(two)}\n"
                "  Why: something of the machine, the time or the folder is in the wheel\n"
                "  Fix: compare the two by diffoscope, and have the build take it from the commit"
            )
        wheel = folder / one.name
        wheel.write_bytes(one.read_bytes())
        bill = folder / f"nb_builder-{version}.cdx.json"
        bill.write_text(_bill(wheel, version, date, Path(first)), encoding="utf-8")
        made = [wheel, bill]
        if image:
            listed = folder / f"nb-builder-{version}.image-files"
            listed.write_text(builder_image.made_twice(image, version, date, *_trees(first, second)), encoding="utf-8")
            made.append(listed)
    sums = folder / SUMS
    sums.write_text("".join(f"{_digest(path)}  {path.name}\n" for path in made), encoding="utf-8")
    return [*made, sums, *([_sign(sums, key)] if key else [])]


def _trees(*scratches: str) -> list[Path]:
    return [Path(scratch) / TREE for scratch in scratches]


def _wheel(root: Path, scratch: Path, date: int, umask: int = 0o022, **env: str) -> Path:
    """Return the wheel of the commit, built in `scratch`."""
    tree, out = scratch / TREE, scratch / "dist"
    tree.mkdir()
    archive = scratch / "commit.tar"
    _run("git", "-C", root, "archive", "--output", archive, "HEAD")
    _run("tar", "--extract", "--file", archive, "--directory", tree, umask=umask)
    _run(UV, "build", "--quiet", "--wheel", "--out-dir", out, tree, umask=umask, SOURCE_DATE_EPOCH=str(date), **env)
    (wheel,) = out.glob("*.whl")
    return wheel


def _bill(wheel: Path, version: str, date: int, scratch: Path) -> str:
    """Return the bill of the packages that the first command of this wheel installs, with their versions."""
    command, home = scratch / "command", scratch / "home"
    _run(UV, "venv", "--quiet", command)
    _run(UV, "pip", "install", "--quiet", "--no-index", "--python", command, wheel)
    _run(
        command / "bin" / "nb-builder",
        "check",
        scratch / TREE / "docs" / "examples" / "kmeans",
        NB_BUILDER_HOME=str(home),
    )
    folders = sorted([*home.glob("*/lib/python*/site-packages"), *home.glob("overlay/*")])
    components = sorted(sbom.python(folders), key=lambda component: component["bom-ref"])
    purl = f"pkg:pypi/nb-builder@{version}"
    ours = {"type": "application", "bom-ref": purl, "name": "nb-builder", "version": version, "purl": purl}
    return sbom.text([each for each in components if each["purl"].startswith("pkg:pypi/")], ours, date)


def _sign(sums: Path, key: Path) -> Path:
    """Sign the digests; `openssl dgst -sha256 -verify PUBLIC_KEY -signature SHA256SUMS.sig SHA256SUMS` verifies it."""
    signature = sums.with_name(f"{SUMS}.sig")
    _run("openssl", "dgst", "-sha256", "-sign", key, "-out", signature, sums)
    return signature


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _run(*words: str | Path, umask: int = -1, **env: str) -> str:
    """Return what a program prints; raise CalledProcessError where it fails."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(words, check=True, capture_output=True, text=True, umask=umask, env={**environ, **env})
    return done.stdout.strip()
