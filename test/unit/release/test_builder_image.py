"""The list of a builder image's files: what makes two images different, and what does not."""

import io
import tarfile

import pytest

from release import builder_image
from release.builder_image import NotReproducible, lines_of

DIGEST = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


def archive(*members):
    """Return a tar archive of (name, kind, content or where it leads)."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.uid, info.mtime = kind, 0o640, 1001, len(name)
            if kind == tarfile.REGTYPE:
                info.size = len(content)
            else:
                info.linkname = content
            tar.addfile(info, io.BytesIO(content) if kind == tarfile.REGTYPE else None)
    file.seek(0)
    return file


def test_each_file_has_kind_rights_owner_content_and_path():
    members = [
        ("a b", tarfile.REGTYPE, b"hello"),
        ("folder", tarfile.DIRTYPE, ""),
        ("link", tarfile.SYMTYPE, "a b"),
        ("pipe", tarfile.FIFOTYPE, ""),
    ]
    assert lines_of(archive(*members)) == [
        f"file 640 1001:0 {DIGEST} a%20b",
        "folder 640 1001:0 - folder",
        "link 640 1001:0 a%20b link",
        "other 640 1001:0 - pipe",
    ]


def test_of_a_file_with_two_names_either_may_come_first():
    one = archive(("a", tarfile.REGTYPE, b"hello"), ("b", tarfile.LNKTYPE, "a"))
    other = archive(("b", tarfile.REGTYPE, b"hello"), ("a", tarfile.LNKTYPE, "b"))
    assert lines_of(one) == lines_of(other) == [f"file 640 1001:0 {DIGEST} a", f"file 640 1001:0 {DIGEST} b"]


def test_images_that_differ_are_rejected_by_the_files_that_do(monkeypatch, tmp_path):
    listed = {"nb-builder:1": ["file 644 0:0 aa x", "file 644 0:0 bb y"], "nb-builder:1-again": ["file 644 0:0 aa x"]}
    monkeypatch.setattr(builder_image, "_docker", lambda *words: "")
    monkeypatch.setattr(builder_image, "_files", listed.get)
    with pytest.raises(NotReproducible, match=r"two builds of nb-builder:1 differ: file 644 0:0 bb y\n"):
        builder_image.made_twice("nb-builder:1", "1", 0, tmp_path, tmp_path)
    listed["nb-builder:1-again"] = listed["nb-builder:1"]
    assert builder_image.made_twice("nb-builder:1", "1", 0, tmp_path, tmp_path).splitlines() == listed["nb-builder:1"]
