"""The board shows what the table has, in a form that Grafana can lay out; Prometheus is asked in test/contract."""

import json
import re

import pytest
import yaml
from nb_service.observability import __main__ as kept
from nb_service.observability import files
from nb_service.observability.metric_table import TABLE, Names

from commands import ROOT
from promtool import asked

FOLDER = ROOT / "docs/deploy/prometheus"
BOARD = files.text_of("board.json", "nb")
# Of prometheus_client and of Prometheus itself.
OF_OTHERS = {
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_max_fds",
    "ALERTS",
}
WORDS = re.compile(r"[a-zA-Z_:][\w:]*")


def panels(text):
    """Return all panels of a board except rows."""
    top = json.loads(text)["panels"]
    return [panel for head in top for panel in (head, *head.get("panels", ())) if panel["type"] != "row"]


def queries(text):
    """Return all queries of a board: of panels, annotations and variables."""
    read = json.loads(text)
    return [
        *(target["expr"] for panel in panels(text) for target in panel["targets"]),
        *(each["target"]["expr"] for each in read["annotations"]["list"]),
        *(each["query"] for each in read["templating"]["list"] if each["type"] == "query"),
    ]


def rules_of(prefix):
    """Return all rules of a prefix."""
    return [rule for group in yaml.safe_load(files.rules(prefix))["groups"] for rule in group["rules"]]


def metrics_in(expression):
    """Return the names of metrics in a query: names other than labels, functions and strings."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\b(by|on|ignoring)\s*\([^)]*\)|\[[^\]]*\]|\$\w+", "", bare)
    bare = re.sub(r"\{[^}]*\}", "", re.sub(r"label_values\((.*), \w+\)", r"\1", bare))
    plain = {"or", "unless", "and", "offset", "group_left"}
    found = {match for match in re.finditer(WORDS, bare) if not bare[match.end() :].lstrip().startswith("(")}
    return {match[0] for match in found} - plain - {"m", "h"}


@pytest.mark.parametrize("prefix", ["nb", "fruit_scorer"])
def test_each_query_asks_for_metrics_that_there_are(prefix):
    names = Names(prefix)
    there = {name for row in TABLE for name in names.samples(row)}
    recorded = {rule["record"] for rule in rules_of(prefix) if "record" in rule}
    asked = set().union(*map(metrics_in, queries(files.text_of("board.json", prefix))))
    assert asked - there - recorded == OF_OTHERS


def test_each_family_is_on_the_board_or_in_a_rule():
    rules = " ".join(rule["expr"] for rule in rules_of("nb"))
    asked = set(WORDS.findall(rules)).union(*map(metrics_in, queries(BOARD)))
    unused = [row.name for row in TABLE if not asked.intersection(Names("nb").samples(row))]
    assert unused == []


def test_a_panel_says_what_the_table_says_of_what_it_shows():
    (waiting,) = [panel for panel in panels(BOARD) if panel["title"] == "Queue, as a share of its limit"]
    assert waiting["description"] == (
        "A full queue rejects samples with 503.\n\n"
        "`nb_queue_samples`: Samples that wait for a scorer.\n\n"
        "`nb_queue_limit_samples`: Maximum number of waiting samples (S2I_MAX_QUEUE)."
    )
    for panel in panels(BOARD):
        asked = set().union(*(metrics_in(target["expr"]) for target in panel["targets"]))
        shown = [row for row in TABLE if asked.intersection(Names("nb").samples(row))]
        assert all(f"`{Names('nb').called(row)}`: {row.description}" in panel["description"] for row in shown)


def test_a_panel_says_when_its_metrics_are_there_and_has_their_unit():
    by_title = {panel["title"]: panel for panel in panels(BOARD)}
    oldest = by_title["Oldest message"]
    assert oldest["description"].endswith(
        "Age of the oldest message without a prediction. There with the back end bus."
    )
    units = {title: panel["fieldConfig"]["defaults"]["unit"] for title, panel in by_title.items()}
    assert [units[title] for title in ("Oldest message", "A sample in a scorer", "p99 by route")] == ["s"] * 3
    assert [units[title] for title in ("Samples that wait", "PSI", "Errors by reason")] == ["short", "short", "cps"]


def test_axes_begin_at_0_but_of_values_that_may_be_anywhere():
    elsewhere = {
        panel["title"]
        for panel in panels(BOARD)
        if panel["type"] == "timeseries" and "axisSoftMin" not in panel["fieldConfig"]["defaults"]["custom"]
    }
    values = {"A tenth is below", "Half is below", "A tenth is above", "Fractional numbers: deciles 1, 5 and 9"}
    assert elsewhere == values


def test_panels_are_on_a_grid_of_24_columns_and_none_covers_another():
    read = json.loads(BOARD)
    taken = set()
    every = [panel for head in read["panels"] for panel in (head, *head.get("panels", ()))]
    for panel in every:
        place = panel["gridPos"]
        assert place["x"] >= 0 and place["x"] + place["w"] <= 24
        cells = {(place["x"] + right, place["y"] + down) for right in range(place["w"]) for down in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    assert [panel["id"] for panel in every] == list(range(1, len(every) + 1))


def test_rows_are_those_that_one_looks_for_and_what_few_have_is_folded():
    rows = [panel for panel in json.loads(BOARD)["panels"] if panel["type"] == "row"]
    assert [row["title"] for row in rows] == [
        "Now",
        "Traffic and errors",
        "Latency",
        "Queue and scorers",
        "Batches",
        "Predictions of the last hour",
        "True values of the last hour, from feedback",
        "Inputs of the last hour, by feature",
        "Drift",
        "Bus",
        "Streams",
        "GPUs",
        "Process",
    ]
    assert [row["title"] for row in rows if row["collapsed"]] == ["Bus", "Streams", "GPUs"]
    assert [len(row["panels"]) > 0 for row in rows] == [row["collapsed"] for row in rows]


def test_each_query_is_of_the_services_that_were_chosen():
    for panel in panels(BOARD):
        for target in panel["targets"]:
            selectors = re.findall(r"\{([^}]*)\}", target["expr"])
            assert selectors and all('job=~"$job"' in selector for selector in selectors), panel["title"]
            # Every name of a metric has a selector; what follows it is not forgotten.
            assert len(selectors) >= len(metrics_in(target["expr"]))


def test_with_another_prefix_nothing_has_ours_and_the_board_is_another():
    ours, theirs = BOARD, files.text_of("board.json", "fruit_scorer")
    assert re.findall(r"\b[Nn]b_\w*", theirs) == []
    assert json.loads(ours)["uid"] == "nb-services"
    assert json.loads(theirs)["uid"] == "fruit_scorer-services"
    assert len(json.loads(files.text_of("board.json", "x" * 64))["uid"]) == 40


# What Grafana puts in the place of its variables.
VALUES = {"$job": "my-service", "$version": ".*", "$route": "/predict", "$__rate_interval": "5m"}


def resolved(expression):
    """Return a query without variables."""
    for name, value in VALUES.items():
        expression = expression.replace(name, value)
    return expression


def query_of(title):
    """Return the first query of the one panel with a title, or of the annotation with it."""
    text = BOARD
    titled = [panel["targets"][0]["expr"] for panel in panels(text) if panel["title"] == title]
    titled += [one["target"]["expr"] for one in json.loads(text)["annotations"]["list"] if one["name"] == title]
    return resolved(titled[0])


def series(name, values, **labels):
    """Return a series of a service, as promtool takes it."""
    words = ",".join(f'{key}="{value}"' for key, value in {"job": "my-service", "instance": "a", **labels}.items())
    return {"series": f"{name}{{{words}}}", "values": values}


@pytest.mark.parametrize(
    ("minute", "marked"), [("3m", ["1"]), ("10m", []), ("22m", ["2"]), ("29m", []), ("42m", []), ("49m", [])]
)
def test_a_version_is_marked_while_it_is_new_and_a_replica_of_it_is_no_new_one(minute, marked, tmp_path):
    info = {"model_name": "fruit", "model_commit": "abc"}
    given = [
        series("nb_model_info", "1x20 stale", model_version="1", **info),
        series("nb_model_info", "_x20 1x40", model_version="2", **info),
        series("nb_model_info", "_x40 1x20", model_version="2", **{**info, "instance": "b"}),
    ]
    labels = '{model_name="fruit", model_commit="abc", model_version="%s"}'
    wanted = [(labels % version, 1) for version in marked]
    question = query_of("A new version of a model"), wanted
    assert asked(FOLDER / "service.rules.yml", tmp_path, given, question, at=minute) == ""


@pytest.mark.parametrize(("failed", "share"), [(None, 0), ("0+1x60", 0.25)])
def test_the_share_that_failed_is_0_where_nothing_has(failed, share, tmp_path):
    given = [series("nb_http_requests_total", "0+3x60", route="/predict", status="200")]
    given += [series("nb_http_requests_total", failed, route="/predict", status="503")] if failed else []
    # Neither counts: another service's, and a check.
    given += [series("nb_http_requests_total", "0+9x60", route="/predict", status="500", job="other")]
    given += [series("nb_http_requests_total", "0+9x60", route="/readyz", status="503")]
    question = query_of("Failed"), [("{}", share)]
    assert asked(FOLDER / "service.rules.yml", tmp_path, given, question, at="30m") == ""


@pytest.mark.parametrize("name", files.NAMES)
def test_what_is_kept_in_the_repository_is_current(name):
    message = f"{FOLDER.relative_to(ROOT)}/{name} is not what a service writes: run `make board`"
    assert (FOLDER / name).read_text(encoding="utf-8") == files.text_of(name, "nb"), message


def test_nothing_else_is_kept_there():
    assert {file.name for file in FOLDER.iterdir()} == set(files.NAMES)


def test_make_board_writes_each_of_them(tmp_path):
    kept.main(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == set(files.NAMES)
    assert (tmp_path / "board.json").read_text(encoding="utf-8") == BOARD


def test_a_query_in_a_rule_is_of_metrics_that_there_are():
    there = {name for row in TABLE for name in Names("nb").samples(row)} | {"up"}
    recorded = {rule["record"] for rule in rules_of("nb") if "record" in rule}
    for rule in rules_of("nb"):
        of_ours = {word for word in WORDS.findall(re.sub(r'"[^"]*"', "", rule["expr"])) if word.startswith("nb_")}
        assert of_ours <= there | recorded, rule
