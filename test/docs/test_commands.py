"""Every command of the pages is run, so that a reader can paste it."""

import pytest

from commands import GALLERY, KNOWN_WORDS, ROOT, Session, blocks, pages

RUNNABLE = [page for page in pages() if page.exists() and page != GALLERY and blocks(page)]


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: str(page.relative_to(ROOT)))
# There is one place where `make run` builds.
@pytest.mark.xdist_group("make run")
def test_the_commands_of_a_page_work_in_their_order(page, tmp_path):
    session = Session(tmp_path)
    try:
        for block in blocks(page):
            session.run(block)
    finally:
        session.stop()
    assert session.left() == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_fence_says_only_what_the_runner_understands(page):
    found = [*blocks(page), *blocks(page, engine=True)]
    assert [block.line for block in found if block.words - KNOWN_WORDS] == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_no_shell_block_hides_from_the_runner_under_another_name(page):
    text = page.read_text(encoding="utf-8")
    assert [name for name in ("bash", "shell", "console", "zsh") if f"\n```{name}" in text] == []
