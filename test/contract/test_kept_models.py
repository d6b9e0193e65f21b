"""Models that earlier versions have built are served by this one, with the answers that they had: test/models."""

import json
import shutil
import subprocess

import pytest
from nb_scorer.model import manifest

import pythons
from commands import ROOT
from contract.services import Service
from engine import provide
from release.artifacts import UV
from release.checks import VERSION
from release.kept_models import KEPT

MODELS = sorted(path.parents[1] for path in (ROOT / "test" / "models").glob("*/*/model/manifest.json"))


@pytest.fixture(params=MODELS, ids=lambda path: f"{path.parent.name}-{path.name}")
def kept(request, tmp_path):
    """Return a kept model as an APP_ROOT, with the environment of its lock."""
    app_root = tmp_path / "app-root"
    for part in KEPT:
        source = request.param / part
        (shutil.copytree if source.is_dir() else _copy)(source, app_root / part)
    minor = json.loads((app_root / "model/manifest.json").read_text())["python"]
    found = pythons.installed()
    if minor not in found:
        raise provide.Missing(f"CPython {minor}", f"pyenv install {minor}")
    python = found[minor].path
    subprocess.run([UV, "venv", "--quiet", "--python", python, app_root / "venv"], check=True)
    words = ["pip", "install", "--quiet", "--require-hashes", "-r", app_root / "build/requirements.lock"]
    subprocess.run([UV, *words, "--python", app_root / "venv"], check=True)
    return request.param, app_root


def _copy(source, target):
    target.parent.mkdir(parents=True)
    shutil.copy(source, target)


def test_models_are_kept_for_each_version_that_was_released():
    # Those of a format have in their pickles all that such a pickle may name.
    versions = {path.parent.name for path in MODELS if not path.parent.name.startswith("format-")}
    assert versions
    assert all(VERSION.fullmatch(version) for version in versions)
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = {line.split("[")[1].split("]")[0] for line in changelog.splitlines() if line.startswith("## [")}
    assert released - {"Unreleased"} <= versions


def test_models_of_each_format_that_is_read_are_kept():
    formats = {path: json.loads((path / "model/manifest.json").read_text())["format"] for path in MODELS}
    assert {f"format-{number}" for number in manifest.READABLE} <= {path.parent.name for path in MODELS}
    assert [path for path, number in formats.items() if path.parent.name not in (f"format-{number}", "0.1.0")] == []


def test_a_kept_model_answers_as_it_did(kept):
    folder, app_root = kept
    golden = [json.loads(line) for line in (folder / "model/golden.ndjson").read_text().splitlines()]
    assert golden
    service = Service(app_root).ready()
    try:
        answers = [service.predict(row["sample"]) for row in golden]
    finally:
        service.close()
    assert answers == [(200, row["answer"]) for row in golden]
