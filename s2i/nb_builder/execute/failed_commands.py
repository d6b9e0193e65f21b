"""Explains a cell's error if a failed `!command`, such as wget, should have created the file that the cell reads."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nb_builder.analysis import downloads
from nb_builder.common.cell import Cell
from nb_builder.install import system_libraries
from nb_builder.problems.build_problem import BuildProblem
from nb_builder.problems.cells import CellFailed
from nb_builder.problems.surroundings import FileMissing, NetworkUnreachable

_WIDTH = 200
# A shell's exit status for a command that it can't find.
_NOT_FOUND = 127
# {program: its exit statuses if it can't reach the host}: names not resolved, connections not made, timeouts.
_UNREACHED = {"wget": {4}, "curl": {5, 6, 7, 28}}
# Programs that create no file, so their failure isn't the cause of a missing one.
_READERS = {"cat", "du", "file", "grep", "head", "less", "ls", "more", "rm", "stat", "tail", "wc"}


@dataclass(frozen=True)
class Failed:
    """A failed command: its cell, the command and its exit status, which is negative for a signal."""

    cell: Cell
    command: str
    status: int

    def __str__(self) -> str:
        return f"'!{brief(self.command)}' {ending(self.status)}{missing_program(self.command, self.status)}"

    @property
    def download(self) -> downloads.Command | None:
        """Return the download that the command is, or None."""
        return downloads.of_command(self.command)

    @property
    def host(self) -> str:
        """Return the host that the command could not reach, or ""."""
        download = self.download
        return download.host if download and self.status in _UNREACHED[download.program] else ""

    def creates(self, name: str) -> bool:
        """Return whether the command was meant to create a file of that name."""
        download = self.download
        if download:
            return download.file == name
        is_named = re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", self.command)
        return bool(is_named) and self.command.split()[0] not in _READERS


def explain(
    problem: BuildProblem, fault: Cell, failed: Sequence[Failed], *, notebook: str, folder: Path
) -> BuildProblem:
    """Return the problem of the command that caused `problem` in the cell `fault`, else `problem` itself.

    `folder` is the notebook's.
    """
    if isinstance(problem, FileMissing):
        return _of_missing(problem, failed, notebook)
    if isinstance(problem, CellFailed):
        for each in failed:
            if each.download and _is_empty(each.download.file, fault, folder):
                return _unreachable(each, notebook) or CellFailed(
                    **problem.context,
                    error=problem.facts["error"],
                    again=f": the file that the cell reads is empty, because {each} in cell [{each.cell.number}]",
                )
    return problem


def _of_missing(problem: FileMissing, failed: Sequence[Failed], notebook: str) -> BuildProblem:
    name = Path(str(problem.facts["path"])).name
    for each in failed:
        if each.creates(name):
            instead = f"Correct cell [{each.cell.number}], where {each}, or commit the file"
            return _unreachable(each, notebook) or _with_advice(problem, instead)
    # The file may come from an archive.
    unreached = next((each for each in failed if each.host), None)
    if unreached is None:
        return problem
    cell = f"cell [{unreached.cell.number}] should have created it ({unreached})"
    return _with_advice(problem, f"Commit the file, or give the build access to {unreached.host} if {cell}")


def _with_advice(problem: FileMissing, instead: str) -> FileMissing:
    path, error = problem.facts["path"], problem.facts["error"]
    return FileMissing(**problem.context, path=path, error=error, instead=instead)


def _unreachable(failed: Failed, notebook: str) -> NetworkUnreachable | None:
    if not failed.host:
        return None
    return NetworkUnreachable(cell=failed.cell, notebook=notebook, error=str(failed), address=failed.host)


def _is_empty(name: str, cell: Cell, folder: Path) -> bool:
    """Return whether a cell names a file in a string, and the file is empty: wget leaves such a file if it fails."""
    path = re.search(rf"['\"]((?:[^'\"\n]*/)?{re.escape(name)})['\"]", cell.source) if name else None
    file = folder / path[1] if path else None
    return bool(file and file.is_file() and not file.stat().st_size)


def ending(status: int) -> str:
    """Return a phrase for a command's exit status from IPython, which is negative for a signal."""
    return f"exited with status {status}" if status > 0 else f"was killed by signal {-status}"


def missing_program(command: str, status: int) -> str:
    """Return a hint to the system package of a program that the shell did not find, else ""."""
    program = next(iter(command.split()), "")
    if status != _NOT_FOUND or program not in system_libraries.PROGRAMS:
        return ""
    return f", as '{program}' is not installed; add {system_libraries.PROGRAMS[program]} to apt.txt"


def brief(command: str) -> str:
    """Return the first line of a command, cut to 200 characters."""
    first = command.strip().splitlines()[0] if command.strip() else ""
    return first if first == command.strip() and len(first) <= _WIDTH else first[:_WIDTH] + " …"
