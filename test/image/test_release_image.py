"""Two builds of the builder image from one commit come to the same files, whatever the umask of the clone was."""

import subprocess

import pytest

from engine import bases, docker, provide
from release import builder_image

pytestmark = [pytest.mark.long, pytest.mark.other_base]
DATE = 1700000000


def test_an_image_is_the_same_twice_and_its_user_can_read_it(engine, tmp_path, monkeypatch):
    base = bases.base(bases.MAIN)
    monkeypatch.setenv("BASE_IMAGE", base)
    monkeypatch.setenv("CA_BUNDLE", "/etc/ssl/certs/ca-certificates.crt")
    trees = [tmp_path / "one", tmp_path / "other"]
    for tree, umask in zip(trees, (0o022, 0o077), strict=True):
        tree.mkdir()
        files = "git ls-files -z | tar --create --null --files-from - | tar --extract --no-same-permissions --directory"
        subprocess.run(["bash", "-c", f'{files} "$0"', tree], cwd=provide.ROOT, check=True, umask=umask)
    name = "nb-builder-candidate-release"
    listed = builder_image.made_twice(name, "1.2.3", DATE, *trees)
    assert " opt/nb-builder/s2i/install\n" in listed
    assert "s2i build <git repository>" in docker.inside(name, "/usr/libexec/s2i/usage")
