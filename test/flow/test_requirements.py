"""Requirements that people have, beyond one fixture: locks that are built from again, and indexes of others."""

import functools
import http.server
import json
import shutil
import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest

from cases import FIXTURES, check_answer, named
from flow import stage

WHEEL = FIXTURES / "ok-wheel-of-the-repository/repo/wheels/alpha-1.0-py3-none-any.whl"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder without a log."""

    def log_message(self, *words):
        """Say nothing."""


@contextmanager
def index_of(folder):
    """Yield the address of an index that has alpha 1.0 alone, and a page of links."""
    (folder / "simple/alpha").mkdir(parents=True)
    shutil.copy(WHEEL, folder / "simple/alpha")
    (folder / "simple/alpha/index.html").write_text(f'<a href="{WHEEL.name}">{WHEEL.name}</a>')
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def copy_of(case, folder, **env):
    """Return the case with a copy of its repository in `folder`, which a test may change."""
    return replace(case, repo=shutil.copytree(case.repo, folder / "repo"), env=env)


def build(case, folder):
    folder.mkdir()
    return stage.assemble(case, folder)


@pytest.mark.parametrize("name", ["ok-requirement-folder", "ok-requirement-editable", "ok-wheel-of-the-repository"])
def test_a_lock_with_code_of_the_repository_is_installed_elsewhere_until_that_changes(tmp_path, name):
    case = copy_of(named(name), tmp_path)
    first, _ = build(case, tmp_path / "first")
    assert first.status == 0, first.stdout
    shutil.copy(first.app_root / "build/requirements.lock", case.repo)
    again, env = build(case, tmp_path / "again")
    assert again.status == 0, again.stdout
    assert "exactly as locked in requirements.lock of the repository" in again.stdout
    check_answer(case.answer[0], *stage.serve(case, env).answers[0])
    for module in case.repo.rglob("__init__.py"):
        module.write_text("factor = 4\n")
        changed, _ = build(case, tmp_path / "changed")
        assert "(problem lock-outdated)" in changed.stdout


def test_a_lock_of_a_git_repository_holds_when_its_branch_has_moved(tmp_path):
    case = copy_of(named("ok-requirement-from-git"), tmp_path)
    first, _ = build(case, tmp_path / "first")
    lock = (first.app_root / "build/requirements.lock").read_text()
    (case.repo / "requirements.lock").write_text(lock.replace(str(first.app_root / "src"), str(case.repo)))
    notebook = case.repo / "model.ipynb"
    notebook.write_text(notebook.read_text().replace("@v1", "@main"))
    again, env = build(case, tmp_path / "again")
    assert again.status == 0, again.stdout
    check_answer(15, *stage.serve(case, env).answers[0])


def test_a_build_in_place_sees_that_a_folder_has_changed(tmp_path):
    case = copy_of(named("ok-requirement-folder"), tmp_path)
    _, env = build(case, tmp_path / "app")
    module = tmp_path / "app/app-root/src/libraries/alpha/alpha/__init__.py"
    module.write_text("factor = 7\n")
    again = stage.assemble_with({**env, "S2I_SRC": str(tmp_path / "app/app-root/src")})
    assert again.status == 0, again.stdout
    check_answer([35, "1.0", True], *stage.serve(case, env).answers[0])


@pytest.mark.parametrize("option", ["--index-url {}/simple", "--extra-index-url {}/simple", "-f {}/simple/alpha/"])
def test_an_index_that_is_allowed_is_used(tmp_path, option):
    case = copy_of(named("ok-requirements-drawn-in"), tmp_path)
    shutil.rmtree(case.repo / "wheels")
    with index_of(tmp_path / "index") as address:
        (case.repo / "requirements/base.txt").write_text(f"{option.format(address)}\nalpha==1.0\n")
        rejected, _ = build(case, tmp_path / "refused")
        host = address.removeprefix("http://")
        assert f"Set S2I_ALLOW_INDEXES={host} if you trust it" in rejected.stdout
        allowed = {"S2I_ALLOW_INDEXES": f"other.example.com, {host}", "PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": ""}
        if option.startswith("--index-url"):
            # alpha alone is there; all else comes from what the builder uses anyway.
            allowed["PIP_EXTRA_INDEX_URL"] = "https://pypi.org/simple"
        built, _ = build(replace(case, env=allowed), tmp_path / "allowed")
    assert built.status == 0, built.stdout
    assert "alpha==1.0" in json.loads((built.app_root / "build/report.json").read_text())["packages"]
    assert address not in (built.app_root / "build/requirements.lock").read_text()
