"""The licences of what comes from Debian; those of Python distributions are in their metadata, which stay."""

import os

from nb_builder.slim import debian
from nb_builder.slim.tree import Tree

COMMON = "/usr/share/common-licenses"
STATUS = "/var/lib/dpkg/status.d"


def lay(tree: Tree) -> None:
    """Lay the copyright file of each package that owns a file of the tree, and what scanners read of it."""
    known = debian.packages()
    names = set(debian.owners(path for path in tree.files() if os.path.lexists(path)).values()) & set(known)
    for name in sorted(names):
        notice = f"/usr/share/doc/{name}/copyright"
        if os.path.exists(notice):
            tree.carry(notice)
        tree.write(f"{STATUS}/{name}", known[name].paragraph.strip() + "\n")
    if names and os.path.isdir(COMMON):
        tree.carry_all(COMMON)
