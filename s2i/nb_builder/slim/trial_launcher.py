"""A shell at the side of a slim image while that is asked, so that also a Python that does not start is told of.

It has its own loader and libraries in its own folder, and so runs whatever the image lacks.
"""

import json
import os
import shutil
from pathlib import Path

from nb_builder.slim.elf import headers
from nb_builder.slim.plan.minimise import gist
from nb_builder.slim.tree import Tree

SHELL = "/bin/sh"
# In the folder SAID, which the next stage gets, beside the launcher.
SAID, VERDICT, LAST_WORDS = "said", "verdict.json", "last-words.txt"
# The first line of LAST_WORDS is the exit status.
_ASK = """\
folder="${{0%/*}}/{said}"
said="$({python} -I -u -m nb_service selftest --verdict "$folder/{verdict}" 2>&1)"
status=$?
printf '%s\\n' "$said"
[ -s "$folder/{verdict}" ] || printf '%s\\n' "$status" "$said" >"$folder/{words}"
"""


def lay(tree: Tree, python: str | os.PathLike[str]) -> None:
    """Lay the launcher that asks the service of `python`, into a tree that becomes /slim-launcher."""
    shell = os.path.realpath(SHELL)
    loader = headers.interpreter(shell)
    found, _ = headers.libraries(loader, [shell])
    for path, name in {**{path: os.path.basename(path) for path in found}, loader: "loader", shell: "sh"}.items():
        shutil.copyfile(path, tree.at(name))
        tree.at(name).chmod(0o755)
    tree.write("ask", _ASK.format(python=python, said=SAID, verdict=VERDICT, words=LAST_WORDS))
    # The final user writes there.
    tree.folder(SAID, 0o1777)


def said(folder: Path) -> dict:
    """Return the verdict in what was SAID; one of an image that could not even be asked has its last words."""
    if (folder / VERDICT).exists():
        return json.loads((folder / VERDICT).read_text(encoding="utf-8"))
    # Neither is there where the disk was full.
    told = (folder / LAST_WORDS).read_bytes().decode(errors="replace") if (folder / LAST_WORDS).exists() else "unknown"
    status, _, words = told.partition("\n")
    lack = f"the service can't be asked: its Python ended with status {status} ({gist(words) or 'it said nothing'})"
    return {"same": False, "rows": 0, "deterministic": True, "differences": [lack], "answers": [], "stderr": words}
