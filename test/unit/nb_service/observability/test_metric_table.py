"""/metrics has what the table has: names, kinds, labels and descriptions."""

import copy

import pytest
from nb_service.app import exposition
from nb_service.observability import metric_table
from nb_service.observability.metric_table import BUS, TABLE, Names
from prometheus_client.parser import text_string_to_metric_families

from metric_numbers import IDENTITY, everything

# What prometheus_client itself says of Python and of the process.
OF_THE_LIBRARY = ("process_", "python_info")
MADE_BY_PROMETHEUS = {"le"}


def shown(numbers, baseline=None, prefix="nb"):
    """Return {name without prefix: family} of the text."""
    text = exposition.text_of(numbers, prefix, IDENTITY, baseline=baseline)[0].decode()
    families = [family for family in text_string_to_metric_families(text) if not family.name.startswith(OF_THE_LIBRARY)]
    assert all(family.name.startswith(f"{prefix}_") for family in families)
    return {family.name.removeprefix(f"{prefix}_"): family for family in families}


def test_a_service_that_has_everything_shows_what_the_table_has():
    numbers, baseline = everything()
    families = shown(numbers, baseline)
    assert {name: (family.type, family.documentation) for name, family in families.items()} == {
        row.name: (row.kind, row.description) for row in TABLE
    }
    for row in TABLE:
        used = {label for sample in families[row.name].samples for label in sample.labels} - MADE_BY_PROMETHEUS
        assert used == {*row.labels, *row.other_labels}, row.name


def test_what_is_there_only_at_times_is_not_there_without_it():
    numbers, baseline = everything()
    at_times = ("bus", "drift", "gpus", "predictors", "streams")
    without = {key: value for key, value in numbers.items() if key not in at_times} | {"numbers": None}
    assert shown(without).keys() == {row.name for row in TABLE if row.when == metric_table.ALWAYS}
    silent = copy.deepcopy(numbers)
    silent["bus"]["waiting"] = None
    lacking = shown(numbers, baseline).keys() - shown(silent, baseline).keys()
    assert lacking == {row.name for row in TABLE if row.when == metric_table.BUS_THAT_SAYS}
    assert {row.name for row in TABLE if row.when.startswith(BUS)} == {
        row.name for row in TABLE if row.name.startswith("bus_")
    }


@pytest.mark.parametrize("make", [exposition.plain, exposition.histogram])
def test_a_family_that_the_table_has_not_can_t_be_made(make):
    with pytest.raises(KeyError):
        make("nb", "surprise")


def test_a_family_is_of_its_kind():
    with pytest.raises(KeyError):
        exposition.plain("nb", "input")
    with pytest.raises(KeyError):
        exposition.histogram("nb", "ready")


def test_names_of_samples_are_those_of_the_text():
    numbers, baseline = everything()
    names = Names("fruit")
    families = shown(numbers, baseline, "fruit")
    for row in TABLE:
        # The library also says when each counter started.
        written = {sample.name for sample in families[row.name].samples if not sample.name.endswith("_created")}
        assert written == set(names.samples(row)), row.name


def test_each_row_is_of_its_own_name():
    assert len(metric_table.BY_NAME) == len(TABLE)
