"""`make docs` makes a site of the pages: each is there and is found, no link is dead, no other host is asked."""

import json
import os
import re
import subprocess
import sys

import pytest

from commands import ROOT, pages
from contract import clients
from engine import provide

DOCS = ROOT / "docs"
SITE = ROOT / ".nb-builder" / "docs"
PAGES = [page.relative_to(DOCS).with_suffix("") for page in pages() if page.is_relative_to(DOCS)]
# Files that a browser loads by itself, without a click on a link.
FETCHED = re.compile(
    r"""<(?:img|script|iframe|source|video|audio)\b[^>]*\bsrc=["']?([^"'\s>]+)"""
    r"""|<link\b(?=[^>]*rel=["']?(?:stylesheet|icon|preload|preconnect))[^>]*\bhref=["']?([^"'\s>]+)"""
    r"""|url\(["']?([^"')]+)|@import\s+["']([^"']+)"""
)
pytestmark = [
    # There is one place where `make docs` writes.
    pytest.mark.xdist_group("make docs"),
    pytest.mark.skipif(sys.version_info < (3, 11), reason="make docs needs Python 3.11"),
]


@pytest.fixture(scope="module")
def made():
    """Run `make docs`; return (exit status, output)."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith(("S2I_", "PYTEST_", "MAKE"))}
    done = subprocess.run(["make", "docs"], cwd=ROOT, capture_output=True, text=True, env=ours)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def seen(made, tmp_path_factory):
    """Return the browser's observations of the site, pictures included."""
    chromium = provide.program("chromium", "chromium")
    pictures = os.environ.get("S2I_TEST_PICTURES") or tmp_path_factory.mktemp("pictures")
    return clients.ask("browser", "look_at_site.py", SITE, pictures, chromium)


def test_there_is_nothing_to_warn_of(made):
    assert made[0] == 0 and "WARNING" not in made[1], made[1]


def test_a_link_to_a_page_or_heading_that_is_not_there_is_an_error(made, tmp_path):
    (tmp_path / "conf.py").write_text((DOCS / "conf.py").read_text())
    (tmp_path / "README.md").write_text("# Map\n\n## Read\n\n[1](one.md), [no page](two.md), [nothing](one.md#three)\n")
    (tmp_path / "one.md").write_text("# One\n\n## Two\n\n[Here](#two), [not here](#four).\n")
    (tmp_path / "lost.md").write_text("# On no map\n")
    sphinx = [ROOT / ".nb-builder/sphinx/bin/python", "-I", "-m", "sphinx", "--quiet", "--fail-on-warning"]
    done = subprocess.run([*sphinx, tmp_path, tmp_path / "site"], capture_output=True, text=True)
    warned = re.findall(r"/(\w+)\.md.*?WARNING: .*?([\w#.-]+)'? \[", done.stderr)
    assert done.returncode != 0, done.stderr
    assert {name for name, _ in warned} == {"README", "one", "lost"}, done.stderr
    assert all(f"'{gone}'" in done.stderr for gone in ("two.md", "three", "four")), done.stderr


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_each_page_is_on_the_site_and_in_its_sidebar(made, page):
    text = (SITE / "index.html").read_text()
    assert (SITE / f"{page}.html").is_file()
    assert f'href="{page}.html"' in text or str(page) == "README"


def test_each_page_is_in_the_search(made):
    index = (SITE / "searchindex.js").read_text()
    names = json.loads(re.search(r'"?docnames"?:(\[[^\]]*\])', index)[1])
    assert sorted(names) == sorted(map(str, PAGES))


def test_no_page_and_no_sheet_gets_anything_from_other_hosts(made):
    files = [file for file in SITE.rglob("*") if file.suffix in (".html", ".css")]
    got = {where for file in files for found in FETCHED.findall(file.read_text()) for where in found if where}
    assert got
    assert {where for where in got if re.match(r"([a-z]+:)?//", where)} == set()


def test_nothing_is_asked_of_other_hosts_and_the_browser_has_no_complaint(seen):
    assert (seen["elsewhere"], seen["complaints"]) == ([], [])


def test_a_phone_shows_the_pages_without_scrolling_sideways(seen):
    assert max(seen["overflow"]) <= 0


def test_no_rule_of_accessibility_is_broken(seen):
    assert seen["barriers"] == []


def test_a_setting_is_found_by_its_name(seen):
    assert "Settings" in seen["hits"]
