"""A shell next to a slim image during its selftest, which can report even a Python that doesn't start.

It has its own loader and libraries in its own folder, so it runs even if the image lacks these.
"""

import json
import os
import shutil
from pathlib import Path

from nb_builder.slim.elf import headers
from nb_builder.slim.plan.minimise import gist
from nb_builder.slim.tree import Tree

SHELL = "/bin/sh"
# OUTPUT_FOLDER is next to the launcher; the next stage of s2i/runtime.Dockerfile copies it.
OUTPUT_FOLDER, VERDICT, LAST_OUTPUT = "said", "verdict.json", "last-words.txt"
# The first line of LAST_OUTPUT is the exit status. The model was verified before it was traced; the keys for that may
# be mounted where the service runs, and are not present while an image is built.
_SCRIPT = """\
folder="${{0%/*}}/{folder}"
export S2I_VERIFY_KEY_FILE='' S2I_VERIFY_CA_FILE='' S2I_VERIFY_IDENTITY=''
output="$({python} -I -u -m nb_service selftest --verdict "$folder/{verdict}" 2>&1)"
status=$?
printf '%s\\n' "$output"
[ -s "$folder/{verdict}" ] || printf '%s\\n' "$status" "$output" >"$folder/{last_output}"
"""


def lay(tree: Tree, python: str | os.PathLike[str]) -> None:
    """Copy the launcher that runs the selftest with `python` to a tree that becomes /slim-launcher."""
    shell = os.path.realpath(SHELL)
    loader = headers.interpreter(shell)
    libraries, _ = headers.libraries(loader, [shell])
    for path, name in {**{path: os.path.basename(path) for path in libraries}, loader: "loader", shell: "sh"}.items():
        shutil.copyfile(path, tree.at(name))
        tree.at(name).chmod(0o755)
    tree.write("ask", _SCRIPT.format(python=python, folder=OUTPUT_FOLDER, verdict=VERDICT, last_output=LAST_OUTPUT))
    # The launcher writes there as the image's final user, who owns nothing in it.
    tree.folder(OUTPUT_FOLDER, 0o1777)


def read_verdict(folder: Path) -> dict:
    """Return the verdict in the launcher's output folder; without one, create one from the selftest's last output."""
    if (folder / VERDICT).exists():
        return json.loads((folder / VERDICT).read_text(encoding="utf-8"))
    # With a full disk, neither file could be written.
    last = folder / LAST_OUTPUT
    output = last.read_bytes().decode(errors="replace") if last.exists() else "unknown"
    status, _, log = output.partition("\n")
    reason = gist(log) or "it printed nothing"
    difference = f"the service does not respond: its Python exited with status {status} ({reason})"
    return {"same": False, "rows": 0, "deterministic": True, "differences": [difference], "answers": [], "stderr": log}
