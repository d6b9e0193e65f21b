"""Creates the Grafana dashboard and the Prometheus rules for a metric prefix, from templates in this folder.

In the templates, `@prefix@` is the prefix of the metrics, `@Prefix@` the start of an alert's name, and `@uid@` the
dashboard's id. `metric_table` defines the metric names.
"""

import re
from pathlib import Path

RULES = ("service.rules.yml", "drift.rules.yml")
NAMES = ("board.json", *RULES)
# Grafana's limit. Longer prefixes share a dashboard if they start with the same characters.
_UID_LENGTH = 40
_FOLDER = Path(__file__).parent


def text_of(name: str, prefix: str) -> str:
    """Return a file for metrics with this prefix."""
    capitalized = "".join(part[:1].upper() + part[1:] for part in prefix.split("_"))
    text = (_FOLDER / name).read_text(encoding="utf-8")
    for placeholder, value in (
        ("prefix", prefix),
        ("Prefix", capitalized),
        ("uid", f"{prefix}-services"[:_UID_LENGTH]),
    ):
        text = text.replace(f"@{placeholder}@", value)
    return text


def rules(prefix: str) -> str:
    """Return all rules for metrics with this prefix, as one file."""
    first, *others = (text_of(name, prefix) for name in RULES)
    return first + "".join(text.partition("groups:\n")[2] for text in others)


def alert_names(prefix: str) -> list[str]:
    """Return the names of all alerts."""
    return re.findall(r"^ +- alert: (\w+)$", rules(prefix), re.MULTILINE)
