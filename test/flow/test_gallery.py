"""The gallery of docs/examples: each example is built and asked as its page says, and answers as the page says."""

import ast
import os
import re
import subprocess

import nbformat
import pytest
from nb_builder.install.installer import UV

from commands import FENCE, GALLERY, ROOT, Block, Session

EXAMPLES = sorted(path for path in GALLERY.parent.iterdir() if path.is_dir())
# These show a file, a table and a list of notebooks within seconds; the others download more, up to half a gigabyte.
QUICK = {"audio", "table", "two-notebooks"}
# Its wheels are on an index of their own, which not every machine reaches: see test_pytorch.py.
OF_ANOTHER_INDEX = set() if os.environ.get("PYTORCH") else {"pytorch"}
# The README's own example, whose page runs it.
ELSEWHERE = {"kmeans"}
ASKED = [path.name for path in EXAMPLES if path.name not in ELSEWHERE | OF_ANOTHER_INDEX]
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14", "3.15")
# Of these, no release has wheels yet: builds choose an older Python, as docs/how-to/choose-the-python.md says.
NO_WHEELS = {("keras", "3.14"), ("keras", "3.15"), ("catboost", "3.15"), ("onnx", "3.15")}


def section(name):
    """Return the text of the page below the heading `name`."""
    return GALLERY.read_text(encoding="utf-8").partition(f"\n## {name}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.long) for name in ASKED]
)
@pytest.mark.xdist_group("pages")
def test_an_example_answers_as_its_page_says(name, tree, tmp_path):
    blocks = [
        Block(match["text"], frozenset(match["words"].split()), 1, match["shown"])
        for match in FENCE.finditer(section(name))
    ]
    assert [block.shown is None for block in blocks] == [True, False]
    session = Session(tmp_path, tree)
    try:
        for block in blocks:
            session.run(block)
    finally:
        session.stop()
    assert session.left() == []


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_an_example_is_on_the_page_with_its_figures(folder):
    page = GALLERY.read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith((f"| [{folder.name}](", f"| {folder.name} |"))]
    assert len(rows) == 2 and (section(folder.name) or folder.name in ELSEWHERE)


@pytest.mark.parametrize("path", sorted(GALLERY.parent.rglob("*.ipynb")), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_notebook_is_valid_short_and_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.id for cell in code if cell.outputs or cell.execution_count is not None] == []
    assert notebook.cells[0].cell_type == "markdown" and len(notebook.cells) <= 12
    # The pins are those of the day on which the answers were read.
    assert re.search(r"^requirements = \[", "\n".join(cell.source for cell in code), re.MULTILINE)


def requirements(path):
    """Return what the cell `requirements` of a notebook lists, as lines of requirements.txt."""
    code = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    (value,) = (
        statement.value
        for source in code
        if source.startswith("requirements = ")
        for statement in ast.parse(source).body[:1]
    )
    return [entry if isinstance(entry, str) else "==".join(entry) for entry in ast.literal_eval(value)]


RESOLVED = [
    pytest.param(path, python, id=f"{path.parent.name}-{path.stem}-{python}")
    for path in sorted(GALLERY.parent.rglob("*.ipynb"))
    for python in PYTHONS
    if path.parent.name not in OF_ANOTHER_INDEX and (path.parent.name, python) not in NO_WHEELS
]


@pytest.mark.long
@pytest.mark.parametrize(("path", "python"), RESOLVED)
def test_the_packages_of_an_example_have_wheels_for_each_python(path, python):
    command = [
        UV,
        "pip",
        "compile",
        "--quiet",
        "--no-config",
        "--python-version",
        python,
        "--only-binary",
        ":all:",
        "-",
    ]
    lines = "\n".join(requirements(path))
    done = subprocess.run(command, input=lines, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
