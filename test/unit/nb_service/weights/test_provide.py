"""Where fetched weights are kept, and that no other user can have made that folder."""

import tempfile
from pathlib import Path

import pytest
from nb_service import problems
from nb_service.weights import provide


def test_the_cache_of_a_user_without_a_home_belongs_to_that_user_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = provide.cache_folder("", Path("/app"), {"HOME": "/app/src"})
    assert folder.parent == tmp_path and not folder.exists()
    provide.own_cache(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    with pytest.raises(problems.WeightsDisk, match="does not belong to this user alone|belongs to this user alone"):
        provide.own_cache(folder)


def test_a_cache_that_is_set_may_be_shared(tmp_path):
    tmp_path.chmod(0o777)
    provide.own_cache(provide.cache_folder(str(tmp_path), Path("/app"), {}))
    assert list(tmp_path.iterdir()) == []
