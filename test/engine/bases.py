"""Base images: found, pulled, or made with debootstrap as Debian's slim images are made."""

import subprocess
import tempfile
from pathlib import Path

from nb_builder.native import image_archive

from engine import provide

# The default base of builder images, and the older one that users may still have.
MAIN, OLDER = "trixie", "bookworm"
# {Debian's name of an architecture: the kernel's}
MACHINES = {"arm64": "aarch64"}
ARCHIVE = "http://deb.debian.org/debian"
SCRIPTS = Path("/usr/share/debootstrap/scripts")
# What Debian's slim images leave out, and what apt leaves behind.
NOT_IN_SLIM = (
    "usr/share/man/*", "usr/share/info/*", "usr/share/locale/*", "usr/share/lintian/*",
    "var/lib/apt/lists/*", "var/cache/apt/*", "var/cache/debconf/*-old", "var/log/*.log", "var/log/apt/*",
)  # fmt: skip


def base(suite: str, architecture: str = "") -> str:
    """Return the name of `suite`'s slim image, which then is in the engine; raise Missing if it can't be.

    `architecture` is another one than the machine's, such as arm64, whose programs the machine must be able to run.
    """
    # Docker Hub has images of one architecture, too.
    name = f"arm64v8/debian:{suite}-slim" if architecture == "arm64" else f"debian:{suite}-slim"
    if _quiet("docker", "image", "inspect", name) or _quiet("docker", "pull", name):
        return name
    tarball = provide.KEPT / f"{name.replace(':', '-').replace('/', '-')}.tar"
    if not tarball.exists():
        _make(suite, tarball, [f"--arch={architecture}"] if architecture else [])
    provide.call("docker", "import", "-c", 'CMD ["bash"]', str(tarball), name)
    if architecture:
        relabel(name, MACHINES[architecture])
    return name


def relabel(name: str, machine: str) -> None:
    """Change the architecture in an image's configuration to that of `machine`: `docker import` writes its own."""
    with tempfile.TemporaryDirectory() as folder:
        saved, made = Path(folder) / "saved.tar", Path(folder) / "made.tar"
        provide.call("docker", "save", "--output", str(saved), name)
        with saved.open("rb") as source, made.open("wb") as target:
            image_archive.relabel(source, target, machine)
        provide.call("docker", "load", "--input", str(made))


def _make(suite: str, tarball: Path, options: list[str]) -> None:
    provide.program("debootstrap", "debootstrap")
    provide.say(f"making the base image of {suite} with debootstrap")
    tarball.parent.mkdir(parents=True, exist_ok=True)
    # Not under /tmp, which may be mounted without device files.
    with tempfile.TemporaryDirectory(dir=tarball.parent) as folder:
        root = Path(folder) / "root"
        # An older debootstrap does not know the newest suites, which all have the same script.
        script = () if (SCRIPTS / suite).exists() else (str(SCRIPTS / "sid"),)
        # In mounts of its own: it mounts /proc, and on a busy machine fails to unmount it.
        command = (
            "unshare",
            "--mount",
            "debootstrap",
            "--variant=minbase",
            *options,
            suite,
            str(root),
            ARCHIVE,
            *script,
        )
        provide.call(*command)
        # A snapshot of Debian's testing distribution expires within days.
        (root / "etc/apt/apt.conf.d/90valid").write_text('Acquire::Check-Valid-Until "false";\n')
        # Licences stay, as in Debian's own.
        provide.call("find", f"{root}/usr/share/doc", "-type", "f", "!", "-name", "copyright", "-delete")
        left_out = [option for pattern in NOT_IN_SLIM for option in ("--exclude", f"./{pattern}")]
        half = Path(folder) / "half.tar"
        provide.call("tar", "-C", str(root), *left_out, "-cf", str(half), ".")
        half.rename(tarball)


def _quiet(*command: str) -> bool:
    return subprocess.run(command, capture_output=True).returncode == 0
