"""Adds a shell with its tools, for inspecting a running container."""

import os

from nb_builder.common import dpkg
from nb_builder.problems.slim_images import SlimShellMissing
from nb_builder.slim.tree import Tree

PACKAGES = (
    "base-files",
    "bash",
    "coreutils",
    "dash",
    "diffutils",
    "findutils",
    "grep",
    "gzip",
    "hostname",
    "libc-bin",
    "sed",
    "tar",
    "util-linux",
)
_PROGRAMS = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/etc/alternatives/")


def lay(tree: Tree) -> None:
    """Copy the programs of the shell's packages; raise SlimShellMissing if a package is not installed."""
    for package in PACKAGES:
        files = dpkg.lists().get(package)
        if not files:
            raise SlimShellMissing(lacking=package)
        for path in files:
            # dpkg's lists also name folders, and files that have since been removed from the image.
            if path.startswith(_PROGRAMS) and os.path.isfile(path):
                tree.carry(path)
