"""Reports cells with commands that change the machine, if a build runs on a user's own machine."""

import ast
import re
from collections.abc import Iterable, Iterator

from nb_builder.common import syntax_trees
from nb_builder.common.cell import Cell
from nb_builder.common.log import Log

# Commands that install for the whole machine. In a build, `pip` and `python -m pip` are those of the notebook's
# environment, unless pip is called by its path, with --break-system-packages, or as another user.
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
    """Log a note for each of `cells` with a command that changes this machine, before any cell has run."""
    for cell in cells:
        matches = (_CHANGERS.search(command) for command in _commands(cell.source))
        first = next((match["command"].strip() for match in matches if match), "")
        if first:
            log.note(
                f"{cell.where(notebook)} runs '{first}', and this build runs on your machine, which the command "
                "may change permanently. List system packages in apt.txt instead. Ctrl-C stops the build."
            )


def _commands(source: str) -> Iterator[str]:
    """Yield the commands that a cell, as plain Python, runs in a shell."""
    # A cell that can't be parsed doesn't run, and notebook_contract reports it.
    for node in ast.walk(syntax_trees.tree(source) or ast.Module([], [])):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        arguments = [
            argument.value
            for argument in node.args
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
        ]
        if node.func.attr in ("system", "getoutput") and arguments:
            yield arguments[0]
        elif node.func.attr == "run_cell_magic" and len(arguments) == 3 and arguments[0] in _SHELLS:
            yield arguments[2]
        elif (
            node.func.attr == "run_line_magic"
            and len(arguments) == 2
            and arguments[0] in ("sx", "system", "conda", "mamba")
        ):
            yield arguments[1] if arguments[0] in ("sx", "system") else " ".join(arguments)
