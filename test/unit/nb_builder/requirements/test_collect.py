"""Running script one and judging each line of what it emits."""

import sys
from pathlib import Path

import pytest
from nb_builder.problems.notebooks import FileEncoding
from nb_builder.problems.packages import (
    IndexNotAllowed,
    LockOutdated,
    RequirementIsOption,
    RequirementsConflict,
    RequirementsMalformed,
    RequirementsNeedPackages,
)
from nb_builder.requirements import collect, lock_file, sources
from nb_builder.rewrite import scripts
from nbformat.v4 import new_code_cell, new_notebook

NAME = Path("model.ipynb")


def wanted(tmp_path, source, folder=".", python="3.11.2"):
    build, src = tmp_path / "build", tmp_path / "src"
    build.mkdir(exist_ok=True)
    (src / folder).mkdir(exist_ok=True, parents=True)
    script = build / "one.py"
    notebook = new_notebook(cells=[new_code_cell(source)])
    script.write_text(scripts.requirements_script(notebook, NAME).text)
    declared = sources.of_repository(Path(folder) / NAME, notebook, src)
    interpreter = collect.Interpreter(Path(sys.executable), python)
    return collect.collect(script, interpreter, src / folder, src, NAME, declared)


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


def test_pins_of_a_package_for_several_pythons_count_once(tmp_path):
    pins = "requirements = [\"six==1.16; python_version < '3.14'\", \"Six==1.17; python_version >= '3.14'\", 'idna']"
    assert len(wanted(tmp_path, pins)) == 2


def test_a_helper_module_of_the_repository_can_be_used(tmp_path):
    repository(tmp_path, pins_py='numpy = "1.26.4"')
    assert collected(tmp_path, "import pins\nrequirements = [['numpy', pins.numpy]]") == ["numpy==1.26.4"]


@pytest.mark.parametrize(
    ("problem", "words", "cell"),
    [
        (
            RequirementsNeedPackages,
            "ModuleNotFoundError: No module named 'pandas'",
            "import pandas\nrequirements = [['pandas', pandas.__version__]]",
        ),
        # A package of the interpreter that runs the builder does not count.
        (
            RequirementsNeedPackages,
            "No module named 'pytest'",
            "import pytest\nrequirements = [['pytest', pytest.__version__]]",
        ),
        (RequirementsMalformed, "entry 2, 5, is neither a string nor a pair", "requirements = [['numpy', '1'], 5]"),
        (
            RequirementsMalformed,
            "the repository has no file or folder 'a-1-py3-none-any.whl'",
            "requirements = ['a-1-py3-none-any.whl']",
        ),
        (RequirementsMalformed, "'numpy==one two' is not a requirement", "requirements = [['numpy', 'one two']]"),
    ],
)
def test_what_can_t_be_collected_is_a_problem_that_quotes_it(tmp_path, problem, words, cell):
    with pytest.raises(problem, match=words):
        collected(tmp_path, cell)


@pytest.mark.parametrize("entry", ["--user", "--global-option=x", "--index-url"])
def test_an_option_never_reaches_an_installer(tmp_path, entry):
    with pytest.raises(RequirementIsOption, match=r"'requirements' \(entry 1\) has the option"):
        collected(tmp_path, f"requirements = [[{entry!r}, '']]")


def test_cloudpickle_comes_along_unless_the_author_pins_it(tmp_path):
    wanted(tmp_path, "requirements = ['six']")
    assert "cloudpickle  # saves" in (tmp_path / "build/requirements.txt").read_text()
    wanted(tmp_path, "requirements = [['cloudpickle', '3.0.0']]")
    assert (tmp_path / "build/requirements.txt").read_text() == "cloudpickle==3.0.0\n"


def test_requirements_txt_of_the_repository_counts_too(tmp_path):
    repository(tmp_path, requirements_txt="# what we use\nsix>=1.10  # old\nattrs \\\n  >=20\n")
    requirements = wanted(tmp_path, "requirements = [['six', '1.16.0']]", folder="notebooks")
    assert len(requirements) == 3
    assert requirements.emitted.read_text().splitlines()[:3] == ["six==1.16.0", "six>=1.10", "attrs >=20"]


def test_a_contradiction_between_cell_and_file_names_both(tmp_path):
    repository(tmp_path, requirements_txt="attrs\nSix<1.16\n")
    with pytest.raises(
        RequirementsConflict, match=r"the cell requires six==1.16.0, and requirements.txt \(line 2\) requires Six<1.16"
    ):
        wanted(tmp_path, "requirements = [['six', '1.16.0']]")


def test_a_lock_that_does_not_fit_is_rejected(tmp_path):
    repository(tmp_path, requirements_lock="six==1.16.0 --hash=sha256:00\n")
    assert wanted(tmp_path, "requirements = [['six', '1.16.0']]").lock
    with pytest.raises(LockOutdated, match="The cell requires six==1.17.0, and requirements.lock has 1.16.0"):
        wanted(tmp_path, "requirements = [['six', '1.17.0']]")
    with pytest.raises(LockOutdated, match="The cell requires attrs, and requirements.lock has nothing"):
        wanted(tmp_path, "requirements = ['attrs']")


@pytest.mark.parametrize("value", ["[['alpha', './alpha-1.0-py3-none-any.whl']]", "['alpha-1.0-py3-none-any.whl']"])
def test_a_wheel_of_the_repository_is_named_by_its_place(tmp_path, value):
    (tmp_path / "src").mkdir()
    (tmp_path / "src/alpha-1.0-py3-none-any.whl").write_bytes(b"")
    assert collected(tmp_path, f"requirements = {value}") == [
        f"alpha @ file://{tmp_path}/src/alpha-1.0-py3-none-any.whl"
    ]


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
    assert read.choice.notes == ("more.txt: left out, because it is for Windows only: pywin32.",)
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
        RequirementsMalformed, match=r"requirements.txt \(line 1\): 'more.txt' can't be read: it is neither"
    ):
        wanted(tmp_path, "x = 1")


def test_an_index_is_rejected_before_anything_else_is_done(tmp_path):
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


def test_a_lock_without_an_address_that_the_cell_names_is_rejected(tmp_path):
    repository(tmp_path, requirements_lock="six==1.16.0 --hash=sha256:00\n")
    with pytest.raises(LockOutdated, match="The cell requires alpha @ https://a.example.com/a.zip, and .* has nothing"):
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


def test_the_line_that_names_a_package_is_reported(tmp_path):
    repository(tmp_path, requirements_txt="six\n\nScikit_Learn==0.17.1\n")
    read = wanted(tmp_path, "x = 1")
    assert read.written_in("scikit-learn") == "requirements.txt, line 3"
    assert read.written_in("numpy") == ""


def rejected(problem, tmp_path, source, **more):
    with pytest.raises(problem) as raised:
        wanted(tmp_path, source, **more)
    return str(raised.value)


def test_what_the_cell_can_t_do_is_reported_by_its_last_line(tmp_path):
    source = "import os\nrequirements = [os.write(2, b'first\\nlast\\n'), os._exit(7)]"
    assert "last" in rejected(RequirementsNeedPackages, tmp_path, source).splitlines()[0]
    assert "exit status 7" in rejected(RequirementsNeedPackages, tmp_path, "import os\nrequirements = [os._exit(7)]")
    malformed = rejected(RequirementsMalformed, tmp_path, "requirements = [['six', '1'], ['a', 'b', 'c']]")
    assert "entry 2" in malformed and "Correct it in model.ipynb" in malformed


def test_the_cell_is_reported_where_to_correct_it(tmp_path):
    reported = rejected(RequirementsMalformed, tmp_path, "requirements = ['six seven']")
    assert (
        "'requirements' (entry 1): 'six seven' is not a requirement" in reported
        and "Correct it in model.ipynb" in reported
    )


def test_the_cell_sees_its_own_folder_and_no_input(tmp_path):
    (tmp_path / "src/deep").mkdir(parents=True)
    (tmp_path / "src/deep/own.py").write_text("name = 'six'")
    source = (
        "import os, own, sys\nrequirements = [own.name, os.path.basename(os.getcwd()), sys.stdin.read() or 'empty']"
    )
    assert [str(each) for each in wanted(tmp_path, source, folder="deep").cell] == ["six", "deep", "empty"]


def test_notes_on_the_cell_are_reported_as_of_requirements(tmp_path):
    read = wanted(tmp_path, "requirements = ['pywin32']")
    assert read.choice.notes == ("requirements: left out, because it is for Windows only: pywin32.",)


def test_a_contradiction_with_a_file_of_entries_counts_them(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src/requirements.txt").write_text("python=3.9=h\nattrs=22.1=x\nsix=1.15=py_0\n")
    reported = rejected(RequirementsConflict, tmp_path, "requirements = [['six', '1.16.0']]")
    assert "the cell requires six==1.16.0, and requirements.txt (entry 2) requires six==1.15." in reported


def test_a_marker_is_about_the_notebook_s_python(tmp_path):
    repository(tmp_path, requirements_lock="six==1.16.0 --hash=sha256:00\n")
    cell = 'requirements = ["six", "tomli; python_version >= \'3.8\'"]'
    assert wanted(tmp_path, cell, python="3.7.17").lock
    with pytest.raises(LockOutdated, match="The cell requires tomli; .*, and requirements.lock has nothing"):
        wanted(tmp_path, cell, python="3.8.20")


def test_of_the_versions_in_a_lock_the_one_for_the_notebook_s_python_counts(tmp_path):
    lock = """\
six==1.16.0 ; python_full_version < '3.8' \\
    --hash=sha256:00
six==1.17.0 ; python_full_version >= '3.8' --hash=sha256:01
"""
    repository(tmp_path, requirements_lock=lock)
    assert wanted(tmp_path, 'requirements = [["six", "1.16.0"]]', python="3.7.17").lock
    assert wanted(tmp_path, 'requirements = [["six", "1.17.0"]]', python="3.8.20").lock
    with pytest.raises(LockOutdated, match="requirements.lock has 1.17.0"):
        wanted(tmp_path, 'requirements = [["six", "1.16.0"]]', python="3.8.20")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_a_lock_may_be_in_utf_16(tmp_path, encoding):
    repository(tmp_path)
    lock = "--only-binary six\r\nsix==1.16.0 --hash=sha256:00\r\n"
    (tmp_path / "src/requirements.lock").write_bytes(lock.encode(encoding))
    found = wanted(tmp_path, "requirements = ['six']")
    assert found.lock and found.asked.options.only_binary == ("six",)
    assert found.fingerprint
    with pytest.raises(LockOutdated, match="has 1.16.0"):
        wanted(tmp_path, "requirements = ['six>=1.17']")


def test_a_lock_in_another_encoding_is_a_problem_that_names_it(tmp_path):
    repository(tmp_path)
    (tmp_path / "src/requirements.lock").write_bytes("six==1.16.0 # für später\n".encode("latin-1"))
    with pytest.raises(FileEncoding, match="requirements.lock is not UTF-8 or UTF-16 text"):
        wanted(tmp_path, "requirements = ['six']")


def test_the_nearest_lock_counts(tmp_path):
    (tmp_path / "src/a/b").mkdir(parents=True)
    for folder in ("src", "src/a", "."):
        (tmp_path / folder / "requirements.lock").write_text("six==1 --hash=sha256:00\n")
    assert wanted(tmp_path, "x = 1", folder="a/b").lock == tmp_path / "src/a/requirements.lock"
    (tmp_path / "src/a/requirements.lock").unlink()
    assert wanted(tmp_path, "x = 1", folder="a/b").lock == tmp_path / "src/requirements.lock"
    (tmp_path / "src/requirements.lock").unlink()
    assert wanted(tmp_path, "x = 1", folder="a/b").lock is None


def test_a_lock_may_have_more_than_the_cell_says(tmp_path):
    repository(
        tmp_path,
        requirements_lock="\ufeffSix[x]==1.16.0rc1 ; python_version > '3' --hash=sha256:00\n"
        f"alpha @ git+https://a/b@{40 * '0'}\n",
    )
    cell = "requirements = ['six>=1.15', 'alpha>=3', 'other; python_version < \"3\"']"
    assert wanted(tmp_path, cell).lock
    reported = rejected(LockOutdated, tmp_path, "requirements = ['six>=1.17']")
    assert "The cell requires six>=1.17, and requirements.lock has 1.16.0rc1" in reported


def test_what_is_pinned_and_what_is_not_is_known_by_name(tmp_path):
    read = wanted(tmp_path, "requirements = ['Six===1', 'idna==3.*', 'a_b @ https://a/b.zip', 'attrs>=1', 'x==1,>0']")
    assert (read.pinned, read.unpinned) == (["a-b", "six", "x"], ["attrs", "idna"])
    assert len(read) == 5 and read.declared


def test_nothing_is_declared_where_nothing_asks(tmp_path):
    read = wanted(tmp_path, "x = 1")
    assert (read.declared, read.written_in("six"), read.top) == (False, "", tmp_path / "src")
    repository(tmp_path, requirements_lock="")
    assert wanted(tmp_path, "x = 1").declared


def test_an_entry_of_a_file_without_lines_is_reported_by_its_number(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src/environment.yml").write_text("dependencies: [idna, scikit-learn]")
    assert wanted(tmp_path, "x = 1").written_in("Scikit_Learn") == "environment.yml, entry 2"


def test_requirements_are_counted_in_words():
    assert [collect.counted(number) for number in (0, 1, 2)] == ["no requirements", "1 requirement", "2 requirements"]


def test_the_fingerprint_knows_options_constraints_and_the_lock(tmp_path):
    found = {wanted(tmp_path, "requirements = ['six']").fingerprint}
    found.add(wanted(tmp_path, "requirements = ['six', '--pre']").fingerprint)
    repository(tmp_path, c_txt="idna<3\n")
    found.add(wanted(tmp_path, "requirements = ['six', '-c c.txt']").fingerprint)
    repository(tmp_path, requirements_lock="six==1 --hash=sha256:00\n")
    found.add(wanted(tmp_path, "requirements = ['six']").fingerprint)
    assert len(found - {""}) == 4


def test_constraints_of_a_cell_are_drawn_into_what_installers_read(tmp_path):
    repository(tmp_path, c_txt="idna<3\nattrs<20\n")
    wanted(tmp_path, "requirements = ['six', '-c c.txt']")
    assert (tmp_path / "build/constraints.txt").read_text() == "idna<3\nattrs<20\n"
    lines = ["six", "cloudpickle  # saves and loads the model", "-c constraints.txt"]
    assert (tmp_path / "build/requirements.txt").read_text().splitlines() == lines


def test_a_folder_in_a_lock_is_looked_for_from_the_repository_s_top(tmp_path):
    (tmp_path / "src/lib").mkdir(parents=True)
    (tmp_path / "src/lib/setup.py").write_text("")
    locked = lock_file.public(f"alpha @ {(tmp_path / 'src/lib').as_uri()}\n", tmp_path / "src")
    repository(tmp_path, requirements_lock=locked)
    assert wanted(tmp_path, "x = 1", folder="notebooks").lock
    (tmp_path / "src/lib/new.py").write_text("")
    assert "the folder './lib'" in rejected(LockOutdated, tmp_path, "x = 1")


def test_a_package_that_environments_had_is_added_unless_the_author_names_it(tmp_path):
    collect.add(wanted(tmp_path, 'requirements = [["numpy", "1.18.0"]]'), "setuptools", "every environment had it")
    assert (tmp_path / "build/requirements.txt").read_text().endswith("setuptools  # every environment had it\n")
    collect.add(wanted(tmp_path, 'requirements = ["Setuptools<58"]'), "setuptools", "every environment had it")
    assert "every environment" not in (tmp_path / "build/requirements.txt").read_text()
