"""Running script one and judging each line of what it emits."""

import sys
from pathlib import Path

import pytest
from nb_builder.problems.requirements import (
    IndexNotAllowed,
    LockOutdated,
    RequirementIsOption,
    RequirementsConflict,
    RequirementsMalformed,
    RequirementsNeedPackages,
)
from nb_builder.requirements import collect, sources
from nb_builder.rewrite import scripts
from nbformat.v4 import new_code_cell, new_notebook

NAME = Path("model.ipynb")


def wanted(tmp_path, source, folder="."):
    build, src = tmp_path / "build", tmp_path / "src"
    build.mkdir(exist_ok=True)
    (src / folder).mkdir(exist_ok=True, parents=True)
    script = build / "one.py"
    notebook = new_notebook(cells=[new_code_cell(source)])
    script.write_text(scripts.requirements_script(notebook, NAME).text)
    declared = sources.of_repository(Path(folder) / NAME, notebook, src)
    return collect.collect(script, Path(sys.executable), src / folder, src, NAME, declared)


def collected(tmp_path, source):
    return [str(requirement) for requirement in wanted(tmp_path, source).cell]


def repository(tmp_path, **files):
    (tmp_path / "src").mkdir(exist_ok=True)
    for name, text in files.items():
        (tmp_path / "src" / name.replace("_", ".")).write_text(text)


def test_requirements_txt_is_written_and_read(tmp_path):
    assert collected(tmp_path, 'requirements = [["numpy", "1.26.4"], ["x", ">=1; python_version > \'3\'"]]') == [
        "numpy==1.26.4",
        'x>=1; python_version > "3"',
    ]
    assert (tmp_path / "build/requirements.txt").read_text().startswith("numpy==1.26.4\n")


def test_a_helper_module_of_the_repository_can_be_used(tmp_path):
    repository(tmp_path, pins_py='numpy = "1.26.4"')
    assert collected(tmp_path, "import pins\nrequirements = [['numpy', pins.numpy]]") == ["numpy==1.26.4"]


def test_a_package_that_is_not_there_yet_is_named(tmp_path):
    with pytest.raises(RequirementsNeedPackages, match="ModuleNotFoundError: No module named 'pandas'"):
        collected(tmp_path, "import pandas\nrequirements = [['pandas', pandas.__version__]]")


def test_packages_of_this_interpreter_do_not_count(tmp_path):
    with pytest.raises(RequirementsNeedPackages, match="No module named 'pytest'"):
        collected(tmp_path, "import pytest\nrequirements = [['pytest', pytest.__version__]]")


def test_a_malformed_list_says_which_entry(tmp_path):
    with pytest.raises(RequirementsMalformed, match=r"entry 2, 5, is neither a text nor a pair"):
        collected(tmp_path, "requirements = [['numpy', '1'], 5]")


@pytest.mark.parametrize("entry", ["--user", "--global-option=x", "--index-url"])
def test_an_option_never_reaches_an_installer(tmp_path, entry):
    with pytest.raises(RequirementIsOption, match=r"'requirements' \(entry 1\) has the option"):
        collected(tmp_path, f"requirements = [[{entry!r}, '']]")


def test_a_line_that_is_no_requirement_is_quoted(tmp_path):
    with pytest.raises(RequirementsMalformed, match=r"'numpy==one two' is no requirement"):
        collected(tmp_path, "requirements = [['numpy', 'one two']]")


def test_cloudpickle_comes_along_unless_the_author_pins_it(tmp_path):
    wanted(tmp_path, "requirements = ['six']")
    assert "cloudpickle  # saves" in (tmp_path / "build/requirements.txt").read_text()
    wanted(tmp_path, "requirements = [['cloudpickle', '3.0.0']]")
    assert (tmp_path / "build/requirements.txt").read_text() == "cloudpickle==3.0.0\n"


def test_requirements_txt_of_the_repository_counts_too(tmp_path):
    repository(tmp_path, requirements_txt="# what we use\nsix>=1.10  # old\nattrs \\\n  >=20\n")
    found = wanted(tmp_path, "requirements = [['six', '1.16.0']]", folder="notebooks")
    assert len(found) == 3
    assert found.emitted.read_text().splitlines()[:3] == ["six==1.16.0", "six>=1.10", "attrs >=20"]


def test_a_contradiction_between_cell_and_file_names_both(tmp_path):
    repository(tmp_path, requirements_txt="attrs\nSix<1.16\n")
    with pytest.raises(
        RequirementsConflict, match=r"the cell asks for six==1.16.0, and requirements.txt \(line 2\) for Six<1.16"
    ):
        wanted(tmp_path, "requirements = [['six', '1.16.0']]")


def test_a_lock_that_does_not_fit_is_refused(tmp_path):
    repository(tmp_path, requirements_lock="six==1.16.0 --hash=sha256:00\n")
    assert wanted(tmp_path, "requirements = [['six', '1.16.0']]").lock
    with pytest.raises(LockOutdated, match="The cell asks for six==1.17.0, and requirements.lock has 1.16.0"):
        wanted(tmp_path, "requirements = [['six', '1.17.0']]")
    with pytest.raises(LockOutdated, match="The cell asks for attrs, and requirements.lock has nothing"):
        wanted(tmp_path, "requirements = ['attrs']")


@pytest.mark.parametrize("value", ["[['alpha', './alpha-1.0-py3-none-any.whl']]", "['alpha-1.0-py3-none-any.whl']"])
def test_a_wheel_of_the_repository_is_named_by_its_place(tmp_path, value):
    (tmp_path / "src").mkdir()
    (tmp_path / "src/alpha-1.0-py3-none-any.whl").write_bytes(b"")
    assert collected(tmp_path, f"requirements = {value}") == [
        f"alpha @ file://{tmp_path}/src/alpha-1.0-py3-none-any.whl"
    ]


def test_a_wheel_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(
        RequirementsMalformed, match="the repository has no file or folder 'alpha-1.0-py3-none-any.whl'"
    ):
        collected(tmp_path, "requirements = ['alpha-1.0-py3-none-any.whl']")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("environment_yml", "dependencies:\n- pip:\n  - ./lib\n  - -r more.txt\n"),
        ("requirements_txt", "# ours\n\n./lib\n-r more.txt\n"),
    ],
)
def test_what_another_form_of_file_says_is_read_like_requirements_txt(tmp_path, name, text):
    (tmp_path / "src/lib").mkdir(parents=True)
    (tmp_path / "src/lib/setup.py").write_text("")
    (tmp_path / "src/more.txt").write_bytes("six==1.16.0\npywin32==306\n".encode("utf-16"))
    repository(tmp_path, **{name: text})
    read = wanted(tmp_path, "x = 1")
    windows = "pywin32==306 ; sys_platform == 'win32'"
    assert read.asked.lines == (f"file://{tmp_path}/src/lib", "six==1.16.0", windows)
    assert read.asked.folders == (tmp_path / "src/lib",)
    assert read.choice.notes == ("more.txt: left out, as it is for Windows only: pywin32.",)
    assert read.pinned == ["pywin32", "six"]


def test_a_cell_that_asks_for_a_folder_alone_counts_instead_of_other_files(tmp_path):
    (tmp_path / "src/lib").mkdir(parents=True)
    (tmp_path / "src/lib/setup.py").write_text("")
    repository(tmp_path, environment_yml="dependencies: [six]\n")
    assert wanted(tmp_path, "requirements = ['./lib']").asked.lines == (f"file://{tmp_path}/src/lib",)


def test_the_versions_of_a_lock_of_another_form_are_constraints(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src/pyproject.toml").write_text("[project]\nname = 'a'\ndependencies = ['six', './no']\n")
    (tmp_path / "src/uv.lock").write_text("[[package]]\nname = 'six'\nversion = '1.16.0'\n")
    with pytest.raises(RequirementsMalformed, match=r"pyproject.toml \(entry 2\): the repository has no .* './no'"):
        wanted(tmp_path, "x = 1")
    (tmp_path / "src/pyproject.toml").write_text("[project]\nname = 'a'\ndependencies = ['six', 'idna']\n")
    read = wanted(tmp_path, "x = 1")
    assert (read.asked.constraints, read.pinned, read.unpinned) == (("six==1.16.0",), ["six"], ["idna"])
    assert (tmp_path / "build/constraints.txt").read_text() == "six==1.16.0\n"


def test_a_file_that_is_drawn_in_and_is_no_text_is_named(tmp_path):
    repository(tmp_path, requirements_txt="-r more.txt\n")
    (tmp_path / "src/more.txt").write_bytes(b"six \xff\xff\n")
    with pytest.raises(
        RequirementsMalformed, match=r"requirements.txt \(line 1\): 'more.txt' can't be read: it is text"
    ):
        wanted(tmp_path, "x = 1")


def test_an_index_is_refused_before_anything_else_is_done(tmp_path):
    with pytest.raises(
        IndexNotAllowed, match=r"'requirements' \(entry 1\) takes packages from https://a.example.com/s"
    ):
        collected(tmp_path, "requirements = ['--index-url https://a.example.com/s']")


def test_a_lock_s_index_needs_leave_too(tmp_path):
    repository(tmp_path, requirements_lock="--index-url https://a.example.com/s\nsix==1.16.0 --hash=sha256:00\n")
    with pytest.raises(
        IndexNotAllowed, match=r"requirements.lock \(line 1\) takes packages from https://a.example.com"
    ):
        wanted(tmp_path, "requirements = ['six']")


def test_a_lock_without_an_address_that_the_cell_names_is_refused(tmp_path):
    repository(tmp_path, requirements_lock="six==1.16.0 --hash=sha256:00\n")
    with pytest.raises(LockOutdated, match="The cell asks for alpha @ https://a.example.com/a.zip, and .* has nothing"):
        wanted(tmp_path, "requirements = ['alpha @ https://a.example.com/a.zip']")
    repository(tmp_path, requirements_lock="alpha @ https://a.example.com/a.zip --hash=sha256:00\n")
    assert wanted(tmp_path, "requirements = ['alpha @ https://a.example.com/a.zip']").lock


def test_what_lies_in_a_folder_counts_for_the_fingerprint(tmp_path):
    (tmp_path / "src/lib").mkdir(parents=True)
    (tmp_path / "src/lib/setup.py").write_text("")
    before = wanted(tmp_path, "requirements = ['./lib']").fingerprint
    assert wanted(tmp_path, "requirements = ['./lib']").fingerprint == before
    (tmp_path / "src/lib/alpha.py").write_text("x = 1\n")
    assert wanted(tmp_path, "requirements = ['./lib']").fingerprint not in (before, "")


def test_an_address_with_a_password_is_never_taken_over_from_a_lock(tmp_path):
    assert wanted(tmp_path, "requirements = ['alpha @ https://me:secret@a.example.com/a.zip']").fingerprint == ""


def test_the_line_that_names_a_package_is_told(tmp_path):
    repository(tmp_path, requirements_txt="six\n\nScikit_Learn==0.17.1\n")
    read = wanted(tmp_path, "x = 1")
    assert read.written_in("scikit-learn") == "requirements.txt, line 3"
    assert read.written_in("numpy") == ""
