"""Indexes that requirements name: who may, and what installers hear of them."""

import pytest
from nb_builder.problems.requirements import IndexNotAllowed
from nb_builder.requirements.index_options import IndexOptions

LINE = "requirements.txt (line 1)"


def options(**values):
    return IndexOptions(where=LINE, **values)


def check(made, tmp_path, *allowed, **environ):
    made.check(allowed, tmp_path, {"HOME": str(tmp_path), "PIP_CONFIG_FILE": "/dev/null", **environ})


@pytest.mark.parametrize(
    "made",
    [
        options(index="https://a.example.com/simple"),
        options(extra=("https://me:secret@A.example.com:443/simple",)),
        options(links=("https://a.example.com/wheels",)),
        options(trusted=("a.example.com",)),
        options(extra=("https://a.example.com/simple",)) + options(pre=True),
    ],
)
def test_an_index_counts_where_its_host_is_allowed(made, tmp_path):
    with pytest.raises(IndexNotAllowed) as refused:
        check(made, tmp_path, "b.example.com")
    assert LINE in refused.value.what and "secret" not in str(refused.value)
    assert "S2I_ALLOW_INDEXES=a.example.com" in refused.value.fix
    check(made, tmp_path, "b.example.com", "a.example.com")


def test_a_host_that_only_ends_alike_is_another_one(tmp_path):
    with pytest.raises(IndexNotAllowed):
        check(options(extra=("https://evil-a.example.com/simple",)), tmp_path, "a.example.com")
    with pytest.raises(IndexNotAllowed):
        check(options(extra=("https://a.example.com@evil.example.com/simple",)), tmp_path, "a.example.com")


def test_what_the_builder_uses_anyway_needs_no_leave(tmp_path):
    check(options(index="https://pypi.org/simple/"), tmp_path)
    check(options(index="https://c.example.com/s"), tmp_path, PIP_INDEX_URL="https://c.example.com/s/")
    with pytest.raises(IndexNotAllowed):
        check(options(index="https://pypi.org/simple"), tmp_path, PIP_INDEX_URL="https://c.example.com/s")


def test_folders_of_the_repository_need_no_leave_and_others_do(tmp_path):
    check(options(links=((tmp_path / "wheels").as_uri(),)), tmp_path)
    for other in ("file:///srv/wheels", f"{tmp_path.as_uri()}/../wheels"):
        with pytest.raises(IndexNotAllowed, match=f"takes packages from {other}"):
            check(options(links=(other,)), tmp_path)


def test_installers_hear_of_it_as_pip_would_be_told(tmp_path):
    made = options(index="https://a.example.com/s", extra=("https://b.example.com/s",)) + options(only_binary=("six",))
    given = {"PIP_CONFIG_FILE": "/dev/null", "PIP_EXTRA_INDEX_URL": "https://own.example.com/s", "OTHER": "1"}
    told = made.applied(given)
    assert told["PIP_INDEX_URL"] == "https://a.example.com/s"
    assert told["PIP_EXTRA_INDEX_URL"] == "https://own.example.com/s https://b.example.com/s"
    assert (told["PIP_ONLY_BINARY"], told["OTHER"]) == ("six", "1")
    assert "PIP_FIND_LINKS" not in told


def test_without_options_nothing_changes():
    assert IndexOptions().applied({"PIP_INDEX_URL": "x", "HOME": "/"}) == {"PIP_INDEX_URL": "x", "HOME": "/"}
