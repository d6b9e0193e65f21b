"""`new`: creates a small repository that builds, as a starting point."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from nb_builder.commands.command_line import UsageParser, problem_as_json
from nb_builder.common.log import Log
from nb_builder.common.visible import json_text
from nb_builder.problems.build_problem import BuildProblem
from nb_builder.repository import git

USAGE = "Usage: new [--json] [--name NAME] FOLDER"

NOTEBOOK = "model.ipynb"
# The parts of an image name that container engines accept.
_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_MAX_NAME = 100

_TITLE = """\
# {name}

What is the rent of a flat of a given size? A linear model, fitted to made-up flats. nb-builder makes a prediction \
service of this notebook: it installs `requirements`, runs every cell, and serves `predictor`."""

# This package has wheels for each Python that nb-builder supports.
_REQUIREMENTS = 'requirements = [["scikit-learn", "1.7.2"]]'

_TRAINING = """\
import random

from sklearn.linear_model import LinearRegression

draw = random.Random(7)
sizes = [draw.uniform(20, 150) for _ in range(500)]
rents = [200 + 12 * size + draw.gauss(0, 60) for size in sizes]

model = LinearRegression().fit([[size] for size in sizes], rents)"""

_CONTRACT = '''\
def validator(x):
    return x["size"] > 0, "size must be above 0"


def predictor(x):
    """Return the monthly rent of a flat of x["size"] square metres."""
    return float(model.predict([[x["size"]]])[0])


examples = [{"size": 45}, {"size": 80.5}]'''

_README = """\
# {name}

A prediction service, made of `model.ipynb` by nb-builder. `predictor` in the notebook answers one sample.

    nb-builder check                  # what would keep it from being built, in about a second
    nb-builder run                    # build it and serve it here
    nb-builder build --tag {name:<9}  # make an image, by Docker or Podman

Start the image, and send a sample:

    docker run -p 8080:8080 {name}
    curl -d '{{"size": 45}}' -H 'Content-Type: application/json' localhost:8080/predict
"""

_IGNORED = """\
.ipynb_checkpoints/
.venv/
__pycache__/
venv/
"""


class FolderNotEmpty(BuildProblem):
    """`new` was called with a file or a folder that is not empty."""

    code = "folder-not-empty"
    exit_status = 2
    what_text = "{folder} {reason}."
    why_text = "A new repository gets its own folder, so that none of your files is overwritten."
    fix_text = "Name a folder that does not exist yet, or an empty one."


class NameUnusable(BuildProblem):
    """The name of a new repository is not a valid image name."""

    code = "name-unusable"
    exit_status = 2
    what_text = "{name!r} is not a valid image name."
    why_text = "An image name consists of lower-case letters and digits, and single '-', '_' or '.' between them."
    fix_text = "Choose another name with --name, such as {example}."


class FolderNotWritten(BuildProblem):
    """The files of a new repository can't be written."""

    code = "folder-not-written"
    what_text = "{folder} can't be written: {reason}."
    why_text = "A new repository is a folder with a notebook, a README and a .gitignore."
    fix_text = "Name a folder that you can write to."


_PARSER = UsageParser(USAGE)
_PARSER.add_argument("--json", action="store_true")
_PARSER.add_argument("--name")
_PARSER.add_argument("folder")


def main(arguments: Sequence[str]) -> None:
    """Create a repository in the named folder; exit with status 2 for wrong usage, 1 if it can't be written."""
    options = _PARSER.read(arguments)
    if not options.folder:
        _PARSER.error("a folder must have a name")
    with problem_as_json(is_wanted=options.json):
        made = make(options.folder, options.name)
    if options.json:
        print(json_text(made, indent=1))
        return
    log = Log()
    log.step(f"Made {made['name']} in {made['folder']}: {', '.join(made['written'])}")
    log.line("     a git repository without commits" if made["git"] else "     not a git repository")


def make(folder: str, name: str | None) -> dict:
    """Create a repository in `folder`, and return its description for JSON.

    Raises NameUnusable, FolderNotEmpty or FolderNotWritten.
    """
    path = Path(folder).expanduser().absolute()
    name = _image_name(path.name) if name is None else name
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME:
        raise NameUnusable(name=name, example=_image_name(name))
    if path.exists() and not path.is_dir():
        raise FolderNotEmpty(folder=folder, reason="is a file")
    files = {
        NOTEBOOK: _notebook(name),
        "README.md": _README.format(name=name),
        ".gitignore": _IGNORED,
    }
    try:
        if path.is_dir() and any(path.iterdir()):
            raise FolderNotEmpty(folder=folder, reason="is not empty")
        path.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            (path / file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise FolderNotWritten(folder=folder, reason=error.strerror or str(error)) from None
    return {"name": name, "folder": str(path), "written": list(files), "git": _init(path)}


def _image_name(text: str) -> str:
    """Return a valid image name as close to `text` as possible."""
    parts = re.findall(r"[a-z0-9]+", text.lower())
    return "-".join(parts)[:_MAX_NAME].strip("-") or "my-service"


def _notebook(name: str) -> str:
    """Return the notebook's file as nbformat writes it."""
    title = _lines(_TITLE.format(name=name))
    cells: list[dict] = [{"cell_type": "markdown", "id": "title", "metadata": {}, "source": title}]
    for identifier, source in (("requirements", _REQUIREMENTS), ("training", _TRAINING), ("predictor", _CONTRACT)):
        code: dict = {"cell_type": "code", "execution_count": None, "id": identifier, "metadata": {}, "outputs": []}
        cells.append({**code, "source": _lines(source)})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    whole = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _init(folder: Path) -> bool:
    """Make `folder` a git repository if git is installed and it isn't in one already; return whether it did."""
    return git.init(folder)
