"""Every fixture through assemble and, if it builds, through run, as a user would see it."""

import re

import pytest

from cases import all_of, check_answer, check_words
from rows import wheel

REFUSED = [case for case in all_of("fail-") if case.runs_in("flow")]
BUILT = [case for case in all_of("ok-") if case.runs_in("flow")]


def each(cases):
    """Return the mark that runs a test once for each of `cases`.

    Where `check` says the same words, which test_check.py holds, a build has its turn in `make test-long` only.
    """
    marks = {True: [pytest.mark.long], False: []}
    return pytest.mark.parametrize(
        "case", [pytest.param(case, id=case.name, marks=marks[case.is_told_by_check]) for case in cases]
    )


@pytest.mark.parametrize("place", wheel.places(), ids=lambda place: place.parts[-3])
def test_the_wheel_of_a_fixture_is_packed_of_the_source_that_is_here(place):
    assert place.read_bytes() == wheel.packed(), "run: python test/rows/wheel.py"


@each(REFUSED)
def test_a_bad_repository_is_rejected_in_the_words_of_its_fixture(case, outcomes):
    # Conformance point 29.
    build = outcomes.build(case)
    assert build.status not in (0, None), build.stdout
    check_words(case, build.stdout)


@each(REFUSED)
def test_the_cause_is_within_the_last_eight_lines(case, outcomes):
    # Conformance point 32: OpenShift shows the last lines of a log and no more.
    last = "\n".join(outcomes.build(case).stdout.splitlines()[-8:])
    assert case.says[0] in last


@each(REFUSED)
def test_a_rejection_keeps_stderr_empty_and_hides_our_own_code(case, outcomes):
    # Conformance point 31: s2i runs assemble twice if stderr says "tar... not found".
    build = outcomes.build(case)
    assert build.stderr == ""
    assert re.findall(r'File ".*/nb_builder/.*', build.stdout) == []


@each(REFUSED)
def test_a_rejection_leaves_no_model_no_packages_and_no_process(case, outcomes):
    build = outcomes.build(case)
    assert not {"model", "venv"} & set(build.left), build.left
    assert build.processes == []


@each(BUILT)
def test_a_good_repository_builds(case, outcomes):
    build = outcomes.build(case)
    assert build.status == 0, build.stdout + build.stderr
    check_words(case, build.stdout)
    assert build.stderr == ""
    assert build.processes == []


@each(BUILT)
def test_a_build_shows_its_steps(case, outcomes):
    # Conformance point 33.
    steps = [line for line in outcomes.build(case).stdout.splitlines() if line.startswith("---> ")]
    assert len(steps) >= 3


@each(BUILT)
def test_a_service_answers_as_its_fixture_says(case, outcomes):
    service = outcomes.service(case)
    for question, expected, (status, body) in zip(case.ask, case.answer, service.answers, strict=True):
        try:
            check_answer(expected, status, body)
        except AssertionError as wrong:
            raise AssertionError(f"for {question!r}: {wrong}\nThe log:\n{service.log}") from wrong


@each(BUILT)
def test_a_service_keeps_its_secrets_and_logs_its_words(case, outcomes):
    service = outcomes.service(case)
    assert [line for line in case.logs if line not in service.log] == [], service.log
    assert [line for line in case.never if line in service.log] == [], service.log
    bodies = b"".join(body for status, body in service.answers if status >= 400)
    assert b"Traceback" not in bodies


@each(BUILT)
def test_a_service_ends_on_sigterm_and_leaves_no_process(case, outcomes):
    service = outcomes.service(case)
    assert service.status == 0, service.log
    assert service.processes == []
