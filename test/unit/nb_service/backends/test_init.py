from importlib.metadata import entry_points

import pytest
from nb_service import backends
from nb_service.backends.http_service import Http
from nb_service.problems import BackendUnknown


def test_a_back_end_is_found_by_its_name():
    assert isinstance(backends.find("http"), Http)


def test_the_default_is_what_its_entry_point_says():
    (entry,) = [entry for entry in entry_points(group=backends.GROUP) if entry.name == backends.DEFAULT]
    assert entry.load() is Http


def test_an_unknown_name_is_rejected_with_the_names_there_are():
    with pytest.raises(BackendUnknown) as rejected:
        backends.find("pigeon")
    assert "Installed: alerts, batch, bus, dashboard, http, model, spark-model, verify" in rejected.value.why


@pytest.mark.parametrize("name", sorted(entry.name for entry in entry_points(group=backends.GROUP)))
def test_each_back_end_that_is_declared_is_there_and_serves(name):
    assert callable(backends.find(name).serve)
