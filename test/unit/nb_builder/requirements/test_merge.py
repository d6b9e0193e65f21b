"""The requirements of several notebooks as one."""

from pathlib import Path

import pytest
from nb_builder.problems.packages import RequirementsConflict
from nb_builder.requirements import merge
from nb_builder.requirements.collect import Wanted
from nb_builder.requirements.line_parser import Asked
from nb_builder.requirements.sources import Choice, Declaration, Packages
from packaging.requirements import Requirement


def wanted(folder, *entries, lock=None):
    return Wanted(tuple(map(Requirement, entries)), folder / "requirements.txt", lock, Asked(entries))


def join(*parts):
    return merge.join([(Path(f"{number}.ipynb"), part) for number, part in enumerate(parts, start=1)])


def test_a_sole_notebook_s_requirements_are_left_as_they_are(tmp_path):
    alone = wanted(tmp_path, "six==1.17.0")
    assert join(alone) is alone


def test_what_all_ask_for_is_written_once_in_their_order(tmp_path):
    together = join(wanted(tmp_path, "six==1.17.0", "idna"), wanted(tmp_path, "idna", "attrs>=20"))
    assert [str(entry) for entry in together.cell] == ["six==1.17.0", "idna", "attrs>=20"]
    lines = (tmp_path / "requirements.txt").read_text().splitlines()
    assert lines == ["six==1.17.0", "idna", "attrs>=20", "cloudpickle  # saves and loads the model"]


def test_a_notebook_that_pins_cloudpickle_pins_it_for_all(tmp_path):
    join(wanted(tmp_path, "cloudpickle==3.0.0"), wanted(tmp_path, "six"))
    assert (tmp_path / "requirements.txt").read_text().splitlines() == ["cloudpickle==3.0.0", "six"]


def test_pins_that_exclude_each_other_name_their_notebooks(tmp_path):
    with pytest.raises(RequirementsConflict, match="1.ipynb requires six==1.16.0, and 3.ipynb requires SIX>=1.17"):
        join(wanted(tmp_path, "six==1.16.0"), wanted(tmp_path, "idna"), wanted(tmp_path, "SIX>=1.17"))


def test_a_file_that_two_notebooks_share_counts_once(tmp_path):
    choice = Choice(Declaration("requirements.txt", Packages()), ("of it",), ())
    asked = Asked(("attrs",), ("six<2",))
    first, second = (Wanted((), tmp_path / "build.txt", None, asked, choice=choice) for _ in range(2))
    assert (join(first, second).choice, len(join(first, second))) == (choice, 1)
    assert (tmp_path / "build.txt").read_text().splitlines()[::2] == ["attrs", "-c constraints.txt"]
    assert (tmp_path / "constraints.txt").read_text() == "six<2\n"


def test_an_empty_file_of_the_first_notebook_says_that_nothing_is_needed(tmp_path):
    choice = Choice(Declaration("a/requirements.txt", Packages()), (), ())
    first = Wanted((), tmp_path / "build.txt", None, choice=choice)
    assert join(first, wanted(tmp_path)).declared
    assert not join(wanted(tmp_path), wanted(tmp_path)).declared


def test_the_last_notebook_s_lock_holds(tmp_path):
    lock = tmp_path / "requirements.lock"
    assert join(wanted(tmp_path, lock=tmp_path / "x"), wanted(tmp_path, lock=lock)).lock == lock


def test_notes_of_all_are_reported_once_and_what_one_of_them_counts_on_holds(tmp_path):
    first = Choice(Declaration("requirements.txt", Packages()), ("one", "both"), ())
    second = Choice(None, ("both", "two"), (Declaration("setup.py", Packages(), "wrong"),))
    parts = [Wanted((), tmp_path / "r.txt", None, Asked(), tmp_path, choice) for choice in (first, second)]
    joined = join(*parts)
    assert joined.choice == Choice(first.counted, ("one", "both", "two"), second.silent)
    assert (joined.top, joined.emitted) == (tmp_path, tmp_path / "r.txt")
