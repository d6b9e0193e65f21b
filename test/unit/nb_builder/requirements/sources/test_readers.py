"""pyproject.toml, Pipfile, setup.py, setup.cfg, locks, headers and the files that name a Python."""

import codecs

import pytest
from nb_builder.requirements.sources import (
    header,
    locks,
    pipfile,
    pyproject,
    python_files,
    requirements_txt,
    setuptools,
    text,
)
from nb_builder.requirements.sources.base import Said, Unreadable
from nbformat.v4 import new_code_cell, new_notebook

POETRY = """\
[tool.poetry.dependencies]
python = '^3.9'
six = '^1.2'
idna = '*'
attrs = {version = '~23.1', extras = ['tests']}
docs = {version = '1', optional = true}
more = [{version = '<2', python = '<3.8'}, {version = '^2', python = '>=3.8'}]
"""


@pytest.fixture
def write(tmp_path):
    """Write a file and return its path."""

    def write(name, content):
        (tmp_path / name).write_text(content)
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[tool.ruff]\nline-length = 100\n", None),
        ("[project]\nname = 'x'\n", Said()),
        ("[project]\ndependencies = ['six']\nrequires-python = '>=3.9'\n", Said(("six",), python=">=3.9")),
        (
            POETRY,
            Said(
                (
                    "six<2.0,>=1.2",
                    "idna",
                    "attrs[tests]<23.2,>=23.1",
                    'more<2; python_version < "3.8"',
                    'more<3,>=2; python_version >= "3.8"',
                ),
                python=">=3.9,<4.0",
            ),
        ),
        (
            "[tool.poetry.dependencies]\nsix = '<1 || >1.2'\n",
            Said(("six",), notes=("without the version, which pip can't read: six (<1 || >1.2)",)),
        ),
    ],
)
def test_a_pyproject_says_what_its_tool_would_install(write, content, said):
    assert pyproject.read(write("pyproject.toml", content)) == said


def test_dynamic_dependencies_are_read_from_the_files_that_setuptools_is_told(write):
    write("base.in", "six  # old\n\nidna\n")
    content = "[project]\ndynamic = ['dependencies']\n[tool.setuptools.dynamic]\ndependencies = {file = ['base.in']}\n"
    assert pyproject.read(write("pyproject.toml", content)).requirements == ("six", "idna")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("[project", "it is no TOML"),
        ("[project]\ndependencies = 'six'\n", "project.dependencies is no list of texts"),
        ("[project]\ndynamic = ['dependencies']\n", "its dependencies are dynamic"),
        ("[tool.poetry.dependencies]\nsix = 'one'\n", "the dependency six can't be read"),
    ],
)
def test_a_pyproject_that_cannot_be_read_says_why(write, content, why):
    with pytest.raises(Unreadable, match=why):
        pyproject.read(write("pyproject.toml", content))


def test_a_lock_gives_the_versions_and_leaves_out_what_is_no_release(write):
    path = write(
        "poetry.lock",
        "[[package]]\nname = 'torch'\nversion = '2.1.0+cpu'\n"
        "[[package]]\nname = 'own'\nversion = '1'\nsource = {type = 'git', url = 'x'}\n"
        "[[package]]\nname = 'six'\nversion = '1.15'\nmarkers = {main = \"python_version < '3.8'\"}\n"
        "[[package]]\nname = 'six'\nversion = '1.16'\n",
    )
    assert locks.of_toml(path) == ("torch==2.1.0", "six==1.15 ; (python_version < '3.8')")


def test_a_pipfile_says_versions_extras_markers_and_repositories(write):
    path = write(
        "Pipfile",
        "[packages]\nsix = '*'\nidna = '==3.4'\n"
        "requests = {version = '>=2', extras = ['socks'], markers = \"os_name == 'x'\"}\n"
        "own = {git = 'https://example.org/own.git', ref = 'main'}\n[requires]\npython_version = '3.9'\n",
    )
    lines = ("six", "idna==3.4", "requests[socks]>=2 ; os_name == 'x'", "own @ git+https://example.org/own.git@main")
    assert pipfile.read(path) == Said(lines, python="==3.9.*")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("import setuptools\nsetuptools.setup(install_requires=['six'])\n", Said(("six",))),
        ("R = ('six',)\nsetup(install_requires=R, python_requires='>=3.8')\n", Said(("six",), python=">=3.8")),
        ("setup(install_requires='six\\nidna')\n", Said(("six", "idna"))),
        ("setup(name='x')\n", None),
        ("print('no call')\n", None),
    ],
)
def test_a_setup_py_says_what_its_literals_say(write, content, said):
    assert setuptools.read_setup_py(write("setup.py", content)) == said


@pytest.mark.parametrize(
    "content",
    ["setup(install_requires=open('r').readlines())\n", "R = ['six']\nR += more()\nsetup(install_requires=R)\n"],
)
def test_a_computed_setup_py_is_told_with_its_line_and_not_run(write, content):
    line = content.count("\n")
    with pytest.raises(Unreadable, match=rf"computed, and setup.py is not run to be read \(line {line}\)"):
        setuptools.read_setup_py(write("setup.py", content))


def test_a_setup_cfg_says_its_options(write):
    content = "[options]\npython_requires = >=3.8\ninstall_requires =\n    six\n    idna>=3\n"
    assert setuptools.read_setup_cfg(write("setup.cfg", content)) == Said(("six", "idna>=3"), python=">=3.8")
    assert setuptools.read_setup_cfg(write("setup.cfg", "[flake8]\nmax-line-length = 100\n")) is None


def test_a_header_may_stand_in_a_cell(tmp_path):
    cell = new_code_cell(
        "# /// script\n# requires-python = '>=3.9'\n# dependencies = [\n#   'six',\n# ]\n# ///\nimport six"
    )
    notebook = new_notebook(cells=[new_code_cell("# ///"), cell])
    assert header.read(tmp_path / "model.ipynb", notebook) == Said(("six",), python=">=3.9")
    assert header.read(tmp_path / "model.ipynb", new_notebook(cells=[new_code_cell("# /// script\n# a = 1")])) is None


@pytest.mark.parametrize(
    ("content", "python"),
    [
        ("python-3.9.7\n", "==3.9.*"),
        ("3.11", "==3.11.*"),
        ("cpython-3.10.2-linux", "==3.10.*"),
        ("myenv\n3.8.1\n", "==3.8.*"),
    ],
)
def test_a_file_names_the_python(write, content, python):
    assert python_files.read(write("runtime.txt", content)).python == python


@pytest.mark.parametrize("content", ["python-2.7.18", "r-4.1-2021-01-01", "myenv", "pypy3.9-7.3"])
def test_a_file_that_names_none_says_nothing(write, content):
    assert python_files.read(write(".python-version", content)) is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_text_is_read_in_whatever_unicode_it_was_written(tmp_path, encoding):
    (tmp_path / "r.txt").write_bytes("six==1.16.0\r\n# größer\r\n".encode(encoding))
    assert text.read(tmp_path / "r.txt") == "six==1.16.0\n# größer\n"


def test_text_in_another_encoding_is_refused(tmp_path):
    (tmp_path / "r.txt").write_bytes("größer".encode("latin-1"))
    with pytest.raises(Unreadable, match="neither in UTF-8 nor in UTF-16"):
        text.read(tmp_path / "r.txt")
    (tmp_path / "odd.txt").write_bytes(codecs.BOM_UTF16_LE + b"s")
    with pytest.raises(Unreadable, match="neither"):
        text.read(tmp_path / "odd.txt")


def test_what_conda_exports_may_stand_in_a_requirements_txt(write):
    path = write("requirements.txt", "_libgcc=0.1=main\nsix=1.16.0=py_0\nidna=3.4=pypi_0\nattrs>=20\n")
    said = requirements_txt.read(path)
    assert said.requirements == ("six==1.16.0", "idna==3.4", "attrs>=20")
    assert said.notes == ("as conda writes it", "left out, as they are no packages of Python: _libgcc")
