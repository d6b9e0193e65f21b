"""Every command of the pages is run, so that a reader can paste it: in a clone where the page asks for one."""

import re

import pytest

from commands import GALLERY, KNOWN_WORDS, ROOT, SAYS_CLONE, Block, Session, blocks, for_a_clone, pages

RUNNABLE = [page for page in pages() if page.exists() and page != GALLERY and blocks(page)]


OF_A_CLONE = re.compile(r"\bmake |(?<![\w/~.-])(docs|test|s2i|app-skeleton)/")


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: str(page.relative_to(ROOT)))
# There is one place in the clone where `nb-builder run` builds.
@pytest.mark.xdist_group("pages")
def test_the_commands_of_a_page_work_in_their_order(page, tree, tmp_path):
    session = Session(tmp_path, tree, elsewhere=not for_a_clone(page))
    try:
        for block in blocks(page):
            session.run(block)
    finally:
        session.stop()
    assert session.left() == []


def test_a_reader_s_shell_knows_nothing_of_the_make_that_tests(tmp_path, monkeypatch):
    for name in ("NB_BUILDER_HOME", "MAKELEVEL", "S2I_FRONT"):
        monkeypatch.setenv(name, "of the tests")
    Session(tmp_path).run(Block("env | grep -c 'of the tests' || true", frozenset(), 1, shown="0"))


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_whose_commands_are_for_a_clone_says_so_before_them(page):
    needing = [block for block in (*blocks(page), *blocks(page, engine=True)) if OF_A_CLONE.search(block.text)]
    lines = page.read_text(encoding="utf-8").splitlines()
    for block in needing[:1]:
        assert SAYS_CLONE.search("\n".join(lines[: block.line]))


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_fence_says_only_what_the_runner_understands(page):
    found = [*blocks(page), *blocks(page, engine=True)]
    assert [block.line for block in found if block.words - KNOWN_WORDS] == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_no_shell_block_hides_from_the_runner_under_another_name(page):
    text = page.read_text(encoding="utf-8")
    assert [name for name in ("bash", "shell", "console", "zsh") if f"\n```{name}" in text] == []
