"""What the slim image proved of itself, as a file in it and as the last lines of its build."""

import json
import re

from nb_scorer.model import golden_rows

from nb_builder.common.log import Log
from nb_builder.common.slim_levels import OFF
from nb_builder.slim.attest import plan_table
from nb_builder.slim.plan.planner import Choice, Plan
from nb_builder.slim.problems import SlimUnproved
from nb_builder.slim.tree import Tree

FOLDER = "/usr/share/nb-builder"
FILE = f"{FOLDER}/slim.json"
_ERROR = re.compile(r"\w(Error|Exception): ")
_ROWS = "Add 'examples = [...]' to the notebook, samples that prove the image, and build the service again."


def write(tree: Tree, plan: Plan, verdict: dict, date: int) -> None:
    """Write what stayed, what went and what was proved, the same for the same inputs, into a tree of that alone."""
    told = {
        "level": plan.level,
        "golden_rows": verdict["rows"],
        "requests": len(verdict["answers"]),
        "deterministic": verdict["deterministic"],
        "kept": _listed(plan.kept),
        "left_out": _listed(plan.dropped),
        "notes": list(plan.notes),
    }
    tree.write(FILE, json.dumps(told, indent=1) + "\n")
    tree.seal(date)


def _listed(choices: tuple[Choice, ...]) -> list[dict]:
    ordered = sorted(choices, key=lambda choice: choice.distribution.name)
    return [
        {"name": choice.distribution.name, "version": choice.distribution.version, "reason": choice.reason}
        for choice in ordered
    ]


def show(tree: Tree, plan: Plan, verdict: dict, log: Log) -> None:
    """Print the table, and what the final image proved."""
    log.step("What serving needs")
    for line in plan_table.lines(plan):
        log.line(f"     {line}")
    if not verdict["rows"]:
        log.note(f"there are no golden rows, so nothing says what the right answers are. {_ROWS}")
    rows = golden_rows.counted(verdict["rows"])
    alike = "answered the same" if verdict["deterministic"] else "answered; predictor says something else each time"
    log.step(
        f"The slim image is {plan_table.megabytes(tree.bytes())} (S2I_SLIM={plan.level}); "
        f"{rows} {alike}, {len(verdict['answers'])} requests in all"
    )


def told(verdict: dict) -> list[str]:
    """Return what a verdict that is not good says: each difference, and the errors in the service's log."""
    differences = verdict["differences"]
    errors = [line for line in verdict["stderr"].splitlines() if _ERROR.search(line)]
    return [*differences, *(line for line in errors if not any(line in each for each in differences))]


def unproved(verdict: dict, level: str) -> SlimUnproved:
    """Return the problem of an image of this level that is not the same service."""
    advice = (
        "Set S2I_SLIM_BASE=shell, where the predictor needs a program or a library of the system."
        if level == OFF
        else "Set S2I_SLIM=off, or S2I_KEEP to the distributions that the difference is about."
    )
    first, *rest = told(verdict)
    return SlimUnproved(difference=first, advice=advice, detail="\n".join(rest))
