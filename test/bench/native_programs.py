"""The native programs of the bench: made and verified by the code that `nb-builder native` runs in its build stages."""

import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from batched_serve import Notebook, built
from environments import ENVIRON, PLACE, run
from nb_builder.common.log import Log
from nb_builder.common.workspace import Workspace
from nb_builder.native import steps
from nb_native.runtime import build

SOURCES = Path(__file__).parent / "sources"
WARNINGS = ("-Wall", "-Wextra", "-Werror")


@dataclass(frozen=True)
class Made:
    """A notebook's program, and what it is measured alongside.

    `service` is the APP_ROOT of our own service, `hand` that with a batch_predictor by hand, which others can read
    without our packages; `folder` has the translation in model.c, `root` is the root folder of the native image.
    """

    notebook: Notebook
    service: Path
    hand: Path
    folder: Path

    @property
    def root(self) -> Path:
        """Return the folder that becomes the image."""
        return self.folder / steps.PROVED

    @property
    def program(self) -> Path:
        """Return the path of the verified program."""
        return self.root / steps.PROGRAM

    @property
    def size(self) -> int:
        """Return the bytes of the program."""
        return self.program.stat().st_size


def make(notebook: Notebook) -> Made:
    """Return a notebook's program, made again; build its services where they are not there as they are now.

    Raises NativeRefused, NativeUnproved or RuntimeError if no program can be made.
    """
    made = Made(notebook, built(notebook), built(notebook, notebook.hand), PLACE / f"native-{notebook.name}")
    shutil.rmtree(made.folder, ignore_errors=True)
    app, log = Workspace(made.service), Log()
    steps.translate(app, made.folder, log)
    run(["sh", made.folder / steps.COMPILE], ENVIRON)
    # As the Dockerfile copies it.
    shutil.copytree(made.folder / steps.MADE, made.folder, dirs_exist_ok=True)
    steps.prove(app, made.folder, log, f"nb-bench-native-{notebook.name}")
    return made


def serving(program: Path) -> tuple[list, dict]:
    """Return (command, environment) of a native program as a server."""
    return [program, "serve"], {"S2I_HOST": "127.0.0.1"}


def make_empty_server() -> Path:
    """Return the path of a program of the same runtime whose model computes nothing."""
    program = PLACE / "native-empty"
    build.build([SOURCES / "constant.c"], program, more=WARNINGS)
    return program


def make_empty_program(folder: Path) -> Path:
    """Return the path of a program that ends at once, in `folder`."""
    program = folder / steps.PROGRAM
    options = ["-Os", "-static", "-nostdlib", "-ffreestanding", "-s", f"-I{build.FOLDER}"]
    run(["gcc", *WARNINGS, *options, SOURCES / "exit.c", "-o", program], ENVIRON)
    return program


def make_rows_program(model: Path, target: Path, *, writes_text: bool = True) -> None:
    """Compile a model.c as the program is compiled, with a loop over rows in the place of its command line.

    Without text, the numbers of an answer are kept as they are: in one process they need not be written.
    """
    if not writes_text:
        source = target.with_suffix(".c")
        source.write_text(f'#define nb_write_double nb_keep_double\n#include "{model.resolve()}"\n')
        model = source
    options = build.arguments([model, SOURCES / "native_rows.c"], target, platform.machine())
    run(["gcc", *(word for word in options if not word.endswith("/nb_main.c"))], ENVIRON)
