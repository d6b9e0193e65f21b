"""The name of a back end is a command: `run` takes it as its first word, or as the name that it is called by."""

import os
import subprocess

import pytest

from flow.stage import BIN, ROOT

HOME = os.environ.get("NB_BUILDER_HOME", str(ROOT / ".nb-builder"))

# What is said while another test makes the environments that all share.
WAITING = "---> Waiting for another nb-builder that is creating the environments\n"


def said(*command):
    """Return (exit status, stdout, stderr) of a command."""
    ran = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "NB_BUILDER_HOME": HOME})
    return ran.returncode, ran.stdout, ran.stderr


def test_run_takes_a_back_end_s_name_and_its_words():
    status, out, _ = said(BIN / "run", "batch", "--help")
    assert (status, out.splitlines()[0]) == (0, "Usage: batch [OPTIONS] [INPUT…] [OUTPUT]")


def test_by_its_other_name_run_is_that_back_end(tmp_path):
    (tmp_path / "batch").symlink_to(BIN / "run")
    assert said(tmp_path / "batch", "--help")[1].startswith("Usage: batch ")
    (tmp_path / "pigeon").symlink_to(BIN / "run")
    status, _, err = said(tmp_path / "pigeon")
    assert (status, err[:28]) == (2, "Usage: python -m nb_service ")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--in", "x.csv"], "ERROR: Invalid arguments for batch: unrecognized arguments: --in."),
        (["nowhere.csv"], "ERROR: nowhere.csv can't be scored: it names no file."),
    ],
)
def test_what_batch_can_t_do_is_said_before_anything_is_built(words, line):
    status, out, err = said(ROOT / "s2i" / "nb-builder", "batch", ROOT / "docs/examples/kmeans", *words)
    assert status in {1, 2}
    words = (out + err).replace(WAITING, "")
    assert words.splitlines()[0] == line
    assert "--->" not in words


def test_help_on_batch_builds_nothing():
    command = (ROOT / "s2i" / "nb-builder", "batch", ROOT / "docs/examples/kmeans", "--help")
    # In a fresh clone the first call makes the command's own environments, and says so.
    said(*command)
    status, out, err = said(*command)
    assert (status, "--->" in (out + err).replace(WAITING, "")) == (0, False)
    assert "Score rows with the model" in out
