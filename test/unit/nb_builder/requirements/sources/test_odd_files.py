"""Files of odd values: each is read or says why it is not, and none is a traceback."""

from pathlib import Path

import pytest
from nb_builder.requirements import sources
from nbformat.v4 import new_code_cell, new_notebook

ODD = ["5", "'x'", "[]", "[1]", "{}", "{a=1}", "true", "['six', 2]", "[{a=1}]"]
TOML = {
    "pyproject.toml": [
        "project = {}",
        "[project]\ndependencies = {}",
        "[project]\ndynamic = {}",
        "[project]\nrequires-python = {}\ndependencies = ['six']",
        "[tool.poetry.dependencies]\nsix = {}",
        "[tool.poetry.dependencies]\npython = {}",
        "[project]\ndynamic = ['dependencies']\n[tool.setuptools.dynamic]\ndependencies.file = {}",
    ],
    "Pipfile": [
        "packages = {}",
        "[packages]\nsix = {}",
        "[packages]\nsix.version = {}",
        "[packages]\nsix.extras = {}",
        "[packages]\nsix.git = {}",
        "[requires]\npython_version = {}",
    ],
    "uv.lock": ["package = {}", "[[package]]\nname = 'x'\nversion = {}", "[[package]]\nversion = {}"],
}
OTHERS = [
    ("environment.yml", "dependencies: 5"),
    ("environment.yml", "dependencies: [{pip: 3}, null, {pip: [1, null]}]"),
    ("environment.yml", "dependencies: [2024-13-45]"),
    ("environment.yml", "dependencies: ['', '=', '==', 'a==b=c', '::x', 'x[']"),
    ("environment.yml", "&a [*a]"),
    ("Pipfile", "[packages]\nsix = ''"),
    ("Pipfile", "[packages]\nsix.version = ''"),
    ("Pipfile.lock", "[]"),
    ("Pipfile.lock", '{"default": {"x": {"version": 5}}}'),
    ("setup.py", "setup(install_requires={[]: 1})"),
    ("setup.py", "setup(**x)"),
    ("setup.py", "\0"),
    ("setup.cfg", "[options]\ninstall_requires=%(x)s"),
    ("runtime.txt", "\0\xff"),
    ("requirements.txt", "six=1=\n=\n==1=2\n@ file:///x"),
]
DEEP = [
    ("pyproject.toml", "a=" + "[" * 50_000 + "]" * 50_000),
    ("uv.lock", "a=" + "{b=" * 50_000 + "1" + "}" * 50_000),
    ("environment.yml", "dependencies: " + "[" * 50_000 + "]" * 50_000),
    ("Pipfile.lock", "[" * 200_000 + "]" * 200_000),
]
DIGITS = "9" * 5000
LONG = [
    ("pyproject.toml", f"a = {DIGITS}"),
    ("uv.lock", f"a = {DIGITS}"),
    ("Pipfile", f"a = {DIGITS}"),
    ("environment.yml", f"dependencies: [{DIGITS}]"),
    ("Pipfile.lock", f'{{"a": {DIGITS}}}'),
]
CASES = [(name, form.replace("{}", odd)) for name, forms in TOML.items() for form in forms for odd in ODD] + OTHERS


@pytest.mark.parametrize(("name", "content"), [*CASES, *(pytest.param(*case, id=f"long-{case[0]}") for case in LONG)])
def test_a_file_of_odd_values_is_read_or_says_why_not(tmp_path, name, content):
    (tmp_path / name).write_bytes(content.encode("latin-1"))
    notebook = Path("model.ipynb")
    declarations = [*sources.of_repository(notebook, new_notebook(), tmp_path), *sources.of_python(notebook, tmp_path)]
    sources.choose((), declarations)
    for declaration in declarations:
        lines = declaration.packages.requirements + declaration.packages.constraints
        assert all(isinstance(line, str) and line for line in lines), lines
        assert isinstance(declaration.packages.python, str)


@pytest.mark.parametrize(("name", "content"), DEEP, ids=[name for name, _ in DEEP])
def test_a_file_that_is_nested_too_deeply_says_so(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    (declaration,) = sources.of_repository(Path("m.ipynb"), new_notebook(), tmp_path)
    assert declaration.error == "it is nested too deeply"


def test_each_declaration_has_the_name_of_its_file_and_why_it_can_t_be_read(tmp_path):
    (tmp_path / "notebooks" / "binder").mkdir(parents=True)
    (tmp_path / "notebooks/binder/environment.yml").write_text("dependencies: six")
    (tmp_path / "setup.py").write_text("setup(install_requires=['idna'])")
    cell = new_code_cell("# /// script\n# dependencies = ['six']\n# ///")
    notebook = Path("notebooks/model.ipynb")
    found = sources.of_repository(notebook, new_notebook(cells=[cell]), tmp_path)
    assert [(each.file, each.packages.requirements, each.error) for each in found] == [
        ("notebooks/model.ipynb", ("six",), ""),
        ("notebooks/binder/environment.yml", (), "its 'dependencies' are not a list"),
        ("setup.py", ("idna",), ""),
    ]


def test_a_lock_is_read_alone_only_where_what_it_was_made_of_is_not_there(tmp_path):
    (tmp_path / "uv.lock").write_text("[[package]]\nname = 'six'\nversion = '1.16.0'\n")
    notebook = Path("model.ipynb")
    assert [each.file for each in sources.of_repository(notebook, new_notebook(), tmp_path)] == ["uv.lock"]
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'a'\n")
    assert [each.file for each in sources.of_repository(notebook, new_notebook(), tmp_path)] == ["pyproject.toml"]
