"""Which declaration counts, and the notes on the others."""

from nb_builder.requirements import sources
from nb_builder.requirements.sources import Declaration, Packages
from packaging.requirements import Requirement


def declaration(file, *lines, error="", **more):
    return Declaration(file, Packages(lines, **more), error)


def choose(*declarations, cell=()):
    return sources.choose([Requirement(line) for line in cell], declarations)


def test_the_nearest_that_names_packages_counts():
    near, far = declaration("work/environment.yml", "six"), declaration("requirements.txt", "idna")
    assert choose(declaration("work/pyproject.toml"), near, far).counted == near


def test_next_to_a_cell_requirements_txt_alone_counts():
    files = [
        declaration("environment.yml", "six"),
        declaration("binder/requirements.txt", "idna"),
        declaration("requirements.txt", "attrs"),
    ]
    assert choose(*files, cell=["six"]).counted == files[-1]
    assert choose(*files[:2], cell=["six"]).counted is None


def test_an_empty_requirements_txt_says_that_nothing_is_needed_where_no_other_file_says_more():
    assert choose(declaration("requirements.txt")).counted.file == "requirements.txt"
    assert choose(declaration("requirements.txt"), declaration("setup.py", "six")).counted.file == "setup.py"


def test_two_that_disagree_are_reported_and_two_that_agree_are_not():
    first, second = (
        declaration("environment.yml", "six==1.16.0", "idna"),
        declaration("setup.py", "six<1.16", "idna==3.4"),
    )
    assert choose(first, second).notes == (
        "environment.yml requires six==1.16.0, and takes precedence; setup.py requires six<1.16.",
    )
    assert choose(first, declaration("setup.py", "six>=1")).notes == ()


def test_one_that_cannot_be_read_is_reported_where_another_counts():
    unreadable = declaration("setup.py", error="it is computed")
    assert choose(unreadable, declaration("environment.yml", "six")).notes == ("setup.py is not read: it is computed.",)
    assert choose(unreadable).silent == (unreadable,)


def test_a_line_that_is_no_requirement_makes_a_declaration_unreadable():
    choice = choose(declaration("pyproject.toml", "six", "not a requirement"))
    assert choice.counted is None
    assert "'not a requirement' is not a requirement" in choice.silent[0].error


def test_a_requirements_txt_of_binder_is_none_of_those_that_count_next_to_a_cell():
    for folder in ("binder", ".binder", "notebooks/binder"):
        assert choose(declaration(f"{folder}/requirements.txt", "six"), cell=["idna"]).counted is None
    assert choose(declaration("binder/nested/requirements.txt", "six"), cell=["idna"]).counted


def test_what_counts_reports_its_notes_and_the_cell_s_come_first():
    one = declaration("a/environment.yml", "six", notes=("as it is",))
    choice = sources.choose([], [one], ["of the cell"])
    assert choice.notes == ("of the cell", "a/environment.yml: as it is.")


def test_a_cell_of_paths_alone_asks_for_something_too():
    files = [declaration("setup.py", error="it is computed"), declaration("environment.yml", "six")]
    assert sources.choose([], files, has_paths=True).notes == ("setup.py is not read: it is computed.",)
    assert sources.choose([], files, has_paths=True).counted is None
    assert choose(files[0]).notes == ()


def test_the_cell_and_a_file_that_does_not_count_may_disagree():
    notes = choose(declaration("setup.py", "six==1.16.0", "idna"), cell=["idna", "SIX>=1.17"]).notes
    assert notes == ("the cell requires SIX>=1.17, and takes precedence; setup.py requires six==1.16.0.",)


def test_lines_that_an_installer_judges_make_nothing_unreadable():
    for line in ("-r more.txt", "./lib", ".", "lib/x", "a b.whl"):
        assert choose(declaration("environment.yml", "six", line)).counted
    assert choose(declaration("requirements.txt", "not a requirement")).counted
    assert (
        choose(declaration("environment.yml", "a b"))
        .silent[0]
        .error.startswith("'a b' is not a requirement (Expected ")
    )
