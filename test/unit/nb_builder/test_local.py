"""What `make run` takes and how it finds its port."""

import io
import socket
import subprocess

import pytest
from nb_builder import local
from nb_builder.log import Log


def resolved(what, tmp_path):
    with local._repository(str(what), tmp_path / "clone", Log(io.StringIO())) as found:
        return found


def test_a_folder_is_taken_as_it_is(tmp_path):
    assert resolved(tmp_path, tmp_path) == (tmp_path, None)


def test_a_notebook_outside_git_brings_its_folder(tmp_path):
    (tmp_path / "a.ipynb").write_text("{}")
    assert resolved(tmp_path / "a.ipynb", tmp_path) == (tmp_path, "a.ipynb")


def test_a_notebook_in_git_brings_the_whole_repository(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.ipynb").write_text("{}")
    assert resolved(tmp_path / "sub" / "a.ipynb", tmp_path) == (tmp_path, "sub/a.ipynb")


def test_a_git_url_is_cloned_and_the_clone_removed(tmp_path):
    origin = tmp_path / "origin"
    subprocess.run(["git", "init", "-q", "-b", "main", origin], check=True)
    (origin / "a.ipynb").write_text("{}")
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", origin, "add", "."], check=True)
    subprocess.run(["git", "-C", origin, *identity, "commit", "-qm", "x"], check=True)
    with local._repository(f"file://{origin}#main", tmp_path / "clone", Log(io.StringIO())) as (folder, chosen):
        assert (folder / "a.ipynb").is_file() and chosen is None
    assert not folder.exists()


def test_what_is_nothing_of_these_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(SystemExit, match="NOTEBOOK=nosuch is no folder, no .ipynb file and no git URL"):
        resolved("nosuch", tmp_path)


def test_a_notebook_right_in_the_home_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.ipynb").write_text("{}")
    with pytest.raises(SystemExit, match="all of that would be copied"):
        resolved(tmp_path / "a.ipynb", tmp_path)


def test_a_taken_port_is_left_to_its_owner(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        stream = io.StringIO()
        free = local._free_port(port, Log(stream))
    assert free > port
    assert f"port {port} is taken; {free} is used instead." in stream.getvalue()


def test_the_environment_file_is_read_as_s2i_reads_it(tmp_path):
    (tmp_path / ".s2i").mkdir()
    (tmp_path / ".s2i" / "environment").write_text('# note\n A = 1=2 \nB="q"\nC=\nnothing\n')
    assert local._s2i_environment(tmp_path) == {"A": "1=2", "B": '"q"', "C": ""}
