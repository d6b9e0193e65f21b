"""The lock as it is kept, and as it is installed from."""

import pytest
from nb_builder.problems.requirements import LockOutdated, RequirementsMalformed
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
    other = tmp_path_factory.mktemp("other")
    (other / "lib dir").mkdir()
    (other / "lib dir/setup.py").write_text("")
    locked = lock_file.parse(text, other, "requirements.lock")
    assert locked.sources == (f"alpha @ {(other / 'lib dir').as_uri()}",)
    assert [line.split() for line in locked.digested] == [["b", "@", (other / "a.whl").as_uri(), "--hash=sha256:0"]]


@pytest.mark.parametrize("name", ["setup.py", "new.py"])
def test_a_folder_that_has_changed_is_refused(src, name):
    text = lock_file.public(f"alpha @ {(src / 'lib dir').as_uri()}\n", src)
    (src / "lib dir" / name).write_text("x = 1\n")
    with pytest.raises(LockOutdated, match="The cell asks for the folder './lib dir' .* has one with the digest"):
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


def test_a_version_without_a_digest_is_left_to_the_installer_to_refuse(src):
    assert lock_file.parse("--index-url x\nsix==1.17.0\n", src, "requirements.lock") == lock_file.Locked(
        ("six==1.17.0",), ()
    )


def test_digests_of_the_author_take_the_place_of_the_index_s(src):
    resolved = "six==1.17.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\nattrs==1 \\\n    --hash=sha256:cc\n"
    text = lock_file.pinned(resolved, ["Six==1.17.0 --hash=sha256:dd --hash=sha256:ee", "attrs"])
    assert text == "six==1.17.0 --hash=sha256:dd --hash=sha256:ee\nattrs==1 --hash=sha256:cc\n"
    assert lock_file.pinned(resolved, ["six==1.17.0"]) == resolved
