"""Names of images."""

import json
from types import SimpleNamespace

import pytest
from nb_builder.cli import __main__ as door
from nb_builder.cli import commands, engine
from nb_builder.cli.installation import Installation
from nb_builder.cli.problems import (
    EngineMissing,
    ImageMissing,
    ImageNameInvalid,
    ImageNotPushed,
    IndexNotPushed,
    IndexUnfit,
)


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("https://git.example.com/team/Iris_Model.git", "iris-model"),
        ("https://git.example.com/team/iris#branch", "iris"),
        ("git@git.example.com:iris.git", "iris"),
        ("My Models", "my-models"),
        ("My Models/model.ipynb", "my-models"),
        ("...", "my-service"),
    ],
)
def test_an_image_is_called_as_its_repository(target, name, tmp_path, monkeypatch):
    (tmp_path / "My Models").mkdir()
    (tmp_path / "...").mkdir()
    monkeypatch.chdir(tmp_path)
    assert engine.name_of(target) == name


@pytest.mark.parametrize("name", ["iris", "iris:1", "reg.example.org:5000/team/iris-model:1.0-rc", "a__b/c"])
def test_what_engines_take_is_a_name(name):
    engine.require_name(name)


@pytest.mark.parametrize(
    "name", ["", "Iris", "iris:", "iris model", "-iris", "iris:a:b", "--privileged", "iris@sha256:0"]
)
def test_all_else_is_rejected(name):
    with pytest.raises(ImageNameInvalid):
        engine.require_name(name)


def test_an_engine_that_does_not_answer_says_why(tmp_path):
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\necho Cannot connect. >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(EngineMissing, match="docker: Cannot connect"):
        engine.find({"PATH": f"{tmp_path}:/bin:/usr/bin", "DOCKER": "docker"}, "build")


def recorded(tmp_path):
    """Return an engine that writes its arguments to a file, and that file."""
    program, calls = tmp_path / "docker", tmp_path / "calls"
    program.write_text(f'#!/bin/sh\n[ "$1" = info ] || echo "$@" >>{calls}\n')
    program.chmod(0o755)
    return {"PATH": f"{tmp_path}:/bin:/usr/bin", "DOCKER": "docker"}, calls


def test_pythons_are_installed_or_taken_out_of_images(tmp_path, monkeypatch):
    environ, calls = recorded(tmp_path)
    monkeypatch.setattr(engine, "_lay_bundle", lambda path, bundle: None)
    given = door.parsers()[0].parse_args(
        ["builder", "--pythons", "3.6, 3.12 3.14", "--python-image", "mirror/python:{}-x", "--platform", "linux/arm64"]
    )
    call = SimpleNamespace(given=given, environ=environ, installation=Installation(tmp_path, tmp_path))
    monkeypatch.setattr(commands, "_image", lambda docker, tag: {})
    commands.builder(call, {})
    first, second = calls.read_text().splitlines()
    assert first.startswith("build --platform linux/arm64 ") and second.startswith("build --platform linux/arm64 ")
    assert "--build-arg PYTHONS=3.12 3.14 " in first
    assert "--build-arg PYTHON_IMAGE=mirror/python:3.6-x " in second and "s2i/python.Dockerfile" in second


def test_a_python_that_notebooks_can_t_have_is_a_wrong_call():
    with pytest.raises(ValueError, match=r"2\.7 is not a version from 3\.6 to 3\.15"):
        engine.python_versions_in("3.12 2.7")


def pushing(tmp_path, images, program="docker", failing="nothing"):
    """Return an engine that has images of these architectures and fails at one command, and a file of its calls."""
    calls = tmp_path / "calls"
    rows = [f'{name}) echo \'[{{"Architecture": "{architecture}"}}]\' ;;' for name, architecture in images.items()]
    (tmp_path / program).write_text(
        f"""#!/bin/sh
[ "$1" = info ] && echo '{json.dumps({"lab.example:5000": {"Secure": False}})}' && exit
if [ "$2" = inspect ]; then
    case "$3" in
    {" ".join(rows)}
    *) exit 1 ;;
    esac
    exit
fi
echo "$@" >>{calls}
[ "$1" != {failing} ]
"""
    )
    (tmp_path / program).chmod(0o755)
    return engine.Engine({"PATH": f"{tmp_path}:/bin:/usr/bin", "DOCKER": program}, "index"), calls


BOTH = {"one": "amd64", "other": "arm64"}


@pytest.mark.parametrize(
    ("name", "program", "tagged", "last"),
    [
        ("reg.example.org:5000/iris:1", "docker", "reg.example.org:5000/iris:1", "--purge"),
        ("reg.example.org:5000/iris", "podman", "reg.example.org:5000/iris:latest", "--all --rm"),
    ],
)
def test_an_index_names_an_image_for_each_architecture(tmp_path, name, program, tagged, last):
    docker, calls = pushing(tmp_path, BOTH, program)
    assert docker.push_index(name, ["one", "other"]) == {"amd64": f"{tagged}-amd64", "arm64": f"{tagged}-arm64"}
    assert calls.read_text().splitlines() == [
        f"tag one {tagged}-amd64",
        f"push {tagged}-amd64",
        f"tag other {tagged}-arm64",
        f"push {tagged}-arm64",
        f"manifest rm {name}",
        f"manifest create {name} {tagged}-amd64 {tagged}-arm64",
        f"manifest push {last} {name}",
    ]


@pytest.mark.parametrize("registry", ["localhost:5000", "127.0.0.1", "lab.example:5000"])
def test_an_index_is_pushed_without_tls_where_the_engine_pushes_so(tmp_path, registry):
    docker, calls = pushing(tmp_path, BOTH)
    docker.push_index(f"{registry}/iris:1", ["one", "other"])
    assert [line for line in calls.read_text().splitlines() if "--insecure" in line] == [
        f"manifest create --insecure {registry}/iris:1 {registry}/iris:1-amd64 {registry}/iris:1-arm64",
        f"manifest push --purge --insecure {registry}/iris:1",
    ]


def test_an_index_that_can_t_be_pushed_is_a_problem(tmp_path):
    docker, calls = pushing(tmp_path, {**BOTH, "third": "arm64"}, failing="push")
    with pytest.raises(IndexUnfit, match="other and third are both for arm64"):
        docker.push_index("iris:1", ["one", "other", "third"])
    with pytest.raises(ImageMissing, match="image fourth is not on this machine"):
        docker.push_index("iris:1", ["one", "fourth"])
    # Nothing is pushed for an index that can't be.
    assert not calls.exists()
    with pytest.raises(IndexNotPushed, match="'docker push iris:1-amd64' exited with status 1"):
        docker.push_index("iris:1", ["one", "other"])


@pytest.mark.parametrize("pushed", ["reg.example.org/team/iris@sha256:1", "reg.example.org/other@sha256:1"])
def test_an_image_is_pushed_by_its_id_and_named_by_its_digest(pushed, tmp_path):
    environ, calls = recorded(tmp_path)
    facts = json.dumps([{"Id": "sha256:0123456789abcdef", "RepoDigests": [pushed]}])
    with (tmp_path / "docker").open("a") as program:
        program.write(f"[ \"$2\" != inspect ] || echo '{facts}'\n")
    docker = engine.Engine(environ, "deploy")
    if "other" in pushed:
        with pytest.raises(ImageNotPushed):
            docker.publish("iris", "reg.example.org/team/iris")
    else:
        assert docker.publish("iris", "reg.example.org/team/iris") == pushed
    assert "push reg.example.org/team/iris:0123456789ab" in calls.read_text().splitlines()
