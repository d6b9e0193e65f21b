"""The pages on metrics list the metric table, and all alerts."""

import re

import pytest
import yaml
from nb_service.observability import files
from nb_service.observability.metric_table import BY_NAME, DRIFT, TABLE, Names

from commands import ROOT

METRICS = ROOT / "docs/reference/metrics.md"
ALERTS = ROOT / "docs/how-to/watch-with-prometheus.md"
DRIFT_PAGE = ROOT / "docs/how-to/watch-for-drift.md"
# What stands for what another page lists, and what is not ours.
ELSEWHERE = {"nb_drift_…", "process_…", "python_info"}
# Both pages say of some labels in words where they are: of drift each metric but one has it.
IN_WORDS = {"baseline"}


def listed(page):
    """Return {name: labels, None for such as above} of the first columns of all tables of metrics of a page."""
    tables = re.findall(r"^\| metric \|.*\n\| --- .*\n((?:\|.*\n)+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert tables
    cells = [row.split(" | ")[0] for table in tables for row in table.splitlines()]
    words = [word for cell in cells for word in re.findall(r"`([^`]+)`", cell)]
    assert len(words) == len(set(words))
    pairs = [re.fullmatch(r"([^{]+)(?:\{(.*)\})?", word).groups() for word in words if word not in ELSEWHERE]
    return {name: None if labels == "…" else tuple((labels or "").split(",")) for name, labels in pairs}


@pytest.mark.parametrize(("page", "is_drift"), [(METRICS, False), (DRIFT_PAGE, True)])
def test_a_page_lists_the_metrics_of_the_table(page, is_drift):
    rows = {Names("nb").called(row): row for row in TABLE if row.name.startswith(DRIFT) == is_drift}
    assert listed(page).keys() == rows.keys()


@pytest.mark.parametrize("page", [METRICS, DRIFT_PAGE])
def test_the_labels_are_those_of_the_table(page):
    for name, labels in listed(page).items():
        row = BY_NAME[name.removeprefix("nb_").removesuffix("_total")]
        wanted = tuple(label for label in row.labels if label not in IN_WORDS)
        assert (labels is None and wanted) or (labels or ()) == (wanted or ("",)), name


def test_labels_that_are_there_at_times_are_in_the_words():
    text = METRICS.read_text(encoding="utf-8")
    for row in TABLE:
        for label in row.other_labels:
            assert f'`{label}="' in text


def test_each_alert_is_in_the_table_of_alerts_with_severity_and_time():
    text = ALERTS.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+), (\w+) \| (?:.+) \|$", text, re.MULTILINE)
    rules = [rule for group in yaml.safe_load(files.rules("nb"))["groups"] for rule in group["rules"]]
    alerts = [rule for rule in rules if "alert" in rule]
    assert rows == [(alert["alert"], alert["labels"]["severity"], alert["for"]) for alert in alerts]
    assert files.alert_names("fruit")[0] in text
