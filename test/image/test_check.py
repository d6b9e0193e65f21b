"""`check` in the image: the word alone, on a repository that is mounted read-only."""

import json

import pytest

from cases import named
from engine import docker, provide

EXAMPLE = provide.ROOT / "docs" / "examples" / "kmeans"
# Neither a network nor a place to write, and a user that the image does not know.
BARE = ("--network", "none", "--read-only", "--tmpfs", "/tmp", "--user", "1234567:0")


def check(builder, repository, *words, options=()):
    volume = ("--volume", f"{repository}:/src:ro")
    return docker.docker("run", "--rm", *volume, *options, builder, "check", *words, "/src", ok=False)


@pytest.mark.parametrize("options", [(), BARE], ids=["plain", "bare"])
def test_a_good_repository_is_fine(builder, options):
    done = check(builder, EXAMPLE, options=options)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("---> Fine: predictor, validator; 3 requirements\n")


def test_each_finding_is_reported_and_the_exit_status_is_1(builder):
    done = check(builder, named("fail-predictor-missing").repo)
    assert done.returncode == 1
    assert "(problem predictor-missing)" in done.stdout


def test_machines_get_json(builder):
    reported = json.loads(check(builder, named("fail-cell-syntax").repo, "--json").stdout)
    assert [finding["code"] for finding in reported["findings"]] == ["cell-syntax"]


def test_a_script_is_checked_by_its_name(builder):
    volume = ("--volume", f"{named('ok-script-in-cells').repo}:/src:ro")
    done = docker.docker("run", "--rm", *volume, builder, "check", "/src/model.py", ok=False)
    assert done.returncode == 0, done.stdout + done.stderr
