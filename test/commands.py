"""The shell commands of a page, really run: one page is one session, block after block.

A fenced block counts if its first word is `sh`; words after it say how it is run:
`service` for a command that serves until Ctrl-C, `engine` for one that needs a container engine.
A block `answer` right behind is what the command prints; `…` in it stands for anything on its line.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from flow import stage

ROOT = Path(__file__).parents[1]
# Its examples are builds of minutes: test/flow/test_gallery.py runs them, one by one.
GALLERY = ROOT / "docs/examples/README.md"
FENCE = re.compile(
    r"^```sh(?P<words>[ \w]*)\n(?P<text>.*?)^```$(?:\n+```answer\n(?P<shown>.*?)^```$)?", re.MULTILINE | re.DOTALL
)
KNOWN_WORDS = {"service", "engine"}
# By this a page says that its commands are for the top of a clone.
SAYS_CLONE = re.compile(r"\bclone\s+of\s+nb-builder\b|\bClone nb-builder\b")
LIMIT = 900
NOT_THE_READERS = ("S2I_", "PYTEST_", "MAKE", "NB_BUILDER_")

# What a block exports, and the folder it changes to, hold for the blocks after it.
SCRIPT = """set -euo pipefail
[ ! -e "$STATE" ] || . "$STATE"
%s
{ export -p; echo "cd $(printf %%q "$PWD")"; } >"$STATE"
"""


@dataclass(frozen=True)
class Block:
    """A fenced block of shell commands: its text, the words of its fence, and its line in the page."""

    text: str
    words: frozenset[str]
    line: int
    shown: str | None = None

    def shows(self, printed: str) -> bool:
        """Return whether the page shows what was printed, or shows nothing of it."""
        if self.shown is None:
            return True
        lines = zip(self.shown.splitlines(), printed.split("\n"), strict=False)
        same = all(re.fullmatch(".*".join(map(re.escape, shown.split("…"))), line.strip()) for shown, line in lines)
        return same and len(self.shown.splitlines()) == len(printed.splitlines())


def pages() -> list[Path]:
    """Return README and every page of docs."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path, *, engine: bool = False) -> list[Block]:
    """Return the blocks of shell commands that need an engine, or those that don't."""
    text = page.read_text(encoding="utf-8")
    found = [
        Block(match["text"], frozenset(match["words"].split()), text.count("\n", 0, match.start()) + 1, match["shown"])
        for match in FENCE.finditer(text)
    ]
    return [block for block in found if ("engine" in block.words) == engine]


def clone(folder: Path) -> Path:
    """Return a clone of this repository in `folder`, with what is not committed yet: nothing else is at its top."""
    tree = folder / "nb-builder"
    subprocess.run(["git", "clone", "--quiet", ROOT, tree], check=True)
    words = ["git", "-C", ROOT, "ls-files", "-z", "--modified", "--others", "--exclude-standard"]
    listed = subprocess.run(words, stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout
    for name in filter(None, listed.split("\0")):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).unlink(missing_ok=True)
        # A file that was removed is modified, too.
        if os.path.lexists(ROOT / name):
            shutil.copy2(ROOT / name, tree / name, follow_symlinks=False)
    return tree


def for_a_clone(page: Path) -> bool:
    """Return whether a page says that its commands are for the top of a clone."""
    return SAYS_CLONE.search(page.read_text(encoding="utf-8")) is not None


def _installed(folder: Path, tree: Path) -> Path:
    """Return a new folder in `folder` with the command as an installation of `tree` has it."""
    programs = folder / "installed"
    programs.mkdir()
    command = programs / "nb-builder"
    command.write_text(f'#!/bin/sh\nexec {tree}/s2i/nb-builder "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    return programs


class Session:
    """Runs the blocks of a page as its reader would, with a home of their own.

    `tree` is a clone of this repository; blocks are run at its top, or, `elsewhere`, in an empty folder.
    """

    def __init__(self, folder: Path, tree: Path = ROOT, *, elsewhere: bool = False, **more: str):
        self.port = stage.free_port()
        self.log = folder / "service.log"
        self._place = tree
        if elsewhere:
            self._place = folder / "elsewhere"
            self._place.mkdir()
        real = Path.home()
        # Its progress is for terminals, and no page shows it.
        (folder / ".curlrc").write_text("silent\nshow-error\n")
        self.env = {
            # A reader's shell is not part of `make test`: below another make, make prints its folder on stdout, and a
            # clone would make its environments in NB_BUILDER_HOME, where this one's are in use.
            **{key: value for key, value in os.environ.items() if not key.startswith(NOT_THE_READERS)},
            "HOME": str(folder),
            "STATE": str(folder / "state"),
            "PORT": str(self.port),
            # What a second run would find: caches, and the Pythons of the reader.
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(real / ".cache")),
            "PYENV_ROOT": os.environ.get("PYENV_ROOT", str(real / ".pyenv")),
            stage.MARK: folder.name + str(os.getpid()),
            **more,
        }
        self.env["PATH"] = os.pathsep.join([str(_installed(folder, tree)), self.env["PATH"]])
        self.service: subprocess.Popen | None = None

    def run(self, block: Block) -> None:
        """Run one block to its end, or start it and wait until the service is ready."""
        command = ["bash", "-c", SCRIPT % self._text(block)]
        if "service" in block.words:
            self._start(command)
            return
        ran = subprocess.run(
            command,
            cwd=self._place,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=LIMIT,
            check=False,
        )
        assert ran.returncode == 0, f"line {block.line} ended with {ran.returncode}:\n{block.text}\n{ran.stdout}"
        assert block.shows(ran.stdout), f"line {block.line} is not what the page shows:\n{block.text}\n{ran.stdout}"

    def _text(self, block: Block) -> str:
        """Return the block for a free port: the reader's 8080 may be taken here. Nothing else is changed."""
        # Within its container a service keeps its port.
        return "8080:8080".join(part.replace("8080", str(self.port)) for part in block.text.split("8080:8080")).replace(
            "8080:8080", f"{self.port}:8080"
        )

    def _start(self, command: list[str]) -> None:
        self.stop()
        with self.log.open("w") as log:
            self.service = subprocess.Popen(
                command,
                cwd=self._place,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until = time.monotonic() + LIMIT
        while not self._ready():
            assert self.service.poll() is None, "the service ended:\n" + self.log.read_text()
            assert time.monotonic() < until, "the service did not get ready:\n" + self.log.read_text()
            time.sleep(0.1)

    def _ready(self) -> bool:
        # A port that is taken makes way for another one, and the reader reads which.
        said = re.findall(r"http://127\.0\.0\.1:(\d+)", self.log.read_text(encoding="utf-8"))
        self.port = int(said[-1]) if said else self.port
        try:
            return stage.ask(self.port, b"", "GET", "/readyz", seconds=2)[0] == 200
        except OSError:
            # Not listening yet.
            return False

    def stop(self) -> None:
        """Press Ctrl-C where a service runs; what goes on after 20 seconds is an error."""
        if self.service is None:
            return
        os.killpg(self.service.pid, signal.SIGINT)
        try:
            self.service.wait(timeout=20)
        finally:
            if self.service.poll() is None:
                os.killpg(self.service.pid, signal.SIGKILL)
        self.service = None

    def left(self) -> list[str]:
        """Return the command lines of processes that the session left behind."""
        return stage.processes_of(self.env)
