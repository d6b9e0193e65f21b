"""The reference pages match the code: settings, problems, layout."""

import re
from importlib import import_module
from pkgutil import iter_modules

import nb_builder.ab_report.problems
import nb_builder.cli.problems
import nb_builder.commands.app_lock
import nb_builder.commands.audit
import nb_builder.commands.check
import nb_builder.commands.dev.settings
import nb_builder.commands.new
import nb_builder.commands.run_locally
import nb_builder.commands.sign
import nb_builder.commands.target
import nb_builder.common.settings
import nb_builder.comparison.problems
import nb_builder.fix.problems
import nb_builder.images.problems
import nb_builder.magics.problems
import nb_builder.problems
import nb_builder.problems.native_images
import nb_builder.problems.slim_images
import nb_builder.registry.problems
import nb_scorer.zipapp.problems
import nb_service.http.replies
import nb_service.problems
import nb_service.settings
import pytest
from nb_scorer.common import paths
from nb_scorer.common.problem import Problem, SettingInvalid
from nb_scorer.common.settings_table import grouped
from nb_service.http import replies, routes

from commands import ROOT

REFERENCE = ROOT / "docs" / "reference"
FIXTURES = ROOT / "test" / "fixtures"


def classes(module):
    """Return the problems that `module` can raise, its base classes left out."""
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Problem)]
    return [kind for kind in kinds if kind.code != "problem"]


def gaps(words):
    """Return the text of a template as the page shows it: facts in capitals, optional clauses also in brackets."""
    words = words.replace("{nb_builder}", "nb-builder").replace("{{", "{").replace("}}", "}")
    words = re.sub(r"(?<=[a-z).}])(?<!python)\{(?!url\})(\w+)\}", lambda match: f" [{match[1].upper()}]", words)
    return re.sub(r"(?<!\$)\{(\w+)[^}]*\}", lambda match: match[1].upper(), words)


def section(page, title):
    """Return the part of a page below the heading `title`, up to the next heading; "" if there is none."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", page, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def chapter(page, title):
    """Return the part of a page below the second-level heading `title`, with the headings below it."""
    return re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)[1]


def row(knob):
    """Return a setting's row on the page."""
    is_range = " to " in knob.values
    values = knob.values if is_range else ", ".join(f"`{value}`" for value in filter(None, knob.values.split(", ")))
    default = f"`{knob.default_text}`" if knob.default_text else "none"
    origin = ("platform" if knob.platform else "author") + (", protects" if knob.protects else "")
    return f"| `{knob.env}` | {values} | {default} | {origin} | {knob.help} |"


BUILD = [import_module(f"nb_builder.problems.{module.name}") for module in iter_modules(nb_builder.problems.__path__)]
CALLS = (
    nb_builder.commands.target,
    nb_builder.commands.app_lock,
    nb_builder.commands.run_locally,
    nb_builder.commands.audit,
    nb_builder.commands.check,
    nb_builder.commands.new,
    nb_builder.commands.sign,
    nb_builder.fix.problems,
    nb_builder.images.problems,
    nb_builder.registry.problems,
    nb_builder.comparison.problems,
    nb_builder.ab_report.problems,
    nb_builder.cli.problems,
    nb_builder.magics.problems,
)
HOMES = (*BUILD, *CALLS, nb_service.problems, nb_scorer.zipapp.problems)
PROBLEMS = {kind.code: kind for module in HOMES for kind in classes(module)}
# Those of slim and native images are asserted by the tests that make such images, and that of a checkout by
# test_planned.py: a fixture can't contain the files of git.
OF_A_BUILD = {
    kind.code: kind
    for module in BUILD
    for kind in [*classes(module), SettingInvalid]
    if module not in (nb_builder.problems.slim_images, nb_builder.problems.native_images)
    and kind is not nb_builder.problems.surroundings.FileNotCheckedOut
}


@pytest.mark.parametrize("code", sorted(PROBLEMS))
def test_each_problem_is_on_its_page_with_its_first_sentence(code):
    here = section((REFERENCE / "problems.md").read_text(), code)
    assert PROBLEMS[code].__doc__.splitlines()[0] in here


@pytest.mark.parametrize("code", sorted(code for code, kind in PROBLEMS.items() if hasattr(kind, "what_text")))
def test_the_page_has_the_words_of_each_problem(code):
    here = section((REFERENCE / "problems.md").read_text(), code)
    kind = PROBLEMS[code]
    for label, words in (("What", kind.what_text), ("Why", kind.why_text), ("Fix", kind.fix_text)):
        assert f"- {label}: {gaps(words)}\n" in here


def test_the_page_names_no_problem_that_is_gone():
    page = (REFERENCE / "problems.md").read_text()
    codes = re.findall(r"^#+ ([a-z0-9]+(?:-[a-z0-9]+)+)$", page, re.MULTILINE)
    assert sorted(codes) == sorted(PROBLEMS)


@pytest.mark.parametrize("code", sorted(OF_A_BUILD))
def test_each_problem_of_a_build_has_a_fixture_that_asserts_its_code(code):
    said = [file.read_text() for file in FIXTURES.glob(f"fail-{code}*/says.txt")]
    assert any(f"(problem {code})" in words for words in said)


@pytest.mark.parametrize(
    ("title", "knobs"),
    [
        ("Build settings", nb_builder.common.settings.KNOBS),
        ("Settings of nb-builder dev", nb_builder.commands.dev.settings.Settings.knobs()),
        ("Service settings", nb_service.settings.KNOBS),
    ],
)
def test_each_setting_is_on_its_page_in_its_group_with_values_and_default(title, knobs):
    page = chapter((REFERENCE / "settings.md").read_text(), title)
    lines = re.findall(r"^(?:\| `|### ).*$", page, re.MULTILINE)
    wanted = [([f"### {group}"] if group else []) + [row(knob) for knob in rows] for group, rows in grouped(knobs)]
    assert lines == [line for group in wanted for line in group]


def test_each_file_of_app_root_is_on_the_layout_page():
    page = (REFERENCE / "layout.md").read_text()
    names = {value for key, value in vars(paths).items() if key.isupper()} - {paths.COMPLAINT}
    assert [name for name in sorted(names) if name not in page] == []


@pytest.mark.parametrize("route", routes.summaries(routes.TABLE))
def test_each_route_is_on_the_page_of_the_http_api(route):
    assert f"| `{route}` |" in (REFERENCE / "http-api.md").read_text()


@pytest.mark.parametrize("status", [400, 401, 404, 405, 408, 413, 415, 422, 431, 500, 503, 504])
def test_each_status_that_clients_may_meet_is_on_the_page_of_the_http_api(status):
    assert status in replies.REASONS
    assert re.search(rf"^\|[ \d,]*\b{status}\b", (REFERENCE / "http-api.md").read_text(), re.MULTILINE)
