"""A file of rules for Prometheus, as text: YAML that people read, too."""

import json
import textwrap
from collections.abc import Iterable, Sequence
from typing import NamedTuple

CRITICAL, WARNING = "critical", "warning"


class Recording(NamedTuple):
    """A rule that keeps what `expression` gives as the series `name`; `comment` says why."""

    name: str
    expression: str
    comment: str = ""


class Alert(NamedTuple):
    """A rule that tells people of what `expression` gives once it has been so for `wait`.

    `summary` says what is the case, with Prometheus's templates, and `runbook` what to look at and what to do.
    """

    name: str
    expression: str
    wait: str
    severity: str
    summary: str
    runbook: str


class Group(NamedTuple):
    """Rules that are evaluated one after the other, every `interval`."""

    name: str
    interval: str
    comment: str
    rules: Sequence[Recording | Alert]


def text_of(groups: Iterable[Group]) -> str:
    """Return the file that has these groups."""
    lines = ["groups:"]
    for group in groups:
        lines += [*_comment(group.comment, 2), f"  - name: {group.name}"]
        lines += [f"    interval: {group.interval}", "    rules:"]
        for rule in group.rules:
            lines += _recording(rule) if isinstance(rule, Recording) else _alert(rule)
    return "\n".join(lines) + "\n"


def _recording(rule: Recording) -> list[str]:
    return [*_comment(rule.comment, 6), f"      - record: {rule.name}", *_expression(rule.expression)]


def _alert(rule: Alert) -> list[str]:
    return [
        f"      - alert: {rule.name}",
        *_expression(rule.expression),
        f"        for: {rule.wait}",
        "        labels:",
        f"          severity: {rule.severity}",
        "        annotations:",
        # A string of JSON is one of YAML, whatever is in it.
        f"          summary: {json.dumps(rule.summary)}",
        f"          runbook: {json.dumps(rule.runbook)}",
    ]


def _expression(expression: str) -> list[str]:
    # A block: colons, braces and hashes of PromQL mean nothing in it.
    return ["        expr: |-", *textwrap.indent(textwrap.dedent(expression).strip(), " " * 10).splitlines()]


def _comment(text: str, indent: int) -> list[str]:
    width = 120 - indent - len("# ")
    return [f"{' ' * indent}# {line}" for line in textwrap.wrap(text, width)]
