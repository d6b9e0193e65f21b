"""Commands in cells that change the machine: outside of an image, where that is somebody's own, they are announced."""

import ast
import re
from collections.abc import Iterable, Iterator

from nb_builder.common import syntax_trees
from nb_builder.common.cell import Cell
from nb_builder.common.log import Log

# What installs for the whole machine. `pip` and `python -m pip` are the notebook's own in a build; not so a pip that
# is named by its path, told to break the system's packages, or run as another user.
_CHANGERS = re.compile(
    r"""(?:^|[;&|(])\s*
    (?P<command>
      (?:sudo\s+(?:-\S+\s+)*|DEBIAN_FRONTEND=\S+\s+)*
      (?:apt-get|apt|aptitude|dpkg|yum|dnf|microdnf|apk|pacman|zypper|brew|snap|conda|mamba|micromamba)\b[^;&|\n]*
      | sudo\s+[^;&|\n]*
      | /\S*/pip[\d.]*\s+install[^;&|\n]*
      | \S*pip[\d.]*\s+install\b[^;&|\n]*--break-system-packages[^;&|\n]*
    )""",
    re.VERBOSE | re.MULTILINE,
)
_SHELLS = ("bash", "sh", "script")


def announce(cells: Iterable[Cell], notebook: str, log: Log) -> None:
    """Note each of `cells` that has a command which changes this machine, before any of them has run."""
    for cell in cells:
        matches = (_CHANGERS.search(command) for command in _commands(cell.source))
        first = next((match["command"].strip() for match in matches if match), "")
        if first:
            log.note(
                f"{cell.where(notebook)} runs '{first}', and this is no image: it may change this machine for good. "
                "Packages of the system belong into apt.txt. Ctrl-C stops the build."
            )


def _commands(source: str) -> Iterator[str]:
    """Yield what a cell, as plain Python, hands to a shell."""
    # What can't be read is told elsewhere; such a cell does not run.
    for node in ast.walk(syntax_trees.tree(source) or ast.Module([], [])):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        words = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        if node.func.attr in ("system", "getoutput") and words:
            yield words[0]
        elif node.func.attr == "run_cell_magic" and len(words) == 3 and words[0] in _SHELLS:
            yield words[2]
        elif node.func.attr == "run_line_magic" and len(words) == 2 and words[0] in ("sx", "system", "conda", "mamba"):
            yield words[1] if words[0] in ("sx", "system") else " ".join(words)
