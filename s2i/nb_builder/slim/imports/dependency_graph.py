"""The declared dependencies of distributions, followed transitively."""

from collections.abc import Iterable

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from nb_builder.common import markers
from nb_builder.common.installed import Distribution


def needed_by(names: Iterable[str], distributions: Iterable[Distribution], python: str) -> dict[str, str]:
    """Return {distribution: its requirer} for all `distributions` that `names` require, directly or indirectly.

    `names` themselves are left out. `python` is the full version of their Python, such as 3.11.2.
    """
    installed = {distribution.name: distribution for distribution in distributions}
    environment = markers.environment(python)
    roots = set(names)
    requesters: dict[str, str] = {}
    todo = [(name, "") for name in sorted(roots)]
    visited = set(todo)
    while todo:
        name, extra = todo.pop(0)
        lines = installed[name].requires if name in installed else ()
        for requirement in _applicable(lines, {**environment, "extra": extra}):
            required_name = canonicalize_name(requirement.name)
            if required_name in installed and required_name not in roots:
                requesters.setdefault(required_name, name)
            pairs = [(required_name, required_extra) for required_extra in ("", *sorted(requirement.extras))]
            new = [pair for pair in pairs if pair not in visited]
            visited.update(new)
            todo += new
    return requesters


def _applicable(requirements: Iterable[str], environment: dict[str, str]) -> Iterable[Requirement]:
    for line in requirements:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            # Metadata older than PEP 508. Without a valid marker, it's unknown whether it applies to this Python.
            continue
        if requirement.marker is None or requirement.marker.evaluate(environment):
            yield requirement
