"""A deterministic notebook, a lock and SOURCE_DATE_EPOCH: two builds are the same to the byte."""

import hashlib
import shutil
from dataclasses import replace

import pytest

from cases import named
from flow import stage

# uv notes when a wheel of the repository was written.
CACHES = ("rows-1.0.dist-info",)


def digests(app_root):
    files = (path for path in sorted(app_root.rglob("*")) if path.is_file() and not set(CACHES) & set(path.parts))
    return {str(path.relative_to(app_root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize(
    "name", ["ok-lock", "ok-numpy-answers", pytest.param("ok-batched-two-stops", marks=pytest.mark.long)]
)
def test_two_builds_give_the_same_files(tmp_path, name):
    case = named(name)
    found = []
    for _ in range(2):
        # The same folder both times: an environment knows its own place.
        shutil.rmtree(tmp_path / "build", ignore_errors=True)
        # As in an image, where no cache has the same files.
        again = replace(case, env={**case.env, "SOURCE_DATE_EPOCH": "1700000000", "UV_LINK_MODE": "copy"})
        built, _ = stage.assemble(again, tmp_path / "build")
        assert built.status == 0, built.stdout
        found.append(digests(tmp_path / "build/app-root"))
    assert found[0] == found[1]
    assert any(name.endswith(".pyc") for name in found[0])
    assert "model/model.pickle" in found[0] and "build/requirements.lock" in found[0]
