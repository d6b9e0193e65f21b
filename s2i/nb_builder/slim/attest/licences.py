"""The licences of Debian packages; those of Python distributions are in their metadata, which stays in the image."""

import os
import re
from pathlib import Path

from nb_builder.common import dpkg
from nb_builder.slim.tree import Tree

COMMON = "/usr/share/common-licenses"
# A notice refers to a common licence by its path, which a full stop may follow.
_COMMON_LICENCE = re.compile(re.escape(COMMON) + r"/([A-Za-z0-9.-]*[A-Za-z0-9])")
STATUS = "/var/lib/dpkg/status.d"


def lay(tree: Tree) -> list[str]:
    """Copy the notice of each package that owns a file of the tree, and its entry for scanners in status.d.

    Returns the names of the packages whose notice the service image lacks: some base images remove them.
    """
    known, notices, without_notice = dpkg.packages(), [], []
    names = set(dpkg.owners(path for path in tree.files() if os.path.lexists(path)).values()) & set(known)
    for name in sorted(names):
        notice = f"/usr/share/doc/{name}/copyright"
        if os.path.exists(notice):
            tree.carry(notice)
            notices.append(Path(notice).read_text(encoding="utf-8", errors="replace"))
        else:
            without_notice.append(name)
        tree.write(f"{STATUS}/{name}", known[name].paragraph.strip() + "\n")
    for licence in sorted({name for notice in notices for name in _COMMON_LICENCE.findall(notice)}):
        if os.path.exists(f"{COMMON}/{licence}"):
            tree.carry(f"{COMMON}/{licence}")
    return without_notice
