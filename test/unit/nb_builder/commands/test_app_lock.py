"""One command at a time for a folder, also where `clean` would remove it."""

import os

import pytest
from nb_builder.commands import app_lock
from nb_builder.commands.app_lock import AppInUse, AppLock


def test_a_folder_in_use_is_rejected_with_what_it_is_used_for(tmp_path):
    lock = AppLock(tmp_path / "apps" / "one", "'x' is being built")
    with pytest.raises(AppInUse, match=rf"apps/one is in use: 'x' is being built, process {os.getpid()}\."):
        AppLock(tmp_path / "apps" / "one", "more")
    lock.note("a service is running", url="http://127.0.0.1:1")
    with pytest.raises(AppInUse, match=r"a service is running, process \d+, on http://127\.0\.0\.1:1\."):
        app_lock.require_none_in_use(tmp_path)


def test_what_no_one_uses_any_more_may_be_taken_and_removed(tmp_path):
    lock = AppLock(tmp_path / "apps" / "one", "'x' is being built")
    AppLock(tmp_path / "apps" / "two", "others are others")
    os.close(lock.descriptor)
    app_lock.require_none_in_use(tmp_path / "elsewhere")
    AppLock(tmp_path / "apps" / "one", "again")


def test_a_lock_without_words_is_one_all_the_same(tmp_path):
    AppLock(tmp_path / "app", "x")
    app_lock.path_of(tmp_path / "app").write_text("")
    with pytest.raises(AppInUse, match="another command is using it"):
        AppLock(tmp_path / "app", "y")


def test_a_lock_that_another_user_made_a_link_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("kept")
    (tmp_path / "app.lock").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        AppLock(tmp_path / "app", "")
    assert victim.read_text() == "kept"
