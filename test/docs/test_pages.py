"""The pages hold together: links have targets, README is short, the map lists every page."""

import re

import pytest

from commands import ROOT, pages

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
EVERY = [*pages(), ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]


def without_code(text):
    """Return a page's text without its fenced blocks and `code`."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))


def anchors(text):
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", EVERY, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_relative_link_leads_somewhere(page):
    broken = []
    for link in LINK.findall(without_code(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            broken.append(link)
    assert broken == []


def test_the_readme_has_at_most_450_words():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 450


@pytest.mark.parametrize("folder", ["docs", "docs/explanation/decisions"])
def test_the_map_of_a_folder_leads_to_every_page_in_it(folder):
    here = ROOT / folder
    linked = {(here / link.partition("#")[0]).resolve() for link in LINK.findall((here / "README.md").read_text())}
    # The records have a map of their own, the examples explain themselves.
    own = {"decisions", "examples", "deploy"} if folder == "docs" else set()
    there = [page for page in here.rglob("*.md") if page != here / "README.md" and not own & set(page.parts)]
    assert [str(page) for page in there if page.resolve() not in linked] == []


def test_the_changelog_has_a_place_for_what_comes_next():
    text = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(
        r"^## \[Unreleased\]\n\n### (Added|Changed|Deprecated|Removed|Fixed|Security)$", text, re.MULTILINE
    )


@pytest.mark.parametrize("page", EVERY, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_has_one_title_and_names_what_its_headings_hold(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1


# Targets of make that a command of nb-builder does as well: users read only of the command.
TARGETS_OF_COMMANDS = re.compile(
    r"\bmake (run|dev|batch|check-notebook|new|builder|build|slim|runtime|native|spark-model|zipapp|push|pull|diff|"
    r"ab-report|rebuild-check|sign|verify|audit)\b(?=[` ]|$)",
    re.MULTILINE,
)


def code(text):
    """Return the fenced blocks and the `code` of a page."""
    return "\n".join(re.findall(r"^```.*?^```$|`[^`\n]*`", text, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("folder", ["how-to", "tutorial", "reference", "deploy", "examples"])
def test_pages_for_users_name_commands_of_nb_builder_instead_of_targets_of_make(folder):
    found = {
        str(page.relative_to(ROOT / "docs"))
        for page in (ROOT / "docs" / folder).rglob("*.md")
        if TARGETS_OF_COMMANDS.search(code(page.read_text(encoding="utf-8")))
    }
    assert found <= {"tutorial/first-service.md"}


def test_the_gallery_and_support_count_the_examples():
    count = len([folder for folder in (ROOT / "docs/examples").iterdir() if folder.is_dir()])
    assert count == 16
    assert "\nSixteen small repositories" in (ROOT / "docs/examples/README.md").read_text(encoding="utf-8")
    assert "sixteen\n  [examples]" in (ROOT / "SUPPORT.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", sorted((ROOT / "docs/how-to").glob("*.md")), ids=lambda page: page.stem)
def test_a_how_to_has_at_most_600_words_without_its_code_blocks(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert len(text.split()) <= 600
