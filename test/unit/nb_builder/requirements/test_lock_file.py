"""The lock as it is kept, and as it is installed from."""

import pytest
from nb_builder.problems.packages import LockOutdated, RequirementsMalformed
from nb_builder.requirements import lock_file

COMMIT = "0123456789" * 4


@pytest.fixture
def src(tmp_path):
    """Return a repository with a project and a wheel."""
    (tmp_path / "lib dir").mkdir()
    (tmp_path / "lib dir/setup.py").write_text("")
    (tmp_path / "a.whl").write_bytes(b"")
    return tmp_path


def test_a_folder_is_locked_by_its_content_and_its_place_from_the_top(src):
    text = lock_file.public(f"alpha @ {(src / 'lib dir').as_uri()}\n{src} ; python_version > '3'\n", src)
    first, second = text.splitlines()
    assert first.startswith("alpha @ file:./lib%20dir#sha256=")
    assert second.startswith("file:.#sha256=") and second.endswith(" ; python_version > '3'")


def test_passwords_stay_out_of_it(src):
    line = f"alpha @ git+https://me:secret@a.example.com/a.git@{COMMIT}#subdirectory=b"
    assert lock_file.public(line, src) == f"alpha @ git+https://a.example.com/a.git@{COMMIT}#subdirectory=b"


def test_what_is_kept_is_installed_from_any_place(src, tmp_path_factory):
    text = lock_file.public(
        f"alpha @ {(src / 'lib dir').as_uri()}\nb @ {(src / 'a.whl').as_uri()} \\\n --hash=sha256:0\n", src
    )
    moved = tmp_path_factory.mktemp("other")
    (moved / "lib dir").mkdir()
    (moved / "lib dir/setup.py").write_text("")
    locked = lock_file.parse(text, moved, "requirements.lock")
    assert locked.sources == (f"alpha @ {(moved / 'lib dir').as_uri()}",)
    assert [line.split() for line in locked.digested] == [["b", "@", (moved / "a.whl").as_uri(), "--hash=sha256:0"]]


@pytest.mark.parametrize("name", ["setup.py", "new.py"])
def test_a_folder_that_has_changed_is_rejected(src, name):
    text = lock_file.public(f"alpha @ {(src / 'lib dir').as_uri()}\n", src)
    (src / "lib dir" / name).write_text("x = 1\n")
    with pytest.raises(LockOutdated, match="The cell requires the folder './lib dir' .* has one with the digest"):
        lock_file.parse(text, src, "requirements.lock")


@pytest.mark.parametrize("name", ["model.ipynb", "requirements.lock"])
def test_the_notebook_and_the_lock_itself_do_not_count(src, name):
    text = lock_file.public(f"alpha @ {(src / 'lib dir').as_uri()}\n", src)
    (src / "lib dir" / name).write_text("{}")
    assert lock_file.parse(text, src, "requirements.lock").sources


def test_a_branch_locks_nothing(src):
    line = "alpha @ git+https://a.example.com/a.git@main"
    with pytest.raises(RequirementsMalformed, match=r"requirements.lock \(line 2\): .* has no full commit"):
        lock_file.parse(f"# by hand\n{line}\n", src, "requirements.lock")
    assert lock_file.parse(line.replace("main", COMMIT), src, "requirements.lock").sources


@pytest.mark.parametrize("path", ["lib\0", "lib%00"])
def test_a_nul_character_is_rejected(src, path):
    with pytest.raises(RequirementsMalformed, match=r"requirements.lock \(line 1\): .* contains a NUL character"):
        lock_file.parse(f"lib @ file:{path}", src, "requirements.lock")


def test_a_version_without_a_digest_is_left_to_the_installer_to_reject(src):
    assert lock_file.parse("--index-url x\nsix==1.17.0\n", src, "requirements.lock") == lock_file.Locked(
        ("six==1.17.0",), ()
    )


def test_digests_of_the_author_take_the_place_of_the_index_s(src):
    resolved = "six==1.17.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\nattrs==1 \\\n    --hash=sha256:cc\n"
    text = lock_file.pinned(resolved, ["Six==1.17.0 --hash=sha256:dd --hash=sha256:ee", "attrs"])
    assert text == "six==1.17.0 --hash=sha256:dd --hash=sha256:ee\nattrs==1 --hash=sha256:cc\n"
    assert lock_file.pinned(resolved, ["six==1.17.0"]) == resolved


def test_what_lies_elsewhere_is_locked_as_it_is(src, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    assert lock_file.public(f"alpha @ file://{other}#x\n", src) == f"alpha @ file://{other}#x\n"
    assert lock_file.public(f"alpha @ {(src / 'a.whl').as_uri()}\n", src) == "alpha @ file:./a.whl\n"


def test_a_folder_that_is_gone_is_rejected_by_its_digest(src):
    text = lock_file.public(f"alpha @ {(src / 'lib dir').as_uri()}\n", src)
    digest = text.rpartition("=")[2][:12]
    (src / "lib dir/setup.py").unlink()
    (src / "lib dir").rmdir()
    with pytest.raises(LockOutdated) as rejected:
        lock_file.parse(text, src, "my.lock")
    gone = "The cell requires the folder './lib dir' (digest none: it is missing…), and my.lock has one with the digest"
    assert f"{gone} {digest}…" in str(rejected.value)


def test_a_commit_is_whole_and_may_have_sixty_four_digits(src):
    line = "alpha @ git+https://a.example.com/a.git@"
    for commit in (COMMIT, COMMIT + 24 * "a", f"{COMMIT}#egg=a", f"{COMMIT} ; python_version > '3'"):
        assert lock_file.parse(line + commit, src, "my.lock").sources == (line + commit,)
    for branch in (COMMIT[:-1], COMMIT + "0", COMMIT.replace("0", "g")):
        with pytest.raises(RequirementsMalformed) as rejected:
            lock_file.parse(f"six==1 --hash=sha256:0\n{line}{branch}", src, "my.lock")
        words = f"my.lock (line 2): '{line}{branch}' has no full commit, which a lock needs"
        assert words in str(rejected.value) and "Correct it in my.lock" in str(rejected.value)


def test_all_lines_of_a_lock_are_kept_with_digests_and_without(src):
    lines = [
        "--pre",
        "six==1 --hash=sha256:0",
        "idna==2",
        f"alpha @ git+https://a/b@{COMMIT}",
        str(src),
        "attrs==3 --hash=x",
    ]
    locked = lock_file.parse("\n".join(lines), src, "my.lock")
    assert locked == lock_file.Locked((lines[1], lines[2], lines[5]), (lines[3], lines[4]))


def test_digests_of_the_author_count_only_for_what_has_some(src):
    resolved = f"six==1 \\\n --hash=sha256:aa\nalpha @ git+https://a/b@{COMMIT}\n"
    wanted = ["alpha --hash=sha256:bb", "idna --hash sha256:cc"]
    assert lock_file.pinned(resolved, wanted) == f"six==1 --hash=sha256:aa\nalpha @ git+https://a/b@{COMMIT}\n"
