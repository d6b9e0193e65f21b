"""make mutants: how many small faults in the code of a room the tests next to it find.

Usage: python test/mutants ROOM [--sample=N] [--seed=N] [TESTS…]
ROOM is a folder such as s2i/nb_builder/requirements; TESTS are further files or folders of tests. mutmut says what the
faults are; of them a sample is drawn, the same for the same seed (--sample=0: all). One mutant at a time lies in the
place of the room's file, so that kernels, scorers and all else that the tests start run it, too. The tests that have
called its function are run in namespaces of their own (Linux, root), as a mutant may remove or end what it should not.
"""

import argparse
import difflib
import functools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import libcst
import libcst.metadata
import server
from mutmut.mutation import file_mutation

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HOME = Path(os.environ["NB_BUILDER_HOME"])
# More at once than that, and tests that wait would be late.
AT_ONCE = 2
# Where a mutant waits for ever; the machine may be slow.
FIRST, TIMES_LONGER, SECONDS_LONGER = 900, 2, 20
SANDBOX = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", str(HERE / "sandbox.sh")]


@dataclass(frozen=True)
class Mutant:
    """A fault: the room's file that it is in, its line, the lines of the whole function, and what it changes."""

    file: Path
    line: int
    function: range
    module: libcst.Module
    mutation: file_mutation.Mutation

    @functools.cached_property
    def code(self) -> str:
        """The file's whole code with this fault in it."""
        return self.module.deep_replace(self.mutation.original_node, self.mutation.mutated_node).code

    def told(self, room: Path) -> str:
        """Return the lines that differ."""
        before = (room / self.file).read_text(encoding="utf-8").splitlines()
        lines = list(difflib.unified_diff(before, self.code.splitlines(), n=0, lineterm=""))[3:]
        return "\n".join([f"{self.file}:{self.line}", *(f"    {line}" for line in lines)])


def mutants_of(room: Path) -> list[Mutant]:
    """Return every mutant of the files in `room`."""
    found = []
    for path in sorted(room.rglob("*.py")):
        module, mutations, _, _ = file_mutation.create_mutations(str(path), path.read_text(encoding="utf-8"))
        wrapper = libcst.metadata.MetadataWrapper(module, unsafe_skip_copy=True)
        places = wrapper.resolve(libcst.metadata.PositionProvider)
        for mutation in mutations:
            function = mutation.contained_by_top_level_function
            # As mutmut does: what runs at import has no mutants.
            if function is not None:
                line = places[mutation.original_node].start.line
                lines = range(places[function].start.line, places[function].end.line + 1)
                found.append(Mutant(path.relative_to(room), line, lines, module, mutation))
    return found


class Desk:
    """A copy of a room, and a server that runs tests with it: where one mutant at a time is asked."""

    def __init__(self, room: Path, folder: Path, notes: Path) -> None:
        self._room, self._notes = room, notes
        self._mutated, self._tmp = folder / "room", folder / "tmp"
        shutil.copytree(room, self._mutated, ignore=shutil.ignore_patterns("__pycache__"))
        self._server: subprocess.Popen | None = None

    def survives(self, mutant: Mutant, limit: float, tests: list[str]) -> bool:
        """Return whether every one of `tests` passes with `mutant` within `limit` seconds."""
        place = self._mutated / mutant.file
        place.write_text(mutant.code, encoding="utf-8")
        try:
            return self.answer(limit, tests) == server.PASSED
        finally:
            shutil.copyfile(self._room / mutant.file, place)

    def answer(self, limit: float, tests: list[str]) -> str:
        """Run the tests with the unchanged room, and return one of the server's words."""
        if self._server is None:
            self._start()
        self._server.stdin.write(json.dumps([limit, tests]) + "\n")
        self._server.stdin.flush()
        answer = self._server.stdout.readline().strip()
        if answer not in (server.PASSED, server.FAILED):
            # Whatever hung may have left something on the disks.
            self.end()
        return answer

    def end(self) -> None:
        """End the server, and all that it has started."""
        if self._server is not None:
            self._server.kill()
            self._server.communicate()
            self._server = None

    def output(self) -> str:
        """Return what the last run of the tests has printed."""
        return (self._tmp / server.OUTPUT.name).read_text(encoding="utf-8", errors="replace")

    def keep_notes(self) -> dict:
        """Return what the first run has found out; servers that are started from now on know it."""
        shutil.copyfile(self._tmp / server.NOTES.name, self._notes)
        self.end()
        return json.loads(self._notes.read_text(encoding="utf-8"))

    def _start(self) -> None:
        shutil.rmtree(self._tmp, ignore_errors=True)
        self._tmp.mkdir(parents=True)
        self._tmp.chmod(0o1777)
        if self._notes.exists():
            shutil.copyfile(self._notes, self._tmp / server.NOTES.name)
        # Bytecode of one mutant may pass for that of the next, which is as long and as old to the second.
        environ = ["PYTHONDONTWRITEBYTECODE=1", "HYPOTHESIS_STORAGE_DIRECTORY=/tmp/hypothesis"]
        command = ["env", *environ, sys.executable, HERE / "server.py", self._room]
        command = [*SANDBOX, HOME, self._room, self._mutated, self._tmp, *command]
        self._server = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask(chosen: list[Mutant], room: Path, folders: list[str], folder: Path) -> list[Mutant]:
    """Return those of `chosen` that survive the tests in `folders`, each printed at once."""
    desks = [Desk(room, folder / str(number), folder / "notes") for number in range(AT_ONCE)]
    # The first run finds out what the second, and all after it, have in memory and in which order they run.
    tests: dict[str, list[str]] = {test: [] for test in folders}
    for turn in range(2):
        before = time.monotonic()
        if desks[0].answer(FIRST, list(tests)) != server.PASSED:
            sys.exit(f"{desks[0].output()}\nThe tests fail without a mutant.")
        if turn == 0:
            tests = desks[0].keep_notes()["tests"]
    limit = (time.monotonic() - before) * TIMES_LONGER + SECONDS_LONGER
    called = {test: {tuple(place.rsplit(":", 1)) for place in places} for test, places in tests.items()}
    free = SimpleQueue()
    for desk in desks:
        free.put(desk)

    def survives(mutant: Mutant) -> bool:
        lines = {(str(room / mutant.file), str(line)) for line in mutant.function}
        # What no test has called here may be called at an import, or by a program that tests start.
        concerned = [test for test, places in called.items() if places & lines] or list(tests)
        desk = free.get()
        try:
            if survived := desk.survives(mutant, limit, concerned):
                print(mutant.told(room), flush=True)
            print(".", end="", file=sys.stderr, flush=True)
            return survived
        finally:
            free.put(desk)

    with ThreadPoolExecutor(AT_ONCE) as asking:
        found = [mutant for mutant, survived in zip(chosen, asking.map(survives, chosen), strict=True) if survived]
    for desk in desks:
        desk.end()
    return found


def main() -> int:
    """Ask each mutant of the sample, print those that survive, and say how many there were."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("room", type=Path)
    parser.add_argument("tests", type=Path, nargs="*")
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    room = told.room.resolve()
    # Our packages lie one folder below the repository's; their tests one below test/unit.
    mirror = ROOT / "test" / "unit" / Path(*room.relative_to(ROOT).parts[1:])
    tests = [str(mirror), *(str(test.resolve()) for test in told.tests)]
    every = mutants_of(room)
    chosen = random.Random(told.seed).sample(every, min(told.sample or len(every), len(every)))  # noqa: S311 - no secret
    with tempfile.TemporaryDirectory(prefix="nb-mutants-") as folder:
        survivors = ask(chosen, room, tests, Path(folder))
    killed = len(chosen) - len(survivors)
    print(f"{told.room}: of {len(every)} mutants {len(chosen)} asked (seed {told.seed}), ", end="")
    print(f"{killed} killed, which is {killed / len(chosen):.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
