"""Which declaration counts, and what is told of the others."""

from nb_builder.requirements import sources
from nb_builder.requirements.sources import Declaration, Said
from packaging.requirements import Requirement


def said(file, *lines, wrong="", **more):
    return Declaration(file, Said(lines, **more), wrong)


def choose(*declarations, cell=()):
    return sources.choose([Requirement(line) for line in cell], declarations)


def test_the_nearest_that_names_packages_counts():
    near, far = said("work/environment.yml", "six"), said("requirements.txt", "idna")
    assert choose(said("work/pyproject.toml"), near, far).counted == near


def test_beside_a_cell_requirements_txt_alone_counts():
    files = [said("environment.yml", "six"), said("binder/requirements.txt", "idna"), said("requirements.txt", "attrs")]
    assert choose(*files, cell=["six"]).counted == files[-1]
    assert choose(*files[:2], cell=["six"]).counted is None


def test_an_empty_requirements_txt_says_that_nothing_is_needed_where_no_other_file_says_more():
    assert choose(said("requirements.txt")).counted.file == "requirements.txt"
    assert choose(said("requirements.txt"), said("setup.py", "six")).counted.file == "setup.py"


def test_two_that_disagree_are_told_and_two_that_agree_are_not():
    one, other = said("environment.yml", "six==1.16.0", "idna"), said("setup.py", "six<1.16", "idna==3.4")
    assert choose(one, other).notes == (
        "environment.yml asks for six==1.16.0, and counts; setup.py asks for six<1.16.",
    )
    assert choose(one, said("setup.py", "six>=1")).notes == ()


def test_one_that_cannot_be_read_is_told_where_another_counts():
    wrong = said("setup.py", wrong="it is computed")
    assert choose(wrong, said("environment.yml", "six")).notes == ("setup.py is not read: it is computed.",)
    assert choose(wrong).silent == (wrong,)


def test_a_line_that_is_no_requirement_makes_a_declaration_unreadable():
    choice = choose(said("pyproject.toml", "six", "not a requirement"))
    assert choice.counted is None
    assert "'not a requirement' is no requirement" in choice.silent[0].wrong
