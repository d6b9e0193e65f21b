"""What distributions declare to need, followed to the end."""

from collections.abc import Iterable

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from nb_builder.common.installed import Distribution


def needed_by(names: Iterable[str], held: Iterable[Distribution], python: str) -> dict[str, str]:
    """Return {distribution: who asks for it} of all that `names` need of what is `held`, themselves left out.

    `python` is the full version of the Python that they are for, such as 3.11.2.
    """
    known = {each.name: each for each in held}
    environ: dict[str, str] = {
        **{name: str(value) for name, value in default_environment().items()},
        "python_version": ".".join(python.split(".")[:2]),
        "python_full_version": python,
    }
    first = set(names)
    found: dict[str, str] = {}
    todo = [(name, "") for name in sorted(first)]
    done = set(todo)
    while todo:
        name, extra = todo.pop(0)
        for wanted in _wanted(known[name].requires if name in known else (), {**environ, "extra": extra}):
            other = canonicalize_name(wanted.name)
            if other in known and other not in first:
                found.setdefault(other, name)
            more = [(other, each) for each in ("", *sorted(wanted.extras)) if (other, each) not in done]
            done.update(more)
            todo += more
    return found


def _wanted(lines: Iterable[str], environ: dict[str, str]) -> Iterable[Requirement]:
    for line in lines:
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            # Older than the rules: who wrote it did not tell for which Python, so nobody else can.
            continue
        if wanted.marker is None or wanted.marker.evaluate(environ):
            yield wanted
