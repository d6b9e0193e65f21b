"""A file that is replaced whole or not at all."""

import os

import pytest
from nb_builder.fix import write_file


def test_mode_and_link_stay(tmp_path):
    (tmp_path / "real").mkdir()
    file = tmp_path / "real" / "model.ipynb"
    file.write_text("old")
    file.chmod(0o640)
    link = tmp_path / "model.ipynb"
    link.symlink_to("real/model.ipynb")
    write_file.replace(link, "näw")
    assert link.is_symlink() and file.read_bytes() == "näw".encode()
    assert (file.stat().st_mode & 0o777, os.listdir(file.parent)) == (0o640, ["model.ipynb"])


def test_what_fails_leaves_the_old_file_alone(tmp_path, monkeypatch):
    file = tmp_path / "model.ipynb"
    file.write_text("old")

    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_file.replace(file, "new")
    assert (file.read_text(), os.listdir(tmp_path)) == ("old", ["model.ipynb"])
