"""A dashboard in Grafana's form: what its rows, panels, variables and annotations are in JSON."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from nb_service.observability.metric_table import ALWAYS, TABLE, Family, Names

# The variable by which who looks chooses among data sources.
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Of Grafana 10; later versions read it and bring it to their own.
SCHEMA_VERSION = 39
COLUMNS = 24
HEIGHT = 8
STAT_HEIGHT = 4
TIME_SERIES, STAT = "timeseries", "stat"
# Grafana's names of units.
SECONDS, PLAIN = "s", "short"


class Query(NamedTuple):
    """What Prometheus is asked, and what the series of its answer are called: text with {{labels}}."""

    expression: str
    legend: str


class Panel(NamedTuple):
    """A picture of some queries: lines over time, or with kind STAT the last values as text.

    `unit` is one of Grafana's, by default what the metrics count in; `width` is of 24 columns. `stacked` lines are
    areas on each other; the axis begins at 0 if `from_zero`, and ends at `most`. Of STAT, `shows` is the value or the
    name, and values are red from `red_from`, or below `red_below`.
    """

    title: str
    queries: Sequence[Query]
    unit: str = ""
    width: int = 8
    kind: str = TIME_SERIES
    description: str = ""
    stacked: bool = False
    from_zero: bool = True
    most: float | None = None
    shows: str = "value"
    red_from: float | None = None
    red_below: float | None = None


class Row(NamedTuple):
    """Panels under a title; those of a row that is `collapsed` are asked for when somebody opens it."""

    title: str
    panels: Sequence[Panel]
    collapsed: bool = False


class Variable(NamedTuple):
    """A choice among the values that a label has in the series of `selector`, by default all of them.

    `every` is the regular expression for all of them, where also series without the label are meant.
    """

    name: str
    title: str
    selector: str
    label: str
    every: str | None = None


class Annotation(NamedTuple):
    """Marks at the times at which a query has an answer."""

    name: str
    expression: str
    title: str
    colour: str


def dashboard(
    names: Names,
    title: str,
    variables: Sequence[Variable],
    annotations: Sequence[Annotation],
    rows: Sequence[Row],
) -> dict[str, Any]:
    """Return the dashboard; its uid is of the prefix, so that a later one takes the place of an earlier one."""
    return {
        # Grafana allows 40 characters; a longer prefix shares them with others that begin the same.
        "uid": f"{names.prefix}-services"[:40],
        "title": title,
        "tags": ["nb-builder", names.prefix],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,  # one crosshair over all panels
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_source(), *map(_variable, variables)]},
        "annotations": {"list": [*map(_annotation, annotations)]},
        "links": [],
        "panels": _laid_out(names, rows),
    }


def _source() -> dict[str, Any]:
    return {
        "type": "datasource",
        "name": "datasource",
        "label": "Data source",
        "query": "prometheus",
        "current": {"text": "default", "value": "default"},
        "hide": 0,
        "multi": False,
        "includeAll": False,
        "options": [],
        "refresh": 1,
    }


def _variable(variable: Variable) -> dict[str, Any]:
    every = {} if variable.every is None else {"allValue": variable.every}
    return {
        "type": "query",
        "name": variable.name,
        "label": variable.title,
        "datasource": SOURCE,
        "query": f"label_values({variable.selector}, {variable.label})",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "hide": 0,
        "multi": True,
        "includeAll": True,
        **every,
        "options": [],
        "refresh": 2,  # with the time range: jobs and versions come and go
        "sort": 1,
    }


def _annotation(annotation: Annotation) -> dict[str, Any]:
    return {
        "name": annotation.name,
        "datasource": SOURCE,
        "enable": True,
        "hide": False,
        "iconColor": annotation.colour,
        "target": {"refId": "Anno", "expr": annotation.expression},
        # Fields of Grafana's Prometheus data source, which reads them alongside the target.
        "step": "60s",
        "titleFormat": annotation.name,
        "textFormat": annotation.title,
    }


def _laid_out(names: Names, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the panels of all rows: from left to right, and on a new line where there is no room."""
    panels: list[dict[str, Any]] = []
    top = 0
    for row in rows:
        place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
        head = {"type": "row", "title": row.title, "collapsed": row.collapsed, "gridPos": place}
        inside, top = _placed(names, row.panels, top + 1)
        panels += [{**head, "panels": inside}] if row.collapsed else [{**head, "panels": []}, *inside]
    for number, panel in enumerate(_every(panels), 1):
        panel["id"] = number
    return panels


def _placed(names: Names, panels: Sequence[Panel], top: int) -> tuple[list[dict[str, Any]], int]:
    """Return panels with their places from the line `top` on, and the line below them."""
    placed = []
    left = height = 0
    for panel in panels:
        if left + panel.width > COLUMNS:
            left, top, height = 0, top + height, 0
        place = {"x": left, "y": top, "w": panel.width, "h": STAT_HEIGHT if panel.kind == STAT else HEIGHT}
        placed.append({"gridPos": place, **_panel(names, panel)})
        left, height = left + panel.width, max(height, place["h"])
    return placed, top + height


def _every(panels: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in panels:
        yield panel
        yield from panel.get("panels", ())


def _panel(names: Names, panel: Panel) -> dict[str, Any]:
    shown = _families(names, panel.queries)
    panel = panel._replace(unit=panel.unit or _unit(shown))
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": "\n\n".join([*filter(None, [panel.description]), *(_line(names, family) for family in shown)]),
        "datasource": SOURCE,
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": SOURCE,
                "editorMode": "code",
                "expr": query.expression,
                "legendFormat": query.legend,
                "range": panel.kind != STAT,
                "instant": panel.kind == STAT,
            }
            for place, query in enumerate(panel.queries)
        ],
        **(_stat(panel) if panel.kind == STAT else _time_series(panel)),
    }


def _families(names: Names, queries: Sequence[Query]) -> list[Family]:
    """Return the families that the queries ask for."""
    asked = {word for query in queries for word in re.findall(r"[a-zA-Z_:][\w:]*", query.expression)}
    return [family for family in TABLE if asked.intersection(names.samples(family))]


def _unit(families: Sequence[Family]) -> str:
    """Return Grafana's name of the unit that families count in, or of plain numbers."""
    units = {family.unit for family in families}
    return SECONDS if units == {"seconds"} else PLAIN


def _line(names: Names, family: Family) -> str:
    """Return what the table says of a family."""
    there = "" if family.when == ALWAYS else f" There {family.when}."
    return f"`{names.called(family)}`: {family.description}{there}"


def _stat(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.red_from is not None:
        steps.append({"color": "red", "value": panel.red_from})
    if panel.red_below is not None:
        steps = [{"color": "red", "value": None}, {"color": "green", "value": panel.red_below}]
    return {
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "color": {"mode": "thresholds"},
                "thresholds": {"mode": "absolute", "steps": steps},
            },
            "overrides": [],
        },
        "options": {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "orientation": "auto",
            "textMode": panel.shows,
            "colorMode": "value",
            "graphMode": "none",
            "justifyMode": "auto",
            "wideLayout": True,
            "showPercentChange": False,
            "percentChangeColorMode": "standard",
        },
    }


def _time_series(panel: Panel) -> dict[str, Any]:
    custom: dict[str, Any] = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 0, "showPoints": "auto"}
    if panel.from_zero:
        custom["axisSoftMin"] = 0
    if panel.stacked:
        custom |= {"fillOpacity": 60, "stacking": {"mode": "normal", "group": "A"}}
    defaults: dict[str, Any] = {"unit": panel.unit, "color": {"mode": "palette-classic"}, "custom": custom}
    if panel.most is not None:
        defaults |= {"min": 0, "max": panel.most}
    return {
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {
            "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }
