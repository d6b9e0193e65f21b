"""Measures all cases in one process and prints the tables: run by `make bench BENCH=batching` in its environment.

With names of cases, only these; BENCH_QUICK=1 leaves out what they gain.
"""

import os
import statistics
import sys
from contextlib import contextmanager

import absent  # noqa: F401 - notes its cases, as those below do
import boosted  # noqa: F401
import corpus
import deceivers
import networks  # noqa: F401
import rejected  # noqa: F401
import tables  # noqa: F401
import texts  # noqa: F401
from measured import SIZES, Measured, measure

from cases import CASES

BATCHED_SHARE = 0.7
REAL = ("tables", "boosted", "texts", "networks")
HEAD = (
    "| predictor | proof | in company | alone /s |"
    + "".join(f" x {size} |" for size in SIZES)
    + " µs at 64 | proof s |"
)


@contextmanager
def quiet():
    """Keep the tracebacks of samples that fail on purpose out of the tables."""
    kept, nowhere = (os.dup(1), os.dup(2)), os.open(os.devnull, os.O_WRONLY)
    sys.stdout.flush()
    try:
        for number in (1, 2):
            os.dup2(nowhere, number)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, descriptor in zip((1, 2), kept, strict=True):
            os.dup2(descriptor, number)
        for descriptor in (*kept, nowhere):
            os.close(descriptor)


def main(names: list[str]) -> int:
    """Print the tables; return 1 where a wrong answer would leave, or less is batched than is said."""
    is_timed = not os.environ.get("BENCH_QUICK")
    found: dict[str, Measured] = {}
    for name, case in CASES.items():
        if not names or name in names:
            with quiet():
                found[name] = measure(case, is_timed)
    for title, modules in (("Real models", REAL), ("Stand-ins and what loads or has no model", ("absent", "refused"))):
        print(f"\n## {title}\n\n{HEAD}\n|{' --- |' * HEAD[1:].count('|')}")
        print("\n".join(row(one) for one in found.values() if one.case.predictor.__module__ in modules))
    real = [one for one in found.values() if one.case.predictor.__module__ in REAL]
    summary(real)
    traps(found)
    wrong = [one for one in found.values() if one.is_batched and one.wrong]
    problems = [f"{one.case.name} would be batched, and {company(one)}" for one in wrong]
    if not names:
        problems += kinds(found)
    print("".join(f"\nNOT met: {problem}" for problem in problems) or "\nAll met.")
    return 1 if problems else 0


def row(one: Measured) -> str:
    """Return the line of a case."""
    held = "held" + ("" if one.facts.get("exact") else ", floats near") if one.is_batched else one.said
    shown = [f"{one.case.name}: {one.case.says}", held, company(one)]
    if one.gains:
        shown += [f"{one.alone:,.0f}", *(f"{gain:.1f}" for gain in one.gains.values()), f"{one.micros:.0f}"]
    else:
        shown += [""] * (len(SIZES) + 2)
    shown.append(f"{one.proof_seconds:.1f}" if one.proof_seconds else "")
    return "| " + " | ".join(text.replace("|", "\\|") for text in shown) + " |"


def company(one: Measured) -> str:
    """Return how the form's answers in random company compare with predictor's own, without a watch."""
    if not one.asked:
        return ""
    if one.wrong:
        return f"{one.wrong} of {one.asked} differ"
    return f"same, {one.near} of {one.asked} but for float32's last digits" if one.near else "same"


def summary(real: list[Measured]) -> None:
    """Print how many are batched, and what they gain."""
    batched = [one for one in real if one.is_batched]
    print(f"\n{len(batched)} of {len(real)} real predictors are batched.", end="")
    timed = [one for one in batched if one.gains]
    for size in SIZES if timed else ():
        gains = [one.gains[size] for one in timed]
        print(f" {size}: {statistics.median(gains):.1f} x ({min(gains):.1f} to {max(gains):.1f}).", end="")
    print()


def traps(found: dict[str, Measured]) -> None:
    """Print the table of what was built to deceive."""
    print("\n## Built to deceive\n\n| predictor | in company, unwatched | said |\n| --- | --- | --- |")
    for name, one in found.items():
        if one.case.predictor.__module__ == deceivers.__name__:
            print(f"| {name}: {one.case.says} | {company(one) or 'not derived'} | {one.said or 'batched'} |")


def kinds(found: dict[str, Measured]) -> list[str]:
    """Print the table of the 79 by kind; return what is not met."""
    total = sum(count for _, count, _ in corpus.KINDS)
    batched = sum(count for _, count, name in corpus.KINDS if found[name].is_batched)
    print(f"\n## {total} public predictors by kind (* by a stand-in of the library)\n")
    print("| kind | number | said |\n| --- | --- | --- |")
    for words, count, name in corpus.KINDS:
        print(f"| {words} | {count} | {found[name].said or 'batched'} |")
    print(f"\n{batched} of {total} are batched, {batched / total:.0%}.")
    return [] if batched >= BATCHED_SHARE * total else [f"at least {BATCHED_SHARE:.0%} of the {total} are batched"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
