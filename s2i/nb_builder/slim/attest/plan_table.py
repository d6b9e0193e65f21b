"""The table at the end of a slim build: what was kept and left out, why, and its size."""

from collections.abc import Iterable

from nb_builder.slim.plan.planner import Choice, Plan


def lines(plan: Plan) -> list[str]:
    """Return the lines of the table, largest distribution first: megabytes, name and version, reason."""
    return [
        *_section("kept", plan.kept),
        *_section("left out", plan.dropped),
        *(f"note: {note}" for note in plan.notes),
    ]


def _section(title: str, choices: Iterable[Choice]) -> list[str]:
    ordered = sorted(choices, key=lambda choice: (-choice.distribution.bytes, choice.distribution.name))
    if not ordered:
        return []
    total = sum(choice.distribution.bytes for choice in ordered)
    names = [f"{choice.distribution.name} {choice.distribution.version}" for choice in ordered]
    width = max(map(len, names))
    rows = [
        f"{megabytes(choice.distribution.bytes):>11}  {name:<{width}}  {choice.reason}"
        for choice, name in zip(ordered, names, strict=True)
    ]
    count = "1 distribution" if len(ordered) == 1 else f"{len(ordered)} distributions"
    return [f"{title}: {count}, {megabytes(total)} before tests, headers and symbols were removed", *rows]


def megabytes(size: int) -> str:
    """Return a size in bytes as text, in MB of 10^6 bytes."""
    return f"{size / 1e6:.1f} MB"
