"""Folders of data in distributions, and which of them nothing reads."""

import pytest
from nb_builder.common.installed import Distribution
from nb_builder.slim.plan import unused_data

CODE = '''"""The module says docs.csv in its docstring."""
# and comment.csv here
class Reader:
    "other.csv"
    name = "named.csv"
    def path(self, folder):
        return f"{folder}/formatted.csv"
'''


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "lib/python3.11/site-packages"
    folder.mkdir(parents=True)
    (folder / "reader.py").write_text(CODE)
    (folder / "broken.py").write_text("{% docs.csv %}")
    (folder / "notes.ipynb").write_text('{"source": "open(comment.csv)"}')
    return folder


def distribution(site, *files):
    return Distribution("one", "1", tuple(f"{site}/{file}" for file in files), 0, False)


def test_folders_of_data_have_no_code_but_what_makes_them_a_package(site):
    mixed = ["one/__init__.py", "one/code.py", "one/beside.csv", "one/native/a.so.1", "one/native/b.csv"]
    alone = ["one/fonts/a.ttf", "one/tables/__init__.py", "one/tables/a.csv", "one/tables/b.csv"]
    others = ["one/empty/__init__.py", "one-1.dist-info/METADATA"]
    distributions = [distribution(site, *mixed, *alone, *others), distribution(site.parents[1] / "share", "one/a.csv")]
    assert unused_data.folders(distributions) == {f"{site}/one/fonts", f"{site}/one/tables"}


def test_data_of_which_nothing_is_in_use_goes_and_what_makes_it_a_package_is_left_to_others(site):
    tables = distribution(site, "one/tables/__init__.py", "one/tables/a.csv", "one/tables/b.csv", "one/fonts/a.ttf")
    assert unused_data.unread(tables, {f"{site}/one/fonts/a.ttf"}, []) == {
        f"{site}/one/tables/a.csv",
        f"{site}/one/tables/b.csv",
    }


def test_folders_of_one_kind_of_file_are_one_thing(site):
    zones = ["zones/UTC", "zones/Europe/__init__.py", "zones/Europe/Berlin", "zones/Asia/Tokyo", "zones/all/zone.tab"]
    timezones = distribution(site, *zones)
    assert unused_data.unread(timezones, {f"{site}/zones/UTC"}, []) == {f"{site}/zones/all/zone.tab"}


@pytest.mark.parametrize("used", ["a.csv", "__init__.py"])
def test_what_is_next_to_data_in_use_stays(site, used):
    tables = distribution(site, "tables/__init__.py", "tables/a.csv", "tables/b.csv")
    assert unused_data.unread(tables, {f"{site}/tables/{used}"}, []) == set()


@pytest.mark.parametrize(
    ("name", "source", "goes"),
    [
        ("named.csv", "reader.py", False),
        ("formatted.csv", "reader.py", False),
        ("unnamed.csv", "reader.py", True),
        ("docs.csv", "reader.py", True),
        ("comment.csv", "reader.py", True),
        ("other.csv", "reader.py", True),
        ("docs.csv", "broken.py", False),
        ("comment.csv", "notes.ipynb", False),
    ],
)
def test_data_stays_that_code_names_but_not_what_only_docstrings_and_comments_do(site, name, source, goes):
    tables = distribution(site, f"tables/{name}", "tables/companion.csv")
    assert unused_data.unread(tables, set(), [str(site / source)]) == (set(tables.files) if goes else set())
