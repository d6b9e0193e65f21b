"""Figures on their page and in README are those of the pages they link to; limits are those of the settings."""

import re

import nb_builder.common.settings
import nb_service.settings
import pytest

from commands import ROOT

DOCS = ROOT / "docs"
PAGE = DOCS / "explanation" / "figures.md"
NUMBER = re.compile(r"\d[\d,.]*\d|\d")
KNOBS = {knob.env: knob for knob in (*nb_builder.common.settings.KNOBS, *nb_service.settings.KNOBS)}


def rows(text):
    """Return the cells of each row of a page's tables, their heads left out."""
    lines = re.findall(r"^\| (.*) \|$", text, re.MULTILINE)
    return [line.split(" | ") for line in lines if not line.startswith(("What | ", "---"))]


def figures():
    """Yield (what, figure, the page that a row links to, or the row before it)."""
    page = None
    for what, figure, _, _, more in rows(PAGE.read_text(encoding="utf-8")):
        link = re.search(r"\]\(([^)#]+)", more)
        page = (PAGE.parent / link[1]).resolve() if link else page
        assert link or more == "the same"
        yield what, figure, page


@pytest.mark.parametrize(("what", "figure", "page"), [pytest.param(*row, id=row[0]) for row in figures()])
def test_a_figure_is_that_of_the_page_which_explains_it(what, figure, page):
    text = page.read_text(encoding="utf-8")
    assert [number for number in NUMBER.findall(figure) if not re.search(rf"(?<![\d.]){number}(?![\d])", text)] == []


def test_figures_of_the_readme_are_on_the_page():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    measured = re.findall(r"([\d.]+) (?:MB|kB|times)", readme)
    assert len(measured) == 4
    assert [number for number in measured if number not in PAGE.read_text(encoding="utf-8")] == []


def shown(value):
    """Return a setting's default in the ways in which a reader may find it written."""
    return {
        f"{value:,g}" if isinstance(value, float) else f"{value:,}",
        f"{int(value) >> 20} MiB",
        f"{int(value) >> 30} GiB",
    }


def test_limits_are_the_defaults_of_their_settings():
    page = (DOCS / "reference" / "platforms.md").read_text(encoding="utf-8")
    limits = rows(page[page.index("## Limits") :])
    asked = 0
    for what, most, changed_by in (row for row in limits if len(row) == 3):
        knob = KNOBS.get("".join(re.findall(r"^`(\w+)`", changed_by)))
        if knob and knob.default is not None and "native" not in what:
            asked += 1
            assert any(re.search(rf"(?<![\d,]){words}(?!,?\d)", most) for words in shown(knob.default)), what
    assert asked == 9
