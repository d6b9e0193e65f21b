"""Every fixture through the real s2i and a container, as a user of the image would see it."""

import pytest

from cases import all_of, check_answer, check_words
from engine import docker

REFUSED = [case for case in all_of("fail-") if case.runs_in("image")]
BUILT = [case for case in all_of("ok-") if case.runs_in("image")]


# What a notebook says is judged by the same code wherever it runs, and test/flow has every fixture each time. Here is
# one of each kind whose outcome a container may change; `make test-long` has all others, too.
CHANGED_BY_CONTAINERS = (
    # What s2i uploads and sets, and what it shows.
    "fail-file-ignored",
    "fail-notebook-missing",
    "ok-dot-files",
    "ok-environment",
    "ok-folder-with-space-and-umlaut",
    "ok-much-output",
    # Indexes, repositories, wheels and compilers.
    "fail-git-missing",
    "fail-index-unreachable",
    "fail-network-unreachable",
    "fail-wheel-missing",
    "ok-lock",
    "ok-pip-in-a-cell",
    "ok-requirement-folder",
    "ok-source-distribution",
    # Pythons, libraries and programs.
    "fail-python-missing",
    "fail-system-package-needed",
    "ok-command-not-found",
    "ok-python-not-there",
    "ok-system-packages",
    "ok-xgboost",
    # Processes, users, disks and secrets.
    "fail-cell-asks-input",
    "fail-cell-timeout",
    "fail-disk-full",
    "fail-kernel-died",
    "fail-sign-key-unusable",
    "ok-background-process",
    "ok-process-state",
    "ok-thread-pool",
    # One of what most users meet.
    "fail-cell-syntax",
    "fail-requirements-missing",
    "ok-batched-scikit-learn",
    "ok-predictor-misbehaves",
    "ok-several-notebooks",
    "ok-validator-reasons",
)


def each(cases):
    """Return the mark that runs a test once for each of `cases`."""
    return pytest.mark.parametrize(
        "case", [pytest.param(case, id=case.name, marks=_marks(case.name)) for case in cases]
    )


def _marks(name):
    return [] if name in CHANGED_BY_CONTAINERS else [pytest.mark.long]


@pytest.mark.parametrize("name", CHANGED_BY_CONTAINERS)
def test_there_is_a_fixture_of_each_kind_that_a_container_may_change(name):
    assert name in {case.name for case in REFUSED + BUILT}


@each(REFUSED)
def test_point_29_30_a_bad_repository_fails_in_the_words_of_its_fixture_and_leaves_no_image(case, built):
    build = built.build_once(case)
    assert build.status != 0, build.output
    check_words(case, build.output)
    assert not docker.exists(build.image)


@each(REFUSED)
def test_point_31_assemble_runs_once(case, built):
    output = built.build_once(case).output
    assert "layered" not in output
    assert output.count("---> Checking the notebook") <= 1


@each(REFUSED)
def test_point_32_the_reason_is_within_the_last_lines(case, built):
    last = [line for line in built.build_once(case).output.splitlines() if line.strip()][-12:]
    assert case.says[0] in "\n".join(last)


@each(BUILT)
def test_a_good_repository_builds_and_its_service_answers_as_the_fixture_says(case, built):
    build = built.build_once(case)
    assert build.status == 0, build.output
    check_words(case, build.output)
    assert [word for word in case.never if word in build.output] == []
    with docker.service(build.image) as service:
        for question, expected in zip(case.ask, case.answer, strict=True):
            got = service.predict(question)
            check_answer(expected, got.status, got.body)
        # Scorers' words reach the log after the answers that they belong to: only at the end are all there.
        service.stop(10)
        log = service.logs()
        assert [word for word in case.logs if word not in log] == [], log
        assert [word for word in case.never if word in log] == []
