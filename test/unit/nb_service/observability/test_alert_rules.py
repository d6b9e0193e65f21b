"""The alerts fire when they should, never for faults that fix themselves; Prometheus's own tool runs them."""

import re

import pytest
import yaml
from nb_service.http import metrics
from nb_service.http.health import Health
from nb_service.observability import files

from promtool import asked, promtool

RULES = [rule for group in yaml.safe_load(files.rules("nb"))["groups"] for rule in group["rules"]]
ALERTS = [rule for rule in RULES if "alert" in rule]
FIRING = 'sum by (alertname) (ALERTS{alertstate="firing"})'
OF_A_SERVICE = '{job="my-service", instance="a:8080"}'


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    """Return what writes the rules of a prefix, and returns the file."""
    folder = tmp_path_factory.mktemp("rules")

    def write(prefix="nb"):
        file = folder / f"{prefix}.rules.yml"
        file.write_text(files.rules(prefix))
        return file

    return write


@pytest.mark.parametrize("prefix", ["nb", "fruit_scorer", "_", "x9"])
def test_prometheus_s_own_tool_finds_nothing_wrong_with_the_rules_of_any_prefix(rules, prefix):
    status, said = promtool("check", "rules", rules(prefix))
    assert status == 0 and "20 rules found" in said, said


def test_with_another_prefix_every_name_has_it(rules):
    text = rules("fruit_scorer").read_text()
    # Paths of pages, and this project's name in none of them.
    assert re.findall(r"\b[Nn]b_?\w*", text) == []
    assert files.alert_names("fruit_scorer")[0] == "FruitScorerNotReady"


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_each_alert_says_how_bad_it_is_what_is_the_case_and_what_to_do(alert):
    assert re.fullmatch(r"\d+m", alert["for"])
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert "{{ $labels.job }}" in alert["annotations"]["summary"]
    assert re.search(r"\b(Check|Open|[Ff]ind|roll back|Add) ", alert["annotations"]["runbook"])
    # Operators have no clone: a path of a page would lead nowhere.
    assert "docs/" not in alert["annotations"]["runbook"]


def test_an_expression_has_the_labels_that_its_words_name():
    for alert in ALERTS:
        named = set(re.findall(r"\$labels\.(\w+)", alert["annotations"]["summary"])) - {"job"}
        # Without a sum, all labels of the instance are there.
        summed = re.search(r"sum by \(([^)]*)\)", alert["expr"])
        there = set(re.split(r",\s*", summed[1])) if summed else {"instance", "part", "feature"}
        assert named <= there, alert["alert"]


def given(name, values, labels=OF_A_SERVICE):
    """Return a series of promtool's."""
    return {"series": f"{name}{labels}", "values": values}


def labels_with(labels):
    """Return labels of a service's series with more of them."""
    return OF_A_SERVICE[:-1] + f", {labels}}}"


RESTARTS, REQUESTS = "nb_scorer_restarts_total", "nb_http_requests_total"
# What there is, minute by minute, and which alerts fire 20 minutes later.
CASES = {
    "ready": ([given("nb_ready", "1x40")], []),
    "not ready": ([given("nb_ready", "1x10 0x30")], ["NbNotReady"]),
    "not ready for a minute": ([given("nb_ready", "1x18 0 0 1x20")], []),
    "gone": ([given("nb_ready", "1x10 stale"), given("up", "1x10 0x30")], ["NbUnreachable"]),
    "a moment of no answer": ([given("nb_ready", "1x18 stale"), given("up", "1x18 0x30")], []),
    "another's target is gone": ([given("up", "0x40", '{job="proxy", instance="a:8405"}')], []),
    "taken away": ([given("nb_ready", "1x10 stale"), given("up", "1x10 stale")], []),
    "a queue that fills": (
        [given("nb_queue_samples", "0x10 600x30"), given("nb_queue_limit_samples", "1024x40")],
        ["NbQueueFills"],
    ),
    "a queue that is full for a minute": (
        [given("nb_queue_samples", "0x18 600x30"), given("nb_queue_limit_samples", "1024x40")],
        [],
    ),
    "half a queue": ([given("nb_queue_samples", "512x40"), given("nb_queue_limit_samples", "1024x40")], []),
    "a scorer that died once": ([given(RESTARTS, "0x17 1x30", labels_with('reason="died"'))], []),
    "scorers that die": ([given(RESTARTS, "0+1x40", labels_with('reason="died"'))], ["NbScorersEnd"]),
    "scorers that are recycled": ([given(RESTARTS, "0+1x40", labels_with('reason="recycled"'))], []),
    "errors": ([given(REQUESTS, "0+3x40", labels_with('route="/predict", status="500"'))], ["NbErrors"]),
    "one error": ([given(REQUESTS, "1x17 2x30", labels_with('route="/predict", status="500"'))], []),
    "errors of gRPC": ([given(REQUESTS, "0+3x40", labels_with('route="/i", status="INTERNAL"'))], ["NbErrors"]),
    "refusals": ([given(REQUESTS, "0+3x40", labels_with('route="/predict", status="422"'))], []),
    "checks of one that starts": ([given(REQUESTS, "0+3x40", labels_with('route="/readyz", status="503"'))], []),
    "a bus without its broker": ([given("nb_bus_connected", "0x40")], ["NbBusDisconnected"]),
    "a broker that restarts": ([given("nb_bus_connected", "1x17 0x30")], []),
}


@pytest.mark.parametrize("case", CASES)
def test_an_alert_fires_for_what_lasts_and_not_for_what_fixes_itself(case, rules, tmp_path):
    series, names = CASES[case]
    firing = [(f'{{alertname="{name}"}}', 1) for name in names]
    assert asked(rules(), tmp_path, series, (FIRING, firing), at="20m") == ""


def test_each_alert_of_a_service_fires_in_a_case():
    fired = {name for _, names in CASES.values() for name in names}
    # Those of drift have their own tests, which know what a drift is.
    assert fired == {alert["alert"] for alert in ALERTS if not alert["alert"].endswith("Drift")}


def test_the_checks_that_are_no_errors_are_all_that_a_service_answers():
    checks = Health(lambda: True).paths
    assert "/readyz" in checks
    (errors,) = [alert["expr"] for alert in ALERTS if alert["alert"] == "NbErrors"]
    left_out = re.search(r'route!~"([^"]*)"', errors)[1]
    assert [path for path in (*checks, *metrics.PATHS) if not re.fullmatch(left_out, path)] == []
    assert not re.fullmatch(left_out, "/predict")
    assert not re.fullmatch(left_out, "/v2/models/fruit/infer")
    assert f'route!~\\"{left_out}\\"' in files.text_of("board.json", "nb")


def test_rules_are_read_by_people_as_well():
    text = files.rules("nb")
    assert text.startswith("# Rules for Prometheus (rule_files) on metrics that begin with nb_.\n")
    assert [group["name"] for group in yaml.safe_load(text)["groups"]] == ["nb-service", "nb-drift"]
