"""Names of images."""

import pytest
from nb_builder.cli import engine
from nb_builder.cli.problems import EngineMissing, ImageNameInvalid


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
def test_all_else_is_refused(name):
    with pytest.raises(ImageNameInvalid):
        engine.require_name(name)


def test_an_engine_that_does_not_answer_says_why(tmp_path):
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\necho Cannot connect. >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(EngineMissing, match="docker says: Cannot connect"):
        engine.find({"PATH": f"{tmp_path}:/bin:/usr/bin", "DOCKER": "docker"}, "build")
