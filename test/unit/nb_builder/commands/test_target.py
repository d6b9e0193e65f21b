"""The targets that `nb-builder run` and `check` accept."""

import io
import os
import subprocess

import pytest
from nb_builder.commands import target
from nb_builder.common.log import Log
from nb_builder.repository import author_variables


def resolved(what, tmp_path):
    with target.repository(str(what), tmp_path / "clone", Log(io.StringIO())) as found:
        return found


def test_a_folder_is_taken_as_it_is(tmp_path):
    (tmp_path / "a.ipynb").write_text("{}")
    assert resolved(tmp_path, tmp_path) == (tmp_path, None)


def test_an_empty_folder_is_rejected(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(target.FolderEmpty, match="empty is empty"):
        resolved(tmp_path / "empty", tmp_path)


def test_an_empty_name_is_not_this_folder(tmp_path):
    with pytest.raises(target.SourceUnnamed, match="No notebook is named"):
        resolved("", tmp_path)


def test_a_notebook_outside_git_includes_its_folder(tmp_path):
    (tmp_path / "a.ipynb").write_text("{}")
    assert resolved(tmp_path / "a.ipynb", tmp_path) == (tmp_path, "a.ipynb")


def test_a_notebook_in_git_includes_the_whole_repository(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.ipynb").write_text("{}")
    assert resolved(tmp_path / "sub" / "a.ipynb", tmp_path) == (tmp_path, "sub/a.ipynb")


def test_a_folder_below_the_top_of_a_repository_is_reported_apart_from_it(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "sub").mkdir()
    for folder, reported in ((tmp_path, False), (tmp_path / "sub", True)):
        stream = io.StringIO()
        target.log_unused_parents(folder, Log(stream))
        assert (f"without the rest of the git repository {tmp_path}" in stream.getvalue()) is reported


def test_a_git_url_is_cloned_and_the_clone_removed(tmp_path):
    origin = tmp_path / "origin"
    subprocess.run(["git", "init", "-q", "-b", "main", origin], check=True)
    (origin / "a.ipynb").write_text("{}")
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", origin, "add", "."], check=True)
    subprocess.run(["git", "-C", origin, *identity, "commit", "-qm", "x"], check=True)
    with target.repository(f"file://{origin}#main", tmp_path / "clone", Log(io.StringIO())) as (folder, chosen):
        assert (folder / "a.ipynb").is_file() and chosen is None
    assert not folder.exists()


def repository_with_submodule(tmp_path):
    """Return (repository, submodule in it): shared/helper.py is the submodule's."""
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always"]
    for name, file in (("shared", "helper.py"), ("origin", "a.ipynb")):
        subprocess.run(["git", "init", "-q", "-b", "main", tmp_path / name], check=True)
        (tmp_path / name / file).write_text("{}")
        subprocess.run(["git", "-C", tmp_path / name, "add", "."], check=True)
        if name == "origin":
            words = ["submodule", "--quiet", "add", f"file://{tmp_path}/shared", "lib/shared"]
            subprocess.run(["git", "-C", tmp_path / name, *identity, *words], check=True)
        subprocess.run(["git", "-C", tmp_path / name, *identity, "commit", "-qm", "x"], check=True)
    return tmp_path / "origin", tmp_path / "shared"


def test_the_submodules_of_a_git_url_are_fetched(tmp_path, monkeypatch):
    # git refuses submodules by path unless it is configured to allow them.
    for name, value in {"COUNT": "1", "KEY_0": "protocol.file.allow", "VALUE_0": "always"}.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    origin, _ = repository_with_submodule(tmp_path)
    with target.repository(f"file://{origin}", tmp_path / "clone", Log(io.StringIO())) as (folder, _):
        assert (folder / "lib/shared/helper.py").read_text() == "{}"


def test_a_submodule_that_can_not_be_fetched_is_a_note_with_its_name(tmp_path):
    origin, shared = repository_with_submodule(tmp_path)
    shared.rename(tmp_path / "gone")
    stream = io.StringIO()
    with target.repository(f"file://{origin}", tmp_path / "clone", Log(stream)) as (folder, _):
        assert (folder / "a.ipynb").is_file()
    assert "note: the submodule lib/shared could not be fetched" in stream.getvalue()


@pytest.mark.parametrize(("history", "commits"), [(False, "1"), (True, "2")])
def test_a_clone_has_its_history_where_that_is_asked_for(tmp_path, history, commits):
    origin = tmp_path / "origin"
    subprocess.run(["git", "init", "-q", "-b", "main", origin], check=True)
    for _ in range(2):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", "-C", origin, *identity, "commit", "-qm", "x", "--allow-empty"], check=True)
    log = Log(io.StringIO())
    with target.repository(f"file://{origin}#main", tmp_path / "clone", log, history=history) as (folder, _):
        counted = subprocess.run(["git", "-C", folder, "rev-list", "--count", "HEAD"], capture_output=True, text=True)
    assert counted.stdout.strip() == commits


def test_what_is_nothing_of_these_is_rejected_in_a_sentence(tmp_path):
    with pytest.raises(target.SourceUnknown, match="nosuch is neither a folder, a notebook nor a git URL"):
        resolved("nosuch", tmp_path)


def test_a_notebook_right_in_the_home_folder_is_rejected(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.ipynb").write_text("{}")
    with pytest.raises(target.FolderTooWide, match="would copy all of that folder"):
        resolved(tmp_path / "a.ipynb", tmp_path)


def test_the_environment_file_is_read_as_s2i_reads_it(tmp_path):
    (tmp_path / ".s2i").mkdir()
    (tmp_path / ".s2i" / "environment").write_text('# note\n A = 1=2 \nB="q"\nC=\nnothing\n')
    assert author_variables.read(tmp_path).taken == {"A": "1=2", "B": '"q"', "C": ""}


def test_a_notebook_where_there_is_no_git_includes_its_folder(tmp_path, monkeypatch):
    (tmp_path / "a.ipynb").write_text("{}")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert resolved(tmp_path / "a.ipynb", tmp_path) == (tmp_path, "a.ipynb")


def test_who_names_a_notebook_means_it_whatever_the_repository_lists():
    assert target.choice("a.ipynb") == {"S2I_SOURCE_NOTEBOOK": "a.ipynb", "S2I_SOURCE_NOTEBOOK_LIST": ""}
    assert target.choice(None) == {}


def test_settings_in_another_encoding_are_what_the_environment_would_have(tmp_path):
    (tmp_path / ".s2i").mkdir()
    (tmp_path / ".s2i" / "environment").write_bytes(b"TOWN=K\xf6ln\n")
    assert os.fsencode(author_variables.read(tmp_path).taken["TOWN"]) == b"K\xf6ln"


def test_what_is_developed_is_on_this_machine(tmp_path):
    (tmp_path / "model.ipynb").write_text("{}")
    assert target.here(str(tmp_path)) == (tmp_path, None)
    with pytest.raises(target.SourceElsewhere, match="https://localhost/repo.git is not on this machine"):
        target.here("https://localhost/repo.git")
    with pytest.raises(target.SourceUnknown):
        target.here(str(tmp_path / "nothing"))
    with pytest.raises(target.SourceUnnamed):
        target.here("")
