"""The licences of what comes from Debian; those of Python distributions are in their metadata, which stay."""

import os
import re
from pathlib import Path

from nb_builder.common import dpkg
from nb_builder.slim.tree import Tree

COMMON = "/usr/share/common-licenses"
# A notice points at a common licence by its path, which may end a sentence.
_NAMED = re.compile(re.escape(COMMON) + r"/([A-Za-z0-9.-]*[A-Za-z0-9])")
STATUS = "/var/lib/dpkg/status.d"


def lay(tree: Tree) -> list[str]:
    """Lay the notice of each package that owns a file of the tree, and what scanners read of it.

    Returns the packages of which this image has no notice: some base images leave them out.
    """
    known, notices, lacking = dpkg.packages(), [], []
    names = set(dpkg.owners(path for path in tree.files() if os.path.lexists(path)).values()) & set(known)
    for name in sorted(names):
        notice = f"/usr/share/doc/{name}/copyright"
        if os.path.exists(notice):
            tree.carry(notice)
            notices.append(Path(notice).read_text(encoding="utf-8", errors="replace"))
        else:
            lacking.append(name)
        tree.write(f"{STATUS}/{name}", known[name].paragraph.strip() + "\n")
    for licence in sorted({name for notice in notices for name in _NAMED.findall(notice)}):
        if os.path.exists(f"{COMMON}/{licence}"):
            tree.carry(f"{COMMON}/{licence}")
    return lacking
