"""Formats the report for a terminal."""

import json
from collections.abc import Iterator
from typing import Any

from nb_scorer.common import phrases

from nb_builder.comparison.wording import percent

# Rows shown side by side; the file and the page have more.
ROWS = 10
WIDTH = 60
MAX_CLASS = 12


def lines(report: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a report made by `report.build`."""
    for label in ("old", "new"):
        yield f"{label.upper()}  {described(report[label])}"
    yield from notes(report)
    yield ""
    yield from _rows(report)
    yield from _classes(report)
    yield from _side_by_side(report)
    yield ""
    yield f"Speed:   {speed(report)}"
    yield f"Memory:  {memory(report)}"
    if report["limits"]:
        yield ""
    for limit in report["limits"]:
        yield f"{'holds   ' if limit['holds'] else 'EXCEEDED'}  {limit['name']}={limit['limit']}: {limit['measured']}"


def described(candidate: dict[str, Any]) -> str:
    """Return a description of a service."""
    facts = [candidate["notebook"], candidate["built"] and f"built {candidate['built']}"]
    facts.append(candidate["python"] and f"Python {candidate['python']}")
    known = ", ".join(fact for fact in facts if fact) or "native image"
    return f"{candidate['name']} ({known})"


def notes(report: dict[str, Any]) -> Iterator[str]:
    """Yield notes about how reliable the figures are."""
    for label, other in (("old", "new"), ("new", "old")):
        candidate = report[label]
        only = len(report["samples"][f"golden_only_{label}"])
        if only:
            yield f"note: {phrases.counted(only, 'golden row')} of {label.upper()} that {other.upper()} does not have."
        unsteady = candidate["rows_answered_otherwise_when_asked_again"]
        if candidate["deterministic"] is False or unsteady:
            seen = f", {phrases.counted(unsteady, 'row')} here" if unsteady else ""
            yield (
                f"note: {label.upper()} gives different predictions for the same sample{seen}, so "
                "not all differences are due to the versions."
            )


def counts(report: dict[str, Any]) -> list[tuple[str, int]]:
    """Return the number of rows by outcome, as text."""
    rows = report["rows"]
    return [
        ("equal", rows["equal"]),
        ("same within the tolerance", rows["within_tolerance"]),
        ("different", rows["different"]),
        ("only OLD answered", rows["only_old_answered"]),
        ("only NEW answered", rows["only_new_answered"]),
        ("neither answered", rows["neither_answered"]),
    ]


def summary(report: dict[str, Any]) -> str:
    """Return the sentence that accounts for every row."""
    rows = report["rows"]
    return (
        f"{rows['in']} rows in = {rows['compared']} compared + {rows['only_old_answered']} only OLD answered + "
        f"{rows['only_new_answered']} only NEW answered + {rows['neither_answered']} neither answered."
    )


def largest(report: dict[str, Any]) -> str:
    """Return the largest difference as text."""
    found = report["largest_difference"]
    if found["absolute"] is None:
        said = "no two numbers differ"
    else:
        said = f"{found['absolute']['value']:.6g} in {found['absolute']['row']}"
        said += f"; relative, {percent(found['relative']['value'])} in {found['relative']['row']}"
    beyond = found["rows_beyond_numbers"]
    return said + (f"; in {phrases.counted(beyond, 'row')} something other than a number" if beyond else "")


def speed(report: dict[str, Any]) -> str:
    """Return the latencies as text."""
    found = report["speed"]
    if found is None:
        return "unknown: neither has scored any row."
    said = (
        f"OLD {1000 * found['old_median_seconds']:.3f} ms, NEW {1000 * found['new_median_seconds']:.3f} ms a request "
        f"(medians of {found['pairs']} pairs)"
    )
    ratio = found["ratio"]
    if ratio is None:
        return f"{said}; too few for a ratio."
    interval = f"{percent(ratio['confidence'])} interval {ratio['low']:.3f} to {ratio['high']:.3f}"
    return f"{said}; NEW takes {ratio['median']:.3f} times as long, {interval}."


def memory(report: dict[str, Any]) -> str:
    """Return the memory as text."""
    found = report["memory"]
    if found is None:
        return "unknown: the services' processes can't be seen from here."
    old, new = (f"{found[f'{label}_peak_bytes'] / 1e6:.1f} MB" for label in ("old", "new"))
    return f"OLD {old}, NEW {new} at most in a process with the model; NEW needs {found['ratio']:.3f} times as much."


def answer(outcome: dict[str, Any]) -> str:
    """Return a prediction as JSON, or the problem with its sentence."""
    if "answer" in outcome:
        return json.dumps(outcome["answer"], ensure_ascii=False)
    return f"{outcome['problem']}: {outcome['detail']}" if outcome["detail"] else outcome["problem"]


def problem(code: str) -> str:
    """Return the code of an outcome as text."""
    return "an answer" if code == "200" else code


def reason(row: dict[str, Any]) -> str:
    """Return why a row has no prediction, from the first service that reports a reason."""
    details = [row[label]["detail"] for label in ("old", "new") if row[label].get("detail")]
    return phrases.cut(details[0] if details else "no reason was given", 2 * WIDTH)


def _rows(report: dict[str, Any]) -> Iterator[str]:
    total = report["rows"]["in"]
    for name, count in counts(report):
        yield f"{name:26}{count:>9}  {percent(count / total):>8}"
    yield summary(report)
    yield f"Differ:  {percent(report['share_different'])} of rows, those included that only one of the two answered."
    yield f"Largest: {largest(report)}."
    for outcome in report["outcomes"]:
        if {outcome["old"], outcome["new"]} == {"200"}:
            continue
        first = outcome["first"]
        codes = f"OLD {problem(outcome['old'])}, NEW {problem(outcome['new'])}"
        yield f"         {phrases.counted(outcome['rows'], 'row')}: {codes}; first {first['row']}: {reason(first)}"


def _classes(report: dict[str, Any]) -> Iterator[str]:
    classes = report["classes"]
    if classes is None:
        return
    names = [phrases.cut(name, MAX_CLASS) for name in classes["names"]]
    largest = max(count for row in classes["rows"] for count in row)
    width = 2 + max(len(str(largest)), *map(len, names))
    yield ""
    yield "By class: OLD's prediction is the row, NEW's the column."
    yield " " * width + "".join(f"{name:>{width}}" for name in names)
    for name, row in zip(names, classes["rows"], strict=True):
        yield f"{name:>{width}}" + "".join(f"{count or '·':>{width}}" for count in row)


def _side_by_side(report: dict[str, Any]) -> Iterator[str]:
    for title, key in (("Side by side, the largest difference first", "differences"), ("Not answered", "unanswered")):
        shown = report[key]
        if not shown:
            continue
        yield ""
        yield f"{title}:"
        for row in shown[:ROWS]:
            sample = phrases.cut(row["sample"] or "", WIDTH)
            old, new = (phrases.cut(answer(row[label]), WIDTH) for label in ("old", "new"))
            yield f"  {row['row']}: {sample}  OLD {old}  NEW {new}"
        if len(shown) > ROWS:
            yield f"  … and more: the report as a file (JSON=…) has {len(shown)} rows."
