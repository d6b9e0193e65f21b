"""The verification record of a slim image: a file in the image, and the last lines of its build."""

import json
import re

from nb_scorer.model import golden_rows

from nb_builder.common.log import Log
from nb_builder.common.slim_levels import OFF
from nb_builder.problems.slim_images import SlimUnproved
from nb_builder.slim.attest import plan_table
from nb_builder.slim.plan.planner import Choice, Plan
from nb_builder.slim.tree import Tree

FOLDER = "/usr/share/nb-builder"
FILE = f"{FOLDER}/slim.json"
_ERROR = re.compile(r"\w(Error|Exception): ")
_ROWS = "Add 'examples = [...]' to the notebook, samples that verify the image, and build the service again."


def write(tree: Tree, plan: Plan, verdict: dict, date: int) -> None:
    """Write what was kept, left out and verified to `tree`, reproducibly, as its only file."""
    proof = {
        "level": plan.level,
        "golden_rows": verdict["rows"],
        "requests": len(verdict["answers"]),
        "deterministic": verdict["deterministic"],
        "kept": _entries(plan.kept),
        "left_out": _entries(plan.dropped),
        "notes": list(plan.notes),
    }
    tree.write(FILE, json.dumps(proof, indent=1) + "\n")
    tree.seal(date)


def _entries(choices: tuple[Choice, ...]) -> list[dict]:
    by_name = sorted(choices, key=lambda choice: choice.distribution.name)
    return [
        {"name": choice.distribution.name, "version": choice.distribution.version, "reason": choice.reason}
        for choice in by_name
    ]


def show(tree: Tree, plan: Plan, verdict: dict, log: Log) -> None:
    """Print the table of `plan`, and the result of the final image's selftest."""
    log.step("Content of the slim image")
    for line in plan_table.lines(plan):
        log.line(f"     {line}")
    if not verdict["rows"]:
        log.note(f"there are no golden rows, so the correct predictions are unknown. {_ROWS}")
    rows = golden_rows.counted(verdict["rows"])
    outcome = (
        "with the same predictions"
        if verdict["deterministic"]
        else "answered; predictor returns a different prediction each time"
    )
    log.step(
        f"The slim image is {plan_table.megabytes(tree.bytes())} (S2I_SLIM={plan.level}); "
        f"{rows} {outcome}, {len(verdict['answers'])} requests in total"
    )


def failures(verdict: dict) -> list[str]:
    """Return why a selftest failed: each difference in its verdict, and the errors in the service's log."""
    differences = verdict["differences"]
    errors = [line for line in verdict["stderr"].splitlines() if _ERROR.search(line)]
    return [*differences, *(line for line in errors if not any(line in difference for difference in differences))]


def unproved(verdict: dict, level: str) -> SlimUnproved:
    """Return the problem for an image of this `level` whose selftest failed."""
    advice = (
        "Set S2I_SLIM_BASE=shell, if predictor needs a program or a system library."
        if level == OFF
        else "Set S2I_SLIM=off, or S2I_KEEP to the distributions that cause the difference."
    )
    first, *rest = failures(verdict)
    return SlimUnproved(difference=first, advice=advice, detail="\n".join(rest))
