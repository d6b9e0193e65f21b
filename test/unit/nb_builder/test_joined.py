"""The requirements of several notebooks as one."""

from pathlib import Path

import pytest
from nb_builder import joined
from nb_builder.problems import RequirementsConflict
from nb_builder.requirements import Wanted
from packaging.requirements import Requirement


def wanted(folder, *entries, file=None, lock=None):
    return Wanted(tuple(map(Requirement, entries)), folder / "requirements.txt", file, lock)


def join(folder, *parts):
    return joined.join([(Path(f"{number}.ipynb"), part) for number, part in enumerate(parts, start=1)], folder)


def test_a_sole_notebook_s_requirements_are_left_as_they_are(tmp_path):
    alone = wanted(tmp_path, "six==1.17.0")
    assert join(tmp_path, alone) is alone


def test_what_all_ask_for_is_written_once_in_their_order(tmp_path):
    together = join(tmp_path, wanted(tmp_path, "six==1.17.0", "idna"), wanted(tmp_path, "idna", "attrs>=20"))
    assert [str(entry) for entry in together.cell] == ["six==1.17.0", "idna", "attrs>=20"]
    lines = (tmp_path / "requirements.txt").read_text().splitlines()
    assert lines == ["six==1.17.0", "idna", "attrs>=20", "cloudpickle  # saves and loads the model"]


def test_a_notebook_that_pins_cloudpickle_pins_it_for_all(tmp_path):
    join(tmp_path, wanted(tmp_path, "cloudpickle==3.0.0"), wanted(tmp_path, "six"))
    assert (tmp_path / "requirements.txt").read_text().splitlines() == ["cloudpickle==3.0.0", "six"]


def test_pins_that_exclude_each_other_name_their_notebooks(tmp_path):
    with pytest.raises(RequirementsConflict, match="1.ipynb asks for six==1.16.0, and 3.ipynb for SIX>=1.17"):
        join(tmp_path, wanted(tmp_path, "six==1.16.0"), wanted(tmp_path, "idna"), wanted(tmp_path, "SIX>=1.17"))


def test_the_same_file_counts_once_and_others_are_drawn_in(tmp_path):
    one, other = tmp_path / "requirements.txt", tmp_path / "ü b" / "requirements.txt"
    assert join(tmp_path, wanted(tmp_path, file=one), wanted(tmp_path, file=one)).file == one
    both = join(tmp_path, wanted(tmp_path, file=one), wanted(tmp_path, file=other)).file
    assert both.read_text().splitlines() == [f"-r {one.as_uri()}", f"-r {other.as_uri()}"]


def test_the_last_notebook_s_lock_holds(tmp_path):
    lock = tmp_path / "requirements.lock"
    assert join(tmp_path, wanted(tmp_path, lock=tmp_path / "x"), wanted(tmp_path, lock=lock)).lock == lock
