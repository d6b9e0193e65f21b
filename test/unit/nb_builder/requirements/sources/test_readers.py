"""pyproject.toml, Pipfile, setup.py, setup.cfg, locks, headers and the files that name a Python."""

import codecs
import json

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
from nb_builder.requirements.sources.declaration import Packages, Unreadable
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
    ("content", "packages"),
    [
        ("[tool.ruff]\nline-length = 100\n", None),
        ("[project]\nname = 'x'\n", Packages()),
        ("[project]\ndependencies = ['six']\nrequires-python = '>=3.9'\n", Packages(("six",), python=">=3.9")),
        (
            POETRY,
            Packages(
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
            Packages(("six",), notes=("without the version, which pip can't read: six (<1 || >1.2)",)),
        ),
    ],
)
def test_a_pyproject_says_what_its_tool_would_install(write, content, packages):
    assert pyproject.read(write("pyproject.toml", content)) == packages


def test_dynamic_dependencies_are_read_from_the_files_that_setuptools_is_reported(write):
    write("base.in", "six  # old\n\nidna\n")
    content = "[project]\ndynamic = ['dependencies']\n[tool.setuptools.dynamic]\ndependencies = {file = ['base.in']}\n"
    assert pyproject.read(write("pyproject.toml", content)).requirements == ("six", "idna")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("[project", "it is not TOML"),
        ("[project]\ndependencies = 'six'\n", "project.dependencies is not a list of strings"),
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
    assert pipfile.read(path) == Packages(lines, python="==3.9.*")


@pytest.mark.parametrize(
    ("content", "packages"),
    [
        ("import setuptools\nsetuptools.setup(install_requires=['six'])\n", Packages(("six",))),
        (
            "R = ('six',)\nsetup(install_requires=R, python_requires='>=3.8')\n",
            Packages(("six",), python=">=3.8"),
        ),
        ("setup(install_requires='six\\nidna')\n", Packages(("six", "idna"))),
        ("setup(name='x')\n", None),
        ("print('no call')\n", None),
    ],
)
def test_a_setup_py_says_what_its_literals_say(write, content, packages):
    assert setuptools.read_setup_py(write("setup.py", content)) == packages


@pytest.mark.parametrize(
    "content",
    ["setup(install_requires=open('r').readlines())\n", "R = ['six']\nR += more()\nsetup(install_requires=R)\n"],
)
def test_a_computed_setup_py_is_reported_with_its_line_and_not_run(write, content):
    line = content.count("\n")
    with pytest.raises(Unreadable, match=rf"computed, and the build does not run setup.py \(line {line}\)"):
        setuptools.read_setup_py(write("setup.py", content))


def test_a_setup_cfg_says_its_options(write):
    content = "[options]\npython_requires = >=3.8\ninstall_requires =\n    six\n    idna>=3\n"
    assert setuptools.read_setup_cfg(write("setup.cfg", content)) == Packages(("six", "idna>=3"), python=">=3.8")
    assert setuptools.read_setup_cfg(write("setup.cfg", "[flake8]\nmax-line-length = 100\n")) is None


def test_a_header_may_stand_in_a_cell(tmp_path):
    cell = new_code_cell(
        "# /// script\n# requires-python = '>=3.9'\n# dependencies = [\n#   'six',\n# ]\n# ///\nimport six"
    )
    notebook = new_notebook(cells=[new_code_cell("# ///"), cell])
    assert header.read(tmp_path / "model.ipynb", notebook) == Packages(("six",), python=">=3.9")
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


def test_text_in_another_encoding_is_rejected(tmp_path):
    (tmp_path / "r.txt").write_bytes("größer".encode("latin-1"))
    with pytest.raises(Unreadable, match="neither UTF-8 nor UTF-16"):
        text.read(tmp_path / "r.txt")
    (tmp_path / "odd.txt").write_bytes(codecs.BOM_UTF16_LE + b"s")
    with pytest.raises(Unreadable, match="neither"):
        text.read(tmp_path / "odd.txt")


def test_what_conda_exports_may_stand_in_a_requirements_txt(write):
    path = write("requirements.txt", "_libgcc=0.1=main\nsix=1.16.0=py_0\nidna=3.4=pypi_0\nattrs>=20\n")
    packages = requirements_txt.read(path)
    assert packages.requirements == ("six==1.16.0", "idna==3.4", "attrs>=20")
    assert packages.notes == ("as conda writes it", "left out, because they are not Python packages: _libgcc")


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("own = {git = 'git+https://example.org/own.git'}", "own @ git+https://example.org/own.git"),
        ("own = {file = 'https://example.org/a.zip', extras = ['x', 'y']}", "own[x,y] @ https://example.org/a.zip"),
        ("own = {version = '1.0', markers = \"os_name == 'x'\"}", "own==1.0 ; os_name == 'x'"),
        ("own = {extras = ['x']}", "own[x]"),
        ("own = '~=1.0'", "own~=1.0"),
    ],
)
def test_each_form_of_an_entry_of_a_pipfile_is_a_line_of_pip(write, table, line):
    assert pipfile.read(write("Pipfile", f"[packages]\n{table}\n")) == Packages((line,))


def test_a_folder_in_a_pipfile_is_reported_by_its_name(write):
    with pytest.raises(Unreadable, match=r"^the package own is a folder \(./lib\)$"):
        pipfile.read(write("Pipfile", "[packages]\nown = {path = './lib'}\n"))
    with pytest.raises(Unreadable, match="^the package own can't be read$"):
        pipfile.read(write("Pipfile", "[packages]\nown = 5\n"))


@pytest.mark.parametrize(
    ("requires", "python"),
    [("python_full_version = '3.9.7'", "==3.9.*"), ("python_version = '2.7'", ""), ("other = '3.9'", "")],
)
def test_a_pipfile_s_python_is_its_minor_version(write, requires, python):
    assert pipfile.read(write("Pipfile", f"[packages]\n[requires]\n{requires}\n")).python == python


def test_a_pipfile_takes_the_versions_of_its_lock(write):
    lock = {
        "six": {"version": "==1.16.0"},
        "own": {"git": "x"},
        "idna": {"version": "==3.4", "markers": "os_name == 'x'"},
    }
    write("Pipfile.lock", json.dumps({"default": lock, "develop": {"pytest": {"version": "==8"}}}))
    pins = ("six==1.16.0", "idna==3.4 ; (os_name == 'x')")
    said = pipfile.read(write("Pipfile", "[packages]\nsix = '*'\n"))
    assert said == Packages(("six",), pins, notes=("with the versions of Pipfile.lock",))
    assert pipfile.read(write("Pipfile", "[packages]\n")) == Packages()
    assert locks.read_pipfile_lock(write("Pipfile.lock", json.dumps({"default": lock}))) == Packages(pins)


def test_a_lock_alone_is_all_that_is_installed(write):
    path = write("uv.lock", "[[package]]\nname = 'six'\nversion = '1.16.0'\n")
    words = "all of its packages are installed, because there is no pyproject.toml next to it"
    assert locks.read_toml_lock(path) == Packages(("six==1.16.0",), notes=(words,))


@pytest.mark.parametrize(
    "source",
    ["{editable = '.'}", "{virtual = '.'}", "{directory = 'x'}", "{url = 'x'}", "{path = 'x'}", "{type = 'directory'}"],
)
def test_what_is_no_release_is_no_constraint(write, source):
    path = write("uv.lock", f"[[package]]\nname = 'own'\nversion = '1'\nsource = {source}\n")
    assert locks.of_toml(path) == ()


def test_several_versions_of_a_package_are_reported_apart_by_their_markers(write):
    path = write(
        "uv.lock",
        "[[package]]\nname = 'six'\nversion = '1.15'\nresolution-markers = ['a', 'b']\n"
        "[[package]]\nname = 'six'\nversion = '1.16'\nmarkers = 'c'\n"
        "[[package]]\nname = 'six'\nversion = '1.17'\nmarkers = {main = 'd'}\n"
        "[[package]]\nname = 'six'\nversion = '1.18'\nmarkers = {dev = 'e'}\n"
        "[[package]]\nname = 'odd'\nversion = 'latest'\nmarkers = 'f'\n"
        "[[package]]\nname = 'no version'\n",
    )
    assert locks.of_toml(path) == ("six==1.15 ; (a) or (b)", "six==1.16 ; (c)", "six==1.17 ; (d)", "odd==latest")


def test_a_lock_that_cannot_be_read_says_why(write):
    with pytest.raises(Unreadable, match="^it is not JSON "):
        locks.of_pipfile(write("Pipfile.lock", "{"))
    with pytest.raises(Unreadable, match="^it is not TOML "):
        locks.of_toml(write("uv.lock", "["))


def test_a_pyproject_takes_the_versions_of_its_lock_and_uv_s_comes_first(write):
    path = write("pyproject.toml", "[project]\nrequires-python = '>=3.9'\ndependencies = ['six']\n")
    write("poetry.lock", "[[package]]\nname = 'six'\nversion = '1.15'\n")
    constrained = Packages(("six",), ("six==1.15",), ">=3.9", ("with the versions of poetry.lock",))
    assert pyproject.read(path) == constrained
    write("uv.lock", "[[package]]\nname = 'six'\nversion = '1.16'\n")
    assert pyproject.read(path).constraints == ("six==1.16",)
    assert pyproject.read(write("pyproject.toml", "[project]\ndependencies = []\n")) == Packages()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("[tool.poetry.dependencies]\nsix = 5\n", "^the dependency six can't be read$"),
        ("[tool.poetry.dependencies]\nsix = 'one'\n", r"^the dependency six can't be read \(.+\)$"),
        ("[tool.poetry.dependencies]\npython = 'new'\n", r"^its Python can't be read \(.+\)$"),
        ("[project]\ndependencies = [5]\n", "^project.dependencies is not a list of strings$"),
        ("[project]\ndynamic = 5\n", "^project.dynamic is not a list of strings$"),
        (
            "[project]\ndynamic = ['dependencies']\n[tool.setuptools.dynamic]\ndependencies = {file = 'no.txt'}\n",
            "^its dependencies are dynamic: they are computed when it is built$",
        ),
        (
            "[project]\ndynamic = ['dependencies']\n[tool.setuptools.dynamic]\ndependencies = {file = [5]}\n",
            "^the dependencies' file is not a list of strings$",
        ),
    ],
)
def test_a_pyproject_says_in_these_words_what_is_wrong(write, content, why):
    with pytest.raises(Unreadable, match=why):
        pyproject.read(write("pyproject.toml", content))


def test_a_python_that_has_gaps_is_any_python(write):
    content = "[tool.poetry.dependencies]\npython = '<3 || >3.8'\nsix = '<1 || >2'\nidna = '<1 || >2'\n"
    note = "without the version, which pip can't read: six (<1 || >2), idna (<1 || >2)"
    assert pyproject.read(write("pyproject.toml", content)) == Packages(("six", "idna"), notes=(note,))


def test_a_setup_py_that_says_nothing_readable_is_reported(write):
    with pytest.raises(Unreadable, match=r"^it is not Python \("):
        setuptools.read_setup_py(write("setup.py", "setup("))
    computed = r"^install_requires is computed, and the build does not run setup.py \(line 2\)$"
    for value in ("[1]", "5", "{}", "names"):
        with pytest.raises(Unreadable, match=computed):
            setuptools.read_setup_py(write("setup.py", f"setup(\n install_requires={value})\n"))
    said = setuptools.read_setup_py(
        write("setup.py", "setup(install_requires=' six\\n\\n idna ', python_requires=3)\n")
    )
    assert said == Packages(("six", "idna"))


def test_a_setup_cfg_may_have_comments_and_ends_of_lines_of_its_own(write):
    content = "[options]\ninstall_requires =\n    # ours\n    six;\n    idna\n"
    assert setuptools.read_setup_cfg(write("setup.cfg", content)) == Packages(("six", "idna"))
    with pytest.raises(Unreadable, match="^install_requires names a file; name the packages in requirements.txt$"):
        setuptools.read_setup_cfg(write("setup.cfg", "[options]\ninstall_requires = file: r.txt\n"))
    with pytest.raises(Unreadable, match="^it is not a configuration file \\(File contains no section headers.\\)$"):
        setuptools.read_setup_cfg(write("setup.cfg", "install_requires = six\n"))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("# /// script\n# dependencies = ['six']\n# ///", Packages(("six",))),
        ("# /// script\n#dependencies = []\n#\n# ///  ", Packages()),
        ("# /// script\n# dependencies = ['six']\n", None),
        ("# /// script\nsix\n# ///", None),
    ],
)
def test_a_header_stands_between_its_marks(tmp_path, source, said):
    path = tmp_path / "model.py"
    path.write_text(source)
    assert header.read(path, new_notebook()) == said


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("dependencies = 'six'", "^the dependencies in its PEP 723 header are not a list of strings$"),
        ("dependencies = [5]", "^the dependencies in its PEP 723 header are not a list of strings$"),
        ("dependencies =", r"^its PEP 723 header is not TOML \("),
    ],
)
def test_a_header_that_cannot_be_read_says_why(tmp_path, content, why):
    cell = new_code_cell(f"# /// script\n# {content}\n# ///")
    with pytest.raises(Unreadable, match=why):
        header.read(tmp_path / "model.ipynb", new_notebook(cells=[cell]))


def test_lines_of_a_requirements_txt_are_known_by_their_numbers(write):
    assert requirements_txt.read(write("requirements.txt", "# ours\n\nsix\nidna \\\n >=3\nattrs\n")) == Packages(
        ("six", "idna >=3", "attrs"), numbers=(3, 4, 6)
    )
    exported = requirements_txt.read(write("requirements.txt", "python=3.9.7=h1\nsix=1.16.0=py_0\n"))
    assert exported == Packages(("six==1.16.0",), python="==3.9.*", notes=("as conda writes it",))


def test_a_version_of_thousands_of_digits_stays_as_it_is():
    assert locks._public("9" * 5000) == "9" * 5000
