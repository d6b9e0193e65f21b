"""The tools that come with a shell, for those who want to look around in a running container."""

import os

from nb_builder.common import dpkg
from nb_builder.slim.problems import SlimShellMissing
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
    """Lay the programs of the shell's packages; raise SlimShellMissing where one is not there."""
    for package in PACKAGES:
        files = dpkg.lists().get(package)
        if not files:
            raise SlimShellMissing(lacking=package)
        for path in files:
            # Lists name folders too; what was removed from the image on the way stays away.
            if path.startswith(_PROGRAMS) and os.path.isfile(path):
                tree.carry(path)
