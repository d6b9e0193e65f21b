"""Formats the report for a terminal."""

from collections.abc import Iterator, Sequence
from typing import Any

from nb_builder.ab_report.report import NOT_KNOWN, A, B

_NAMES = {A: "A", B: "B"}


def lines(report: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a report made by `report.build`; the last one is the verdict."""
    for name, title in _NAMES.items():
        facts = report[name]
        true = f"{facts['true_answers']:,} true answers" if facts["true_answers"] else "no feedback"
        asked = f"{facts['requests']:,} requests to {report['route']} in the last {report['since']}"
        yield f"{title}  {report['label']}={facts['version']}: {asked}, {true}"
    yield ""
    rows = [("", "A", "B", "B less A", ""), *(_row(measure) for measure in report["measures"])]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=False))
        yield f"{'   '.join(cells)}   {row[4]}".rstrip()
    yield ""
    yield f"All intervals hold together with {100 * report['confidence_of_all']:.0f} % confidence."
    yield verdict(report)


def verdict(report: dict[str, Any]) -> str:
    """Return the verdict as a sentence."""
    worse, better = report["b_is_worse_in"], report["b_is_better_in"]
    version = f"{report['label']}={report[B]['version']}"
    if worse:
        return (
            f"Verdict: {version} is worse in {_listed(worse)}{f', and better in {_listed(better)}' if better else ''}."
        )
    if better:
        return f"Verdict: {version} is better in {_listed(better)}; nothing is worse."
    return f"Verdict: {version} is neither better nor worse: all differences may be due to chance."


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _row(measure: dict[str, Any]) -> tuple[str, str, str, str, str]:
    of_each = [_interval(measure[name], measure["unit"]) for name in (A, B)]
    difference = measure["difference"]
    said = "" if difference is None else _interval(difference, measure["unit"], sign="+")
    return (measure["name"], *of_each, said, _verdict_of(measure))


def _verdict_of(measure: dict[str, Any]) -> str:
    if measure["better"] != NOT_KNOWN:
        return f"{_NAMES[measure['better']]} is better"
    more = measure["more_needed"]
    if more is None:
        return NOT_KNOWN
    noun = "requests" if measure["name"] == "errors" else "true answers"
    of_a, of_b = (f"{_rounded(more[name]):,}" for name in (A, B))
    return f"{NOT_KNOWN}; if the difference is as large as measured, about {of_a} and {of_b} more {noun} will show it"


def _rounded(number: int) -> int:
    """Return a number rounded to two digits, because it is an estimate."""
    return int(float(f"{number:.2g}"))


def _interval(interval: dict[str, float | None], unit: str, sign: str = "") -> str:
    value, low, high = (_number(interval[name], unit, sign) for name in ("value", "low", "high"))
    suffix = {"share": " %", "seconds": " ms"}.get(unit, "")
    if unit == "seconds":
        # A histogram only provides bounds.
        return f"{low} to {high}{suffix}" if interval["high"] is not None else f"above {low}{suffix}"
    return f"{value}{suffix} ({low} to {high})"


def _number(value: float | None, unit: str, sign: str) -> str:
    if value is None:
        return "-"
    return f"{value * {'share': 100, 'seconds': 1000}.get(unit, 1):{sign}.3g}"
