"""`nb-builder diff` of real images: answers, errors, exit statuses; no container stays."""

import json
import os
import signal
import subprocess

import pytest

import versions
from contract.services import wait_until
from engine import docker, provide
from image import repos
from image.conftest import slim_once

# One worker for all: a test looks whether containers of comparisons have stayed.
pytestmark = pytest.mark.xdist_group("diff")
NAME = "name=nb-builder-diff-"


@pytest.fixture(scope="module")
def image_of(build_once, tmp_path_factory):
    """Return what makes the image of a version of the notebook."""

    def make(version):
        source = repos.write(tmp_path_factory.mktemp(version) / "source", versions.cells(version))
        return build_once(f"diff-{version}", source)

    return make


def diff(old, new, samples, *words):
    """Return what `nb-builder diff` came to; no container of it may stay."""
    command = [provide.ROOT / "s2i/nb-builder", "diff", "--json", *words, old, new, samples]
    done = subprocess.run(command, capture_output=True, text=True)
    assert containers() == []
    # This machine reaches the engine's networks.
    assert "could reach other hosts" not in done.stderr
    return done


def containers():
    """Return the containers of comparisons that there are, running or not."""
    return docker.docker("ps", "--all", "--quiet", "--filter", NAME).stdout.split()


def report_of(done):
    """Return the report, the status of which must be the process's."""
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["exit_status"] == done.returncode, done.stderr
    return report


def test_the_same_image_differs_in_nothing_and_holds_every_limit(image_of):
    image = image_of("before")
    limits = ("--max-different=0", "--max-difference=0", "--max-latency-ratio=5", "--max-memory-ratio=1.5")
    report = report_of(diff(image, image, "golden", *limits))
    assert report["exit_status"] == 0 and all(limit["holds"] for limit in report["limits"])
    assert report["rows"]["in"] == report["rows"]["equal"] == 3
    # Three rows were asked again, as often as the machine had time for.
    assert report["speed"]["pairs"] > report["rows"]["in"] and report["speed"]["ratio"] is not None
    # An interpreter with a function in it: neither the engine's page cache nor another service's.
    assert 5e6 < report["memory"]["old_peak_bytes"] < 2e8


def test_rejections_are_counted_by_their_code_and_shown(image_of, tmp_path):
    (tmp_path / "samples.csv").write_text(versions.CLASSES)
    done = diff(image_of("before"), image_of("stricter"), tmp_path / "samples.csv", "--max-different=10%")
    report = report_of(done)
    assert done.returncode == 3
    assert report["rows"] == {
        "in": 10,
        "compared": 8,
        "equal": 8,
        "within_tolerance": 0,
        "different": 0,
        "only_old_answered": 2,
        "only_new_answered": 0,
        "neither_answered": 0,
    }
    codes = [(each["old"], each["new"], each["rows"]) for each in report["outcomes"]]
    assert codes == [("200", "200", 8), ("200", "422 Unprocessable Content", 2)]
    assert "EXCEEDED  MAX_DIFFERENT=10%: 2 of 10 rows differ, 20 %" in done.stderr


def test_a_slim_image_next_to_its_service_answers_the_same(image_of):
    image = image_of("before")
    report = report_of(diff(image, slim_once(image).image, "golden", "--max-different=0"))
    assert report["rows"]["equal"] == 3 and report["memory"] is not None


def test_make_ends_with_an_error_where_a_limit_is_exceeded(image_of, tmp_path):
    (tmp_path / "samples.csv").write_text(versions.CLASSES)
    words = [f"OLD={image_of('before')}", f"NEW={image_of('class')}", f"SAMPLES={tmp_path}/samples.csv"]
    command = ["make", "--no-print-directory", "diff", *words, "MAX_DIFFERENT=5%", f"HTML={tmp_path}/page.html"]
    done = subprocess.run(command, cwd=provide.ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "Error 3" in done.stderr, done.stdout + done.stderr
    table = done.stdout.partition("By class: ")[2].splitlines()[1:4]
    assert [line.split() for line in table] == [['"high"', '"low"'], ['"high"', "4", "1"], ['"low"', "·", "5"]]
    assert "1 of 10 rows differ, 10 %" in done.stdout
    assert "MAX_DIFFERENT=5%" in (tmp_path / "page.html").read_text()


def test_an_image_that_is_not_there_is_a_sentence(image_of):
    done = diff(image_of("before"), "nobody-has-this", "golden")
    assert (done.returncode, json.loads(done.stdout)["problem"]) == (1, "diff-missing")


def test_an_image_of_something_else_is_a_sentence(image_of, builder):
    done = diff(image_of("before"), builder, "golden")
    assert (done.returncode, json.loads(done.stdout)["problem"]) == (1, "diff-no-service")


def test_services_of_different_samples_are_rejected_before_one_of_them_starts(image_of, tmp_path):
    (tmp_path / "samples.csv").write_text(versions.CLASSES)
    done = diff(image_of("before"), image_of("numbers"), tmp_path / "samples.csv")
    said = json.loads(done.stdout)
    assert (done.returncode, said["problem"]) == (1, "diff-inputs")
    assert "OLD takes lists, NEW takes numbers" in said["what"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_comparison_that_is_stopped_leaves_no_container(image_of, tmp_path, number):
    (tmp_path / "samples.csv").write_text(versions.CLASSES * 100)
    image = image_of("slow")
    command = [provide.ROOT / "s2i/nb-builder", "diff", image, image, tmp_path / "samples.csv"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        assert wait_until(lambda: len(containers()) == 2)
        # As a terminal does: to every process of the group.
        os.killpg(running.pid, number)
        running.communicate(timeout=60)
    finally:
        if running.poll() is None:
            running.kill()
    assert running.returncode in (128 + number, 130)
    assert containers() == []
