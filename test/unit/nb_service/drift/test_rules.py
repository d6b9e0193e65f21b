"""Prometheus' rules for drift say of the sum of replicas what a service says of its own counts."""

import random

import pytest
import yaml
from nb_service.app import exposition
from nb_service.drift import comparison
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from commands import ROOT
from metric_numbers import baseline_of, counted
from promtool import asked, promtool

RULES = ROOT / "docs/deploy/prometheus/drift.rules.yml"
MINUTES = 60


def series(baseline, replicas):
    """Return the series of each replica, whose counters grow evenly, by its counts within an hour."""
    every = []
    for number, counts in enumerate(replicas):
        numbers = {"counts": counts, "present": counts, "samples": 1, "seconds": 1, "cost": 0}
        registry = CollectorRegistry()
        registry.register(exposition.DriftCollector(numbers, "nb", baseline))
        for family in text_string_to_metric_families(exposition.choose_encoder("")[0](registry).decode()):
            for sample in family.samples:
                labels = {**sample.labels, "job": "my-service", "instance": str(number)}
                words = ",".join(f'{name}="{value}"' for name, value in labels.items())
                step = sample.value / MINUTES if sample.name.endswith("_total") else 0
                start = 0 if step else sample.value
                every.append({"series": f"{sample.name}{{{words}}}", "values": f"{start}+{step:.12g}x{2 * MINUTES}"})
    return every


@pytest.fixture(scope="module")
def drifted():
    """Return (baseline, counts of two replicas): the second has another feature 0, and neither has enough samples."""
    chance = random.Random(3)
    rows = [[chance.gauss(0, 1), chance.random()] for _ in range(3000)]
    baseline = baseline_of(rows, ["yes" if row[0] > 0 else "no" for row in rows])

    def replica(shift):
        samples = [[chance.gauss(shift, 1), chance.random()] for _ in range(190)]
        return counted(baseline, samples, ["yes" if sample[0] > 0 else "no" for sample in samples])

    return baseline, [replica(0), replica(2)]


def test_prometheus_s_own_tool_finds_nothing_wrong_with_the_rules():
    status, said = promtool("check", "rules", RULES)
    assert status == 0 and "14 rules found" in said, said


def test_each_alert_has_a_line_that_says_what_to_do():
    rules = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    alerts = [rule for rule in rules if "alert" in rule]
    assert [alert["alert"] for alert in alerts] == ["NbInputDrift", "NbAnswerDrift"]
    for alert in alerts:
        assert "/drift" in alert["annotations"]["runbook"]


FIRING = 'sum by (alertname, part, feature) (ALERTS{alertstate="firing"})'


def test_rules_find_by_the_sum_of_replicas_what_none_of_them_can_report(drifted, tmp_path):
    baseline, replicas = drifted
    assert not any(one.has_drifted for counts in replicas for one in comparison.compare(baseline, counts))
    total = [[a + b for a, b in zip(*pair, strict=True)] for pair in zip(*replicas, strict=True)]
    compared = comparison.compare(baseline, total)
    assert [one.has_drifted for one in compared] == [True, False, True]
    keys = [f'{{part="{one.feature.part}", feature="{one.feature.name}"}}' for one in compared]
    psi = list(zip(keys, [round(one.psi, 3) for one in compared], strict=True))
    ks = [(key, round(one.ks, 3)) for key, one in zip(keys, compared, strict=True) if one.ks is not None]
    alerts = [
        ('{alertname="NbInputDrift", part="sample", feature="0"}', 1),
        ('{alertname="NbAnswerDrift", part="answer", feature="value"}', 1),
    ]
    queries = [
        (f"sum by (part, feature) (round(nb_drift:{name}, 0.001))", expected)
        for name, expected in (("psi", psi), ("ks", ks))
    ]
    assert asked(RULES, tmp_path, series(baseline, replicas), *queries, (FIRING, alerts)) == ""


def test_rules_say_nothing_of_too_few_samples_and_of_replicas_that_have_not_drifted(drifted, tmp_path):
    baseline, (steady, other) = drifted
    for replicas in ([other], [[[8 * count for count in counts] for counts in steady]]):
        assert asked(RULES, tmp_path, series(baseline, replicas), (FIRING, [])) == ""


def test_versions_with_other_baselines_are_not_added_up(drifted, tmp_path):
    baseline, (steady, other) = drifted
    renamed = baseline._replace(digest="another")
    given = [*series(baseline, [steady] * 2), *series(renamed, [other] * 2)]
    firing = [('{alertname="NbInputDrift", baseline="another"}', 1)]
    query = 'sum by (alertname, baseline) (ALERTS{alertstate="firing", part="sample"})'
    assert asked(RULES, tmp_path, given, (query, firing)) == ""
