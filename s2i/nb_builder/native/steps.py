"""The steps that build a native image, run inside the service image: `translate`, and `prove` after compilation.

Between them, stages of s2i/native.Dockerfile compile in an image that has a compiler; `nb-builder native` makes the
image from the files that `prove` leaves.
"""

import json
import os
import platform
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import nb_scorer
from nb_native.runtime import build
from nb_scorer.common import paths
from nb_scorer.model import manifest
from nb_scorer.model.problems import ModelMissing
from nb_scorer.protocol import launch
from nb_service import identity, model_folder, settings

from nb_builder.common.log import Log
from nb_builder.common.settings import Settings
from nb_builder.common.workspace import Workspace
from nb_builder.native import image_archive
from nb_builder.problems import native_images

# Below the root folder of the service image, in build stages that are discarded.
WORK = Path("/native")
PROVED, SAID, TRANSLATED, COMPILE = "proved", "said.json", "translated.json", "compile"
PROGRAM, COUNTING, EMULATOR = image_archive.PROGRAM, "model-with-branches", "emulator"
# The compiler's output, for verification.
MADE = "made"
STEPS = ("translate", "prove")
_HOME = Path(__file__).parents[2]
# The repository comes before the installed packages on sys.path and may have a json.py, so our modules are imported
# first.
_PROGRAM = """\
import sys
sys.path[:] = [entry for entry in sys.path if entry]
sys.path += [sys.argv.pop(1), sys.argv.pop(1)]
from nb_native.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def main(arguments: Sequence[str]) -> None:
    """Run the step that the only argument names; raise SystemExit with the usage for any other arguments."""
    if len(arguments) != 1 or arguments[0] not in STEPS:
        raise SystemExit(f"Usage: nb_builder native {{{'|'.join(STEPS)}}}")
    app = Workspace(Settings().app_root)
    try:
        manifest.read(app.model)
    except ModelMissing as error:
        raise native_images.NativeNoService(missing=f"model ({app.model})") from error
    # native.Dockerfile sets this for a program that is not for this machine.
    machine = os.environ.get("MACHINE", "")
    if arguments[0] == "translate":
        translate(app, WORK, Log(), machine)
    else:
        prove(app, WORK, Log())


def translate(app: Workspace, work: Path, log: Log, cross: str = "") -> None:
    """Write model.c, the runtime's sources and the compiler's script to `work`; raise NativeRefused.

    `cross` is the target machine, by uname's name, if it is not this one.
    """
    if settings.Settings(dict(os.environ)).api_key_file:
        raise native_images.NativeRefused(reason="the service requires a key (S2I_API_KEY_FILE)", place="")
    if (app.model / paths.WEIGHTS_LOCK).is_file():
        raise native_images.NativeRefused(reason="the notebook loads weights, which it would not contain", place="")
    work.mkdir(parents=True, exist_ok=True)
    shutil.copytree(build.FOLDER, work / "runtime", dirs_exist_ok=True)
    log.step("Translating predictor")
    facts = in_model_python("translate", app, work)
    if "refused" in facts:
        place = f" ({facts['file']}, line {facts['line']})" if facts.get("file") else ""
        raise native_images.NativeRefused(reason=facts["refused"], place=place)
    log.line("     predictor")
    for line in facts["recognised"]:
        log.line(f"     → {line}")
    machine = cross or platform.machine()
    (work / TRANSLATED).write_text(json.dumps({**facts, "machine": machine}))
    (work / COMPILE).write_text(compile_script(work, machine, header_fields(app), is_cross=bool(cross)))


def header_fields(app: Workspace) -> str:
    """Return the header lines of each response that identify the model, like those of the service."""
    served = settings.Settings(dict(os.environ))
    return identity.read_identity(model_folder.read(app.root, served.trust), served.model_name).header_bytes.decode(
        "ascii"
    )


def compile_script(work: Path, machine: str, fields: str, *, is_cross: bool = False) -> str:
    """Return the shell script that compiles model.c: the program, and one that also counts predictor's branches.

    Responses have `fields` in their heads. If it is for another machine, its emulator is copied next to it.
    """
    model, made = work / "model.c", work / MADE
    gcc = f"{machine}-linux-gnu-gcc" if is_cross else "gcc"
    commands = [["mkdir", str(made)]] + [
        [gcc, *extra, *build.arguments([model], made / name, machine, fields, folder=work / "runtime")]
        for name, extra in ((PROGRAM, []), (COUNTING, ["-DNB_BRANCHES"]))
    ]
    script = "set -e\n" + "".join(shlex.join(command) + "\n" for command in commands)
    if is_cross:
        script += f'cp "$(command -v qemu-{machine}-static)" {shlex.quote(str(made / EMULATOR))}\n'
    return script


def prove(app: Workspace, work: Path, log: Log) -> None:
    """Compare the program in `work` with predictor; leave it and the record in a folder. Raises NativeUnproved."""
    program = work / PROGRAM
    for path in (program, work / COUNTING):
        build.drop_section_headers(path)
    log.step("Verifying the program: sending it and predictor the same samples")
    facts = in_model_python("prove", app, work)
    if "refused" in facts:
        raise native_images.NativeUnproved(reason=facts["refused"])
    size = program.stat().st_size
    log.line("     " + summary(facts, size))
    root = work / PROVED
    (root / image_archive.FACTS).parent.mkdir(parents=True)
    shutil.copy2(program, root / PROGRAM)
    translated = json.loads((work / TRANSLATED).read_text())
    reported = {
        "proof": facts,
        "recognised": translated["recognised"],
        "machine": translated["machine"],
        "bytes": size,
        "notebook": manifest.read(app.model)["notebook"],
    }
    (root / image_archive.FACTS).write_text(json.dumps(reported, indent=1) + "\n")


def summary(facts: Mapping, size: int) -> str:
    """Return the log line for a successful verification."""
    largest = facts["largest_difference"]
    equal = "all of them to the last digit" if largest == 0 else f"the largest difference is {largest:.1g}"
    return (
        f"{facts['samples']:,} samples, {facts['golden']} golden rows among them: {facts['answered']:,} answered "
        f"alike, {equal}; other samples are rejected or fail as with predictor; {size:,} bytes"
    )


def in_model_python(step: str, app: Workspace, work: Path) -> dict:
    """Return nb_native's result of a step; raise CalledProcessError if it failed.

    It loads the model, whose signature is verified first if the service's settings require it.
    """
    digests = model_folder.read(app.root, settings.Settings(dict(os.environ)).trust).digests
    python = app.venv / "bin" / "python"
    code_homes = [str(Path(nb_scorer.__file__).parents[1]), str(_HOME)]
    command = [str(python), "-c", _PROGRAM, *code_homes, step, str(app.root), str(work)]
    command.append("" if digests is None else json.dumps(dict(digests)))
    subprocess.run(
        command,
        check=True,
        env={**launch.environment(dict(os.environ)), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=app.root / paths.SRC,
    )
    return json.loads((work / SAID).read_text())
