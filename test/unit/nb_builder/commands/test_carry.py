"""Models as files: what serving one does to the folder that it is served from."""

import pytest
from nb_builder.commands import carry
from nb_builder.commands.app_lock import AppInUse, AppLock


def test_a_folder_in_use_stays_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("NB_BUILDER_HOME", str(tmp_path))
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "model").write_text("of the service that runs")
    AppLock(tmp_path / "app", "a service is running")
    with pytest.raises(AppInUse, match="a service is running"):
        carry.serve([str(tmp_path / "model.pyz")])
    assert (tmp_path / "app" / "model").read_text() == "of the service that runs"
