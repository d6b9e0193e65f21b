"""Every fixture through the real s2i and a container: what a user of the image would see."""

import pytest

from cases import all_of, check_answer, check_words
from engine import docker

REFUSED = [case for case in all_of("fail-") if case.runs_in("image")]
BUILT = [case for case in all_of("ok-") if case.runs_in("image")]


# How a predictor is batched is decided by the same code wherever it runs: test/flow has all of these each time, and
# here one of either kind is enough, but for `make test-long`.
BATCHING = ("ok-batched-", "ok-not-batched-")
ALWAYS = {"ok-batched-scikit-learn", "ok-not-batched-lock"}


def each(cases):
    """Return the mark that runs a test once for each of `cases`."""
    return pytest.mark.parametrize(
        "case", [pytest.param(case, id=case.name, marks=_marks(case.name)) for case in cases]
    )


def _marks(name):
    is_long = name.startswith(BATCHING) and name not in ALWAYS
    return [pytest.mark.long] if is_long else []


@each(REFUSED)
def test_point_29_30_a_bad_repository_fails_in_the_words_of_its_fixture_and_leaves_no_image(case, built):
    build = built.of(case)
    assert build.status != 0, build.output
    check_words(case, build.output)
    assert not docker.exists(build.image)


@each(REFUSED)
def test_point_31_assemble_runs_once(case, built):
    output = built.of(case).output
    assert "layered" not in output
    assert output.count("---> Checking the notebook") <= 1


@each(REFUSED)
def test_point_32_the_reason_is_within_the_last_lines(case, built):
    last = [line for line in built.of(case).output.splitlines() if line.strip()][-12:]
    assert case.says[0] in "\n".join(last)


@each(BUILT)
def test_a_good_repository_builds_and_its_service_answers_as_the_fixture_says(case, built):
    build = built.of(case)
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
