"""`nb-builder rebuild-check`: the running example comes out the same to the last file; what does not is named."""

import subprocess

import pytest

from engine import docker, provide
from image import repos

pytestmark = pytest.mark.long

DATED = {"SOURCE_DATE_EPOCH": "1700000000"}
SHUFFLED = """\
requirements = []
%%
import os
seen = os.urandom(8)
def predictor(x):
    return [x, len(seen)]
%%
predictor(1)
"""


@pytest.fixture(scope="module")
def dated(build_once):
    """Return the image of the running example, built with a date."""
    return build_once("example-dated", provide.ROOT / "docs" / "examples" / "kmeans", DATED)


def rebuild_check(service, builder):
    """Return what `nb-builder rebuild-check` came to."""
    command = ["make", "--no-print-directory", "rebuild-check", f"SERVICE={service}", f"IMAGE_NAME={builder}"]
    return subprocess.run(command, cwd=provide.ROOT, capture_output=True, text=True)


def test_the_running_example_is_equal_to_the_last_file(dated, builder):
    done = rebuild_check(dated, builder)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    assert "     equal    model/model.pickle  sha256:" in done.stdout
    assert "     equal    build/requirements.lock  sha256:" in done.stdout
    assert "     equal    venv/: " in done.stdout and "DIFFERS" not in done.stdout
    count = docker.shell(dated, "find /opt/app-root ! -type d | wc -l").strip()
    assert done.stdout.splitlines()[-1] == f"---> All {count} files are equal"


def test_what_differs_is_named_with_its_reason(build_once, builder, tmp_path):
    source = repos.write(tmp_path / "source", SHUFFLED)
    service = build_once("shuffled", source, DATED)
    done = rebuild_check(service, builder)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "DIFFERS  model/model.pickle: the pickle has different values: instruction " in done.stdout
    assert "SHORT_BINBYTES" in done.stdout
    assert "equal    model/golden.ndjson" in done.stdout


def test_an_image_that_is_not_there_is_a_sentence(engine, builder):
    done = rebuild_check("nobody-has-this", builder)
    assert done.returncode == 2 and "ERROR: The image nobody-has-this is not on this machine." in done.stderr
