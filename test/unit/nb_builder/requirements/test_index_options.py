"""Indexes that requirements name: who may, and what installers hear of them."""

import pytest
from nb_builder.problems.packages import IndexNotAllowed
from nb_builder.requirements import line_parser
from nb_builder.requirements.index_options import IndexOptions

LINE = "requirements.txt (line 1)"


def options(**values):
    return IndexOptions(where=LINE, **values)


def check(index_options, tmp_path, *allowed, **environ):
    index_options.check(allowed, tmp_path, {"HOME": str(tmp_path), "PIP_CONFIG_FILE": "/dev/null", **environ})


@pytest.mark.parametrize(
    "index_options",
    [
        options(index="https://a.example.com/simple"),
        options(extra=("https://me:secret@A.example.com:443/simple",)),
        options(links=("https://a.example.com/wheels",)),
        options(trusted=("a.example.com",)),
        options(extra=("https://a.example.com/simple",)) + options(pre=True),
    ],
)
def test_an_index_counts_where_its_host_is_allowed(index_options, tmp_path):
    with pytest.raises(IndexNotAllowed) as rejected:
        check(index_options, tmp_path, "b.example.com")
    assert LINE in rejected.value.what and "secret" not in str(rejected.value)
    assert "S2I_ALLOW_INDEXES=a.example.com" in rejected.value.fix
    check(index_options, tmp_path, "b.example.com", "a.example.com")


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
    for url in ("file:///srv/wheels", f"{tmp_path.as_uri()}/../wheels"):
        with pytest.raises(IndexNotAllowed, match=f"takes packages from {url}"):
            check(options(links=(url,)), tmp_path)


def test_installers_receive_it_as_pip_would_be_reported(tmp_path):
    index_options = options(index="https://a.example.com/s", extra=("https://b.example.com/s",)) + options(
        only_binary=("six",)
    )
    environ = {"PIP_CONFIG_FILE": "/dev/null", "PIP_EXTRA_INDEX_URL": "https://own.example.com/s", "OTHER": "1"}
    applied = index_options.applied(environ)
    assert applied["PIP_INDEX_URL"] == "https://a.example.com/s"
    assert applied["PIP_EXTRA_INDEX_URL"] == "https://own.example.com/s https://b.example.com/s"
    assert (applied["PIP_ONLY_BINARY"], applied["OTHER"]) == ("six", "1")
    assert "PIP_FIND_LINKS" not in applied


def test_without_options_nothing_changes():
    assert IndexOptions().applied({"PIP_INDEX_URL": "x", "HOME": "/"}) == {"PIP_INDEX_URL": "x", "HOME": "/"}


def test_installers_receive_every_option_next_to_what_they_were_reported(tmp_path):
    made = options(
        extra=("https://b/s",),
        links=("/w",),
        trusted=("b",),
        only_binary=("six",),
        no_binary=("idna",),
        no_index=True,
        pre=True,
    )
    given = {
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_EXTRA_INDEX_URL": "https://a/s",
        "PIP_FIND_LINKS": "/v",
        "PIP_TRUSTED_HOST": "a",
        "PIP_ONLY_BINARY": "numpy,scipy",
        "PIP_NO_BINARY": "attrs",
    }
    assert made.applied(given) == {
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_EXTRA_INDEX_URL": "https://a/s https://b/s",
        "PIP_FIND_LINKS": "/v /w",
        "PIP_TRUSTED_HOST": "a b",
        "PIP_ONLY_BINARY": "numpy,scipy,six",
        "PIP_NO_BINARY": "attrs,idna",
        "PIP_NO_INDEX": "1",
        "PIP_PRE": "1",
    }


def test_two_lines_together_say_what_both_say_once():
    one = IndexOptions("a", "i", ("e",), ("l",), ("t",), ("o",), ("n",), True, False)
    other = IndexOptions("b", "j", ("e", "f"), ("l", "m"), ("t", "u"), ("o", "p"), ("n", "q"), False, True)
    both = IndexOptions(
        "", "j", ("e", "f"), ("l", "m"), ("t", "u"), ("o", "p"), ("n", "q"), True, True, lines=(one, other)
    )
    assert one + other == both
    assert (one + IndexOptions()).index == "i"


def test_an_address_without_a_host_is_named_itself(tmp_path):
    with pytest.raises(IndexNotAllowed) as rejected:
        check(options(links=("file:///srv/wheels",)), tmp_path)
    assert f"{LINE} takes packages from file:///srv/wheels" in rejected.value.what
    check(options(links=(tmp_path.as_uri(),)), tmp_path)
    check(options(trusted=("B.example.com:8080",)), tmp_path, "b.example.com")


@pytest.mark.parametrize(
    ("line", "host"),
    [
        ("a @ https://evil.example/a-1-py3-none-any.whl", "evil.example"),
        ("https://evil.example:8443/a-1-py3-none-any.whl", "evil.example:8443"),
        ("git+https://me:word@evil.example/a.git", "evil.example"),
        ("-e git+ssh://git@evil.example/a.git#egg=a", "evil.example"),
    ],
)
def test_where_hosts_are_allowed_single_addresses_must_have_one_of_them(line, host, tmp_path):
    origin = line_parser.Origin("requirements.txt", "line", "requirements.txt", (tmp_path,), tmp_path)
    options = line_parser.read([(1, line)], origin).options
    options.check((), tmp_path, {})
    options.check((host.partition(":")[0],), tmp_path, {})
    with pytest.raises(IndexNotAllowed) as problem:
        options.check(("good.example",), tmp_path, {})
    assert f"S2I_ALLOW_INDEXES={host} " in problem.value.fix and "word" not in problem.value.what


def test_addresses_in_a_lock_are_bounded_as_well(tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text("a==1\nb @ https://evil.example/b-1-py3-none-any.whl --hash=sha256:00\nc @ file:./c\n")
    with pytest.raises(IndexNotAllowed, match="requirements.lock .line 2."):
        line_parser.options_of(lock, tmp_path).check(("good.example",), tmp_path, {})
