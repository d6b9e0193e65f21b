"""The other base image: the same builder on Debian 12, with its older Python."""

import json
import shutil
import subprocess

import pytest

import shared
from cases import check_answer, check_words, named
from engine import bases, docker, provide
from engine.s2i import S2i, git_repository, must
from image import repos
from image.conftest import APPS, make_builder

pytestmark = [pytest.mark.other_base, pytest.mark.long]


@pytest.fixture(scope="module")
def bookworm(s2i):
    """Return s2i with a builder image on bookworm."""
    return S2i(s2i.program, make_builder(bases.OLDER, bases.OLDER))


def test_the_builder_is_on_bookworm(bookworm):
    assert "bookworm" in docker.inside(bookworm.builder, "cat", "/etc/os-release")
    weight = docker.weight(bookworm.builder, repos.FIRST_STEP)
    shared.note(f"builder image on bookworm: {weight} (ours at most 200)")
    assert weight.ours <= 200


def test_the_running_example_builds_and_answers(bookworm, tmp_path):
    source = git_repository(provide.ROOT / "docs" / "examples" / "kmeans", tmp_path / "repo")
    image = must(bookworm.build(source, f"{APPS}-bookworm-example")).image
    with docker.service(image, "--user", "1000730000:0", "--read-only", "--tmpfs", "/tmp") as service:
        assert service.predict(b"[0.2, 0.7]").value in range(7)
        assert service.stop(grace=10) == 0


@pytest.mark.parametrize("name", ["ok-pure-python", "ok-magics", "ok-numpy-answers"])
def test_a_good_repository_answers_as_its_fixture_says(bookworm, tmp_path, name):
    case = named(name)
    image = must(
        bookworm.build(git_repository(case.repo, tmp_path / "repo"), f"{APPS}-bookworm-{name}", env=case.env)
    ).image
    with docker.service(image) as service:
        for question, expected in zip(case.ask, case.answer, strict=True):
            got = service.predict(question)
            check_answer(expected, got.status, got.body)


@pytest.mark.parametrize("name", ["fail-cell-failed", "fail-predictor-missing", "fail-version-missing"])
def test_a_bad_repository_fails_in_the_words_of_its_fixture(bookworm, tmp_path, name):
    case = named(name)
    build = bookworm.build(git_repository(case.repo, tmp_path / "repo"), f"{APPS}-bookworm-{name}", env=case.env)
    assert build.status == 1
    check_words(case, build.output)


def test_buildkit_makes_the_same_image(bookworm, monkeypatch):
    client = shutil.which("docker", path="/usr/bin") or "docker"
    monkeypatch.setenv("DOCKER_BUILDKIT", "1")
    name = f"{APPS}-buildkit"
    base = "BASE_IMAGE=debian:bookworm-slim"
    made = subprocess.run(
        [client, "build", "--build-arg", base, "--tag", name, str(provide.ROOT)], capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    config, other = docker.config(name), docker.config(bookworm.builder)
    assert {key: config[key] for key in ("Env", "User", "Cmd")} == {key: other[key] for key in ("Env", "User", "Cmd")}
    assert docker.inside(name, "/usr/libexec/s2i/usage") == docker.inside(bookworm.builder, "/usr/libexec/s2i/usage")
    assert json.dumps(config["ExposedPorts"]) == '{"8080/tcp": {}}'
