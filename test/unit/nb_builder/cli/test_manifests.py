"""Manifests with the image and the name of a service of the user's."""

import filecmp
from pathlib import Path

import pytest
import yaml
from nb_builder.cli import manifests
from nb_builder.cli.installation import Installation
from nb_builder.cli.problems import ManifestsUnwritten, ServiceNameInvalid

ROOT = Path(__file__).parents[4]
OURS = Installation(ROOT, ROOT / ".nb-builder")
IMAGE = "registry.example.net:5000/team/my-service-of-iris:7"


def written(tmp_path, platform, *, image=IMAGE, name="iris", **more):
    """Return {name of a file: what it has}."""
    folder = tmp_path / "out"
    files = manifests.write(OURS, platform, folder, image, name, **more)
    return {str(path.relative_to(folder)): path.read_text() for path in files}


@pytest.mark.parametrize("platform", manifests.PLATFORMS)
def test_nothing_of_the_example_is_left_but_the_image(platform, tmp_path):
    files = written(tmp_path, platform, git="https://git.example.net/iris.git")
    assert files
    assert [name for name in files if "my-service" in name] == []
    assert [name for name, text in files.items() if "my-service" in text.replace(IMAGE, "").replace(
        "registry.example.net:5000/team/my-service-of-iris", "")] == []  # fmt: skip
    for name, text in files.items():
        if name.endswith((".yaml", ".yml")):
            list(yaml.safe_load_all(text))


@pytest.mark.parametrize("platform", manifests.PLATFORMS)
def test_with_our_names_they_are_the_files_of_the_pages(platform, tmp_path):
    folder = tmp_path / "out"
    files = manifests.write(OURS, platform, folder, manifests.DEFAULT_IMAGES[platform], "my-service")
    deploy = ROOT / "docs" / "deploy"
    for path in files:
        candidates = [deploy / path.relative_to(folder), deploy / platform / path.relative_to(folder)]
        ours = next(candidate for candidate in candidates if candidate.is_file())
        # Defaults of compose and Swarm become plain values, and tags are in quotes.
        if path.name not in ("compose.yaml", "stack.yaml", "kustomization.yaml"):
            assert filecmp.cmp(path, ours, shallow=False)


@pytest.mark.parametrize(
    ("image", "entry"),
    [
        (IMAGE, {"newName": IMAGE.rpartition(":")[0], "newTag": "7"}),
        ("iris", {"newName": "iris", "newTag": "latest"}),
        ("reg:5000/iris@sha256:abc", {"newName": "reg:5000/iris", "digest": "sha256:abc"}),
    ],
)
def test_kustomize_gets_name_and_tag_apart(image, entry, tmp_path):
    text = written(tmp_path, "kubernetes", image=image)["kustomization.yaml"]
    assert yaml.safe_load(text)["images"] == [{"name": "iris", **entry}]


def test_a_swarm_and_compose_have_the_image(tmp_path):
    stack = yaml.safe_load(written(tmp_path, "swarm")["stack.yaml"])
    assert stack["services"]["service"]["image"] == IMAGE


def test_openshift_builds_the_repository_that_is_named(tmp_path):
    (text,) = written(tmp_path, "openshift", image="", git="https://git.example.net/iris.git").values()
    assert "uri: https://git.example.net/iris.git\n" in text
    assert "name: registry.example.com/nb-builder:latest\n" in text


@pytest.mark.parametrize(
    ("image", "builder", "version"),
    [
        ("reg:5000/nb-builder:3.12", "reg:5000/nb-builder", "3.12"),
        ("reg:5000/nb-builder@sha256:0a", "reg:5000/nb-builder@sha256", "0a"),
    ],
)
def test_tasks_get_the_builder_image_and_its_version_apart(image, builder, version, tmp_path):
    files = written(tmp_path, "tekton", image=image, git="https://git.example.net/iris.git")
    for name in ("task.yaml", "check.yaml"):
        params = {each["name"]: each.get("default") for each in yaml.safe_load(files[name])["spec"]["params"]}
        assert (params["BUILDER"], params["VERSION"]) == (builder, version)
    run = yaml.safe_load(files["pipelinerun.yaml"])["spec"]
    assert {"name": "url", "value": "https://git.example.net/iris.git"} in run["params"]


@pytest.mark.parametrize("name", ["", "Iris", "1iris", "iris-", "a" * 41, "a b", "../iris"])
def test_a_name_that_no_orchestrator_takes_is_rejected(name, tmp_path):
    with pytest.raises(ServiceNameInvalid):
        written(tmp_path, "podman", name=name)
    assert not (tmp_path / "out").exists()


def test_files_that_are_there_are_left_alone(tmp_path):
    written(tmp_path, "podman")
    with pytest.raises(ManifestsUnwritten, match="it exists already"):
        written(tmp_path, "podman")
