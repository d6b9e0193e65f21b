"""Where a build comes from."""

import subprocess

from nb_builder.report import provenance


def repository(tmp_path):
    git = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    subprocess.run([*git, "remote", "add", "origin", "https://me:secret@example.org/repo.git"], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()


def test_a_checkout_reports_commit_and_source_without_credentials(tmp_path):
    commit = repository(tmp_path)
    assert provenance.read(tmp_path, None, None) == {"commit": commit, "source": "https://example.org/repo.git"}


def test_what_the_settings_say_counts(tmp_path):
    repository(tmp_path)
    assert provenance.read(tmp_path, "abc", "https://u:p@host/x") == {"commit": "abc", "source": "https://host/x"}


def test_a_folder_inside_another_checkout_reports_nothing(tmp_path):
    repository(tmp_path)
    (tmp_path / "sub").mkdir()
    assert provenance.read(tmp_path / "sub", None, None) == {}
