"""`nb-builder ab-report`: reports which of two versions in production performs better, from Prometheus metrics."""

import argparse
import re
import sys
import urllib.parse
from collections.abc import Sequence
from typing import Any

from nb_service.log import visible

from nb_builder.ab_report import counts, report, text
from nb_builder.ab_report.counts import Chosen
from nb_builder.ab_report.problems import AbWords
from nb_builder.ab_report.prometheus import Prometheus
from nb_builder.commands.command_line import ProblemParser, run
from nb_builder.common.log import Log
from nb_builder.common.visible import json_text

USAGE = "nb-builder ab-report PROMETHEUS A B [OPTION…]"
_DURATION = re.compile(r"([1-9]\d*(ms|[smhdwy]))+")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_PREFIX = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def _parser() -> ProblemParser:
    parser = ProblemParser("ab-report", USAGE, AbWords)
    add = parser.add_argument
    add("prometheus", metavar="PROMETHEUS", help="its address, such as http://localhost:9090")
    add("a", metavar="A", help="the current version, as the value of its label")
    add("b", metavar="B", help="the other version, likewise")
    add("--since", default="", metavar="TIME", help="how far to look back, such as 30m, 1h (the default) or 7d")
    add("--label", default="", metavar="NAME", help="label that distinguishes versions (default: version)")
    add(
        "--route",
        default="",
        metavar="REGEX",
        help="routes of predictions, as a regular expression (default: /predict)",
    )
    add("--prefix", default="", metavar="NAME", help="prefix of metric names (default: nb)")
    add("--json", action="store_true", help="print the report as JSON on stdout and everything else on stderr")
    add("--help", "-h", action="store_true", help="show this")
    return parser


def main(arguments: Sequence[str]) -> None:
    """Compare the versions that `arguments` name, and print the report; raise SystemExit(3) if B is worse.

    Raises the problems of ab_report.
    """
    run(_parser(), arguments, _made)


def _made(given: argparse.Namespace) -> dict[str, Any]:
    """Print the report and return it."""
    chosen = _chosen(given)
    prometheus = Prometheus(given.prometheus)
    made = report.build(chosen, *(counts.query_version(prometheus, chosen, version) for version in (given.a, given.b)))
    log = Log(sys.stderr if given.json else None)
    for line in text.lines(made):
        log.line(visible(line))
    if given.json:
        print(json_text(made, indent=1))
    return made


def _chosen(given: argparse.Namespace) -> Chosen:
    """Return the versions to query; raise AbWords for arguments that are empty or that Prometheus can't parse."""
    for name in ("prometheus", "a", "b"):
        if not getattr(given, name):
            # The cause is most likely an unset shell variable.
            raise AbWords(reason=f"{name.upper()} is not given")
    address = given.prometheus
    try:
        parts = urllib.parse.urlsplit(address)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise AbWords(reason=f"PROMETHEUS={address} is not an address such as http://localhost:9090")
    if given.a == given.b:
        raise AbWords(reason=f"A and B are both {given.a}")
    chosen = Chosen(given.prefix or "nb", given.label or "version", given.route or "/predict", given.since or "1h")
    for name, value, form, wanted in (
        ("SINCE", chosen.since, _DURATION, "a time such as 30m, 1h or 7d"),
        ("LABEL", chosen.label, _LABEL, "the name of a label"),
        ("PREFIX", chosen.prefix, _PREFIX, "a prefix of metric names"),
    ):
        if not form.fullmatch(value):
            raise AbWords(reason=f"{name}={value} is not {wanted}")
    return chosen
