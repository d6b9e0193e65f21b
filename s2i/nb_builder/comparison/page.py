"""Writes the report as one HTML page: without scripts or external resources, and with all text escaped."""

from collections.abc import Iterator
from html import escape
from typing import Any

from nb_scorer.common import phrases

from nb_builder.comparison import plots, text
from nb_builder.comparison.trial import Trial
from nb_builder.comparison.wording import percent

# The number of rows shown of each kind; the JSON file has more.
ROWS = 100
# Longer samples and predictions are truncated.
MAX_LENGTH = 400
# As on the service's own pages, nothing is loaded and no script runs, whatever a sample contains.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_STYLE = """
:root { color-scheme: light dark; --line: #8886; --quiet: #555; --good: #1a7f37; --bad: #c33; }
:root { --old: #0969da; --new: #bc4c00; --warm: 188, 76, 0; }
@media (prefers-color-scheme: dark) {
:root { --quiet: #b5b5b5; --good: #56d364; --bad: #ff7b72; --old: #6cb6ff; --new: #f0883e; --warm: 240, 136, 62; }
}
* { box-sizing: border-box; }
body { margin: 0; background: Canvas; color: CanvasText; }
main { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 64rem; font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: 0 0 .6rem; font-size: 1.7rem; overflow-wrap: anywhere; }
h2 { margin: 2.2rem 0 .6rem; font-size: 1.2rem; }
p, dd { margin: .3rem 0; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 0; }
dt { font-weight: 600; }
code { font: .88rem/1.45 ui-monospace, "DejaVu Sans Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { padding: .35rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
.pairs td { min-width: 8rem; }
.pairs td:first-child { min-width: 0; white-space: nowrap; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.classes td { text-align: right; }
.classes td:not(.none) { background: rgba(var(--warm), var(--share)); }
.classes td.same { background: none; font-weight: 600; }
.old { color: var(--old); } .new { color: var(--new); }
.holds { color: var(--good); font-weight: 600; } .exceeded { color: var(--bad); font-weight: 600; }
.quiet { color: var(--quiet); }
.plots { display: flex; flex-wrap: wrap; gap: 1.5rem; }
figure { margin: 0; flex: 1 1 22rem; max-width: 30rem; }
figcaption { font-weight: 600; }
svg { display: block; width: 100%; height: auto; font: 11px system-ui, sans-serif; }
svg text { fill: CanvasText; }
svg .axis { stroke: var(--quiet); fill: none; }
svg .mark-old, svg .mark-new { fill: none; stroke-width: 2; }
svg .mark-old { stroke: var(--old); } svg .mark-new { stroke: var(--new); stroke-dasharray: 6 3; }
svg .bar-old { fill: var(--old); } svg .bar-new { fill: var(--new); } svg .bar { fill: var(--quiet); }
svg .point { fill: var(--new); fill-opacity: .5; }
"""


def render(report: dict[str, Any], trial: Trial) -> str:
    """Return the page of a report made by `report.build`, with plots of the measurements of `trial`."""
    title = f"{report['old']['name']} and {report['new']['name']}"
    body = "\n".join(_parts(report, trial))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
        f"<title>{_escaped(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n"
        f"</html>\n"
    )


def _parts(report: dict[str, Any], trial: Trial) -> Iterator[str]:
    yield "<h1>Two versions compared</h1>"
    yield "<dl>"
    for label in ("old", "new"):
        yield f'<dt class="{label}">{label.upper()}</dt><dd>{_escaped(text.described(report[label]))}</dd>'
    yield f"<dt>Samples</dt><dd>{report['rows']['in']} of {_escaped(report['samples']['from'])}</dd></dl>"
    for note in text.notes(report):
        yield f"<p>{_escaped(note)}</p>"
    yield from _limits(report)
    yield from _rows(report)
    yield from _classes(report)
    yield from _plots(report, trial)
    yield from _side_by_side("Side by side", "the largest difference first", report["differences"])
    yield from _side_by_side("Not answered", "by one of the two, or by both", report["unanswered"])


def _limits(report: dict[str, Any]) -> Iterator[str]:
    if not report["limits"]:
        return
    yield f'<h2>Limits</h2>\n{_wide("Limits")}<table id="limits">'
    for limit in report["limits"]:
        verdict = "holds" if limit["holds"] else "exceeded"
        name = _escaped(f"{limit['name']}={limit['limit']}")
        cells = f"<td><code>{name}</code></td><td>{_escaped(limit['measured'])}</td>"
        yield f'<tr><td class="{verdict}">{verdict}</td>{cells}</tr>'
    yield "</table></div>"


def _rows(report: dict[str, Any]) -> Iterator[str]:
    total = report["rows"]["in"]
    yield f'<h2>Predictions</h2>\n{_wide("Predictions")}<table id="rows">'
    for name, count in text.counts(report):
        yield (
            f'<tr><th scope="row">{name}</th><td class="number">{count}</td>'
            f'<td class="number">{percent(count / total)}</td></tr>'
        )
    yield "</table></div>"
    yield f"<p>{_escaped(text.summary(report))}</p>"
    yield (
        f"<p>{percent(report['share_different'])} of rows differ, including those that only one of the two answered. "
        f"Largest difference: {_escaped(text.largest(report))}. "
        f"Floats are the same within {report['tolerance']:g}, relative.</p>"
    )
    others = [each for each in report["outcomes"] if {each["old"], each["new"]} != {"200"}]
    if others:
        yield f'<h2>Rows without a prediction</h2>\n{_wide("Rows without a prediction")}<table id="outcomes">'
        yield '<tr><th scope="col">Rows</th><th scope="col">OLD</th><th scope="col">NEW</th>'
        yield '<th scope="col">First</th></tr>'
        for each in others:
            codes = "".join(f"<td>{_escaped(text.problem(each[label]))}</td>" for label in ("old", "new"))
            first = f"{each['first']['row']}: {text.reason(each['first'])}"
            yield f'<tr><td class="number">{each["rows"]}</td>{codes}<td>{_escaped(first)}</td></tr>'
        yield "</table></div>"


def _classes(report: dict[str, Any]) -> Iterator[str]:
    classes = report["classes"]
    if classes is None:
        return
    largest = max(count for row in classes["rows"] for count in row)
    yield "<h2>By class</h2>\n<p class=\"quiet\">OLD's prediction is the row, NEW's the column.</p>"
    yield f'{_wide("By class")}<table class="classes" id="classes"><tr><td class="none"></td>'
    yield "".join(f'<th scope="col">{_escaped(name)}</th>' for name in classes["names"]) + "</tr>"
    for place, (name, row) in enumerate(zip(classes["names"], classes["rows"], strict=True)):
        yield f'<tr><th scope="row">{_escaped(name)}</th>'
        for column, count in enumerate(row):
            same = ' class="same"' if place == column else ' class="none"' if not count else ""
            yield f'<td{same} style="--share: {0.15 + 0.45 * count / largest:.3f}">{count or "·"}</td>'
        yield "</tr>"
    yield "</table></div>"


def _plots(report: dict[str, Any], trial: Trial) -> Iterator[str]:
    yield "<h2>Speed and memory</h2>"
    yield f'<p id="speed">{_escaped(text.speed(report))}</p>\n<p id="memory">{_escaped(text.memory(report))}</p>'
    made = []
    if len(trial.speed):
        made.append(("Time per request", plots.shares(trial.speed.old, trial.speed.new)))
    if report["memory"]:
        found = report["memory"]
        made.append(("Memory at most", plots.bars(found["old_peak_bytes"] / 1e6, found["new_peak_bytes"] / 1e6, "MB")))
    old_values, new_values = trial.tally.numbers
    if old_values and report["classes"] is None:
        made.append(("Predictions of OLD and NEW", plots.points(old_values, new_values)))
    if any(trial.tally.sizes) and report["classes"] is None:
        made.append(("Differences between predictions", plots.magnitudes(trial.tally.sizes)))
    yield '<div class="plots">'
    for caption, drawn in made:
        yield f"<figure><figcaption>{caption}</figcaption>\n{drawn}</figure>"
    yield "</div>"


def _side_by_side(title: str, order: str, shown: list[dict[str, Any]]) -> Iterator[str]:
    if not shown:
        return
    more = f", the first {ROWS}; the file of JSON has more" if len(shown) > ROWS else ""
    yield f'<h2>{title}</h2>\n<p class="quiet">{order}{more}</p>\n{_wide(title)}<table class="pairs">'
    has_sizes = any(row["difference"] is not None for row in shown[:ROWS])
    names = ("Row", "Sample", "OLD", "NEW", *(("Difference",) if has_sizes else ()))
    yield "<tr>" + "".join(f'<th scope="col">{name}</th>' for name in names) + "</tr>"
    for row in shown[:ROWS]:
        cells = [row["sample"] or "", text.answer(row["old"]), text.answer(row["new"])]
        middle = "".join(f"<td><code>{_escaped(phrases.cut(cell, MAX_LENGTH))}</code></td>" for cell in cells)
        size = "" if row["difference"] is None else f"{row['difference']:.6g}"
        last = f'<td class="number">{size}</td>' if has_sizes else ""
        yield f"<tr><td>{_escaped(row['row'])}</td>{middle}{last}</tr>"
    yield "</table></div>"


def _wide(title: str) -> str:
    """Return the start tag of an element that may be wider than a phone, and scrolls sideways, also with keys."""
    return f'<div class="wide" role="region" tabindex="0" aria-label="{title}">'


def _escaped(given: str) -> str:
    """Return text for the page: escaped, with characters that HTML can't contain in escaped form."""
    return escape(given.encode("utf-8", "backslashreplace").decode("utf-8"))
