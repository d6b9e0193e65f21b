"""The commands of the pages that need an engine and s2i, run as a reader would."""

import os
import re
import subprocess
from pathlib import Path

import pytest

import shared
from commands import ROOT, Session, blocks, for_a_clone, pages
from engine import bases, provide

# Readers give their images names of their own.
pytestmark = pytest.mark.xdist_group("engine pages")
ENGINE = [page for page in pages() if blocks(page, engine=True)]
# Commands that make an image on the default base, which no registry may be there to have.
OF_A_BASE = re.compile(r"\bmake (build|builder|native)\b|nb-builder (builder|native)\b")
READERS_IMAGES = ("nb-builder", "my-service", "my-service-slim")


@pytest.fixture
def reader(engine, s2i, tree, page, tmp_path):
    """Return a page's session with s2i on PATH and the image that `make builder` leaves; their images go at the end.

    Pages give images the names that a reader's engine has already, so only an engine of the tests' own runs them.
    """
    if not engine.is_own:
        raise provide.Missing("a container engine of the tests' own", "run as root on Debian, without DOCKER_HOST")
    if any(OF_A_BASE.search(block.text) for block in blocks(page, engine=True)):
        shared.once("base-trixie", lambda: bases.base("trixie"))
    subprocess.run(["docker", "tag", s2i.builder, "nb-builder"], check=True)
    path = os.pathsep.join([str(_called_s2i(s2i.program, tmp_path)), os.environ["PATH"]])
    session = Session(tmp_path, tree, elsewhere=not for_a_clone(page), PATH=path)
    yield session
    session.stop()
    subprocess.run(["docker", "image", "rm", "--force", *READERS_IMAGES], capture_output=True)


def _called_s2i(program: str, folder: Path) -> Path:
    """Return a folder in which the program is called s2i, as readers have it."""
    named = folder / "bin"
    named.mkdir()
    (named / "s2i").symlink_to(program)
    return named


@pytest.mark.parametrize("page", ENGINE, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_engine_commands_of_a_page_work_in_their_order(page, reader):
    for block in blocks(page, engine=True):
        reader.run(block)
