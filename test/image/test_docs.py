"""The commands of the pages that need a container engine, run as they are written."""

from dataclasses import replace

import pytest

from commands import ROOT, Session, blocks, pages
from engine import docker
from image.conftest import APPS, GIVEN

RUNNABLE = [(page, block) for page in pages() for block in blocks(page, engine=True)]


@pytest.mark.parametrize(("page", "block"), RUNNABLE, ids=lambda part: getattr(part, "name", ""))
def test_the_commands_of_a_page_work(builder, s2i, tmp_path, page, block, monkeypatch):
    if GIVEN and "make build" in block.text:
        return  # That would make the very image that is to be tested as it is.
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "s2i").symlink_to(s2i.program)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    # The reader's own images of these names stay what they are.
    text = block.text.replace(" nb-builder ", f" {builder} ").replace("my-service", f"{APPS}-docs")
    Session(tmp_path, IMAGE_NAME=builder).run(replace(block, text=text))


def test_the_three_lines_of_the_readme_make_a_service_that_answers(example):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "s2i build https://…/repo.git nb-builder my-service\ndocker run -p 8080:8080 my-service\ncurl -d" in readme
    with docker.service(example) as service:
        assert service.predict(b"[0.2, 0.7]").value in range(7)
