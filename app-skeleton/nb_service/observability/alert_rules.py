"""All rules for Prometheus, under a prefix."""

from collections.abc import Iterable

from nb_service.observability import drift_rules, rule_file, service_rules
from nb_service.observability.metric_table import Names
from nb_service.observability.rule_file import Alert, Group


def groups(prefix: str) -> list[Group]:
    """Return the groups of rules for metrics with this prefix."""
    names, called = Names(prefix), _called(prefix)
    return [service_rules.group(names, called), drift_rules.group(names, called)]


def text_of(prefix: str, groups: Iterable[Group]) -> str:
    """Return a file of some of these groups, which says where it comes from."""
    head = (
        f"# Rules for Prometheus (rule_files) on metrics that begin with {prefix}_.\n"
        "# A service writes them by its word `alerts`, with S2I_APP_METRICS_PREFIX; changes by hand are lost.\n"
    )
    return head + rule_file.text_of(groups)


def alert_names(prefix: str) -> list[str]:
    """Return the names of all alerts."""
    return [rule.name for group in groups(prefix) for rule in group.rules if isinstance(rule, Alert)]


def _called(prefix: str) -> str:
    """Return what names of alerts begin with: the words of the prefix, each with a capital."""
    return "".join(word[:1].upper() + word[1:] for word in prefix.split("_"))
