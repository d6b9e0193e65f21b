"""Rules as text are YAML that says what was meant."""

import pytest
import yaml
from nb_service.observability import rule_file
from nb_service.observability.rule_file import Alert, Group, Recording

HOSTILE = [
    'a{b="c: d"} > 0 # no comment',
    "- 1",
    "{{ $labels.job }}: \"quoted\" 'too', back\\slash",
    "ü and tab\tand null",
    "a\n  > b\n    or c",
    "yes",
]


def read(text):
    """Return the groups of a file."""
    return yaml.safe_load(text)["groups"]


@pytest.mark.parametrize("words", HOSTILE)
def test_whatever_is_in_an_alert_is_read_as_it_was_written(words):
    alert = Alert("Name", words, "5m", "warning", words, words)
    ((rule,),) = [group["rules"] for group in read(rule_file.text_of([Group("g", "1m", "why", [alert])]))]
    assert rule == {
        "alert": "Name",
        "expr": words,
        "for": "5m",
        "labels": {"severity": "warning"},
        "annotations": {"summary": words, "runbook": words},
    }


def test_a_file_has_groups_with_their_comments_in_lines_for_people():
    rules = [Recording("a:b", "\n      sum(\n        a\n      )\n      ", "why " * 50)]
    text = rule_file.text_of([Group("one", "1m", "why " * 60, rules), Group("two", "30s", "", [])])
    one, two = read(text)
    assert one == {"name": "one", "interval": "1m", "rules": [{"record": "a:b", "expr": "sum(\n  a\n)"}]}
    assert (two["name"], two["interval"], two["rules"]) == ("two", "30s", None)
    assert max(map(len, text.splitlines())) <= 120
    assert text.count("# why") == 5
