"""What is laid out for OpenShift is what OpenShift's own types take; no cluster is needed for that."""

import re
import subprocess

import pytest
import yaml

import templates
from engine import go_tool, provide

pytestmark = pytest.mark.xdist_group("openshift")
MODULE = provide.ROOT / "test" / "openshift"
FOLDER = provide.ROOT / "docs/deploy/openshift"
LIST = (FOLDER / "service.yaml").read_text(encoding="utf-8")
TEMPLATE = (FOLDER / "template.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def decode(tmp_path_factory):
    """Return what decodes a list strictly, by OpenShift's own Go types: (names of its items, the error)."""
    program = go_tool.build(MODULE, tmp_path_factory.mktemp("openshift") / "decode")

    def decoded(text):
        done = subprocess.run([program], input=text, capture_output=True, text=True)
        return done.stdout.splitlines(), done.stderr.strip()

    return decoded


def test_each_document_is_of_a_type_that_openshift_has_with_its_fields_and_words(decode):
    names, error = decode(LIST)
    assert error == ""
    assert names == [
        "ImageStream nb-builder",
        "ImageStream my-service",
        "ImageStream my-service-slim",
        "BuildConfig my-service",
        "BuildConfig my-service-slim",
        "Deployment my-service",
        "Service my-service",
        "Route my-service",
    ]


def test_so_are_the_builder_images_and_the_sample_of_the_console(decode):
    text = (FOLDER / "imagestream.yaml").read_text(encoding="utf-8")
    assert decode(text) == (["ImageStream nb-builder"], "")
    assert decode(text.replace("type: Local", "type: Locally", 1))[1].startswith(
        'ImageStream nb-builder: "Locally" is none'
    )
    tags = {tag["name"]: tag for tag in yaml.safe_load(text)["items"][0]["spec"]["tags"]}
    assert tags["latest"]["from"] == {"kind": "ImageStreamTag", "name": "3.13-trixie"}
    for name in tags.keys() - {"latest"}:
        assert tags[name]["from"]["name"].endswith(f":{name}")
        assert tags[name]["annotations"]["version"] == name.partition("-")[0]
    sample = yaml.safe_load((FOLDER / "console.yaml").read_text(encoding="utf-8"))
    listed = {"apiVersion": "v1", "kind": "List", "items": [sample]}
    assert decode(yaml.safe_dump(listed)) == (["ConsoleYAMLSample nb-builder-build"], "")
    sample["spec"]["titel"] = "x"
    assert decode(yaml.safe_dump(listed))[1].endswith('unknown field "titel"')


def test_so_are_two_versions_behind_one_route(decode):
    text = (FOLDER / "ab.yaml").read_text(encoding="utf-8")
    versions = [f"{kind} my-service-{version}" for version in "ab" for kind in ("Deployment", "Service")]
    assert decode(text) == ([*versions, "Route my-service-ab"], "")
    assert decode(text.replace("weight: 90", "weight: 900"))[1] == (
        "Route my-service-ab: weight 900 of my-service-a is not from 0 to 256"
    )
    assert decode(text.replace("weight: 10", "weight: ten"))[1].startswith("Route my-service-ab: ")
    alternate = "        - kind: {}\n          name: my-service-b"
    wrong = text.replace(alternate.format("Service"), alternate.format("Deployment"))
    assert decode(wrong)[1] == 'Route my-service-ab: "Deployment" is no backend of a route'


def test_so_is_the_template_and_so_are_its_objects_where_its_parameters_are_values(decode):
    template = yaml.safe_load(TEMPLATE)
    listed = {"apiVersion": "v1", "kind": "List", "items": [template]}
    assert decode(yaml.safe_dump(listed)) == (["Template nb-builder-service"], "")
    filled = templates.filled(template, GIT_URI="https://git.example.com/other.git", NAMESPACE="other", NAME="other")
    names, error = decode(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": filled}))
    assert error == "" and names == [
        "ImageStream nb-builder",
        "ImageStream other",
        "ImageStream other-slim",
        "BuildConfig other",
        "BuildConfig other-slim",
        "Deployment other",
        "Service other",
        "Route other",
    ]
    template["parameters"].append(template["parameters"][0])
    assert decode(yaml.safe_dump(listed))[1] == "Template nb-builder-service: parameter NAME is there twice"
    template["parameters"][0] = {"name": "NAME", "required": "often"}
    assert decode(yaml.safe_dump(listed))[1].startswith("Template nb-builder-service: ")


@pytest.mark.parametrize("name", ["batch", "openshift/batch"])
def test_so_are_the_jobs_that_score_files(name, decode):
    text = (provide.ROOT / f"docs/deploy/{name}.yaml").read_text(encoding="utf-8")
    jobs = ["PersistentVolumeClaim my-service-data", "CronJob my-service-nightly", "Job my-service-once"]
    assert decode(text) == (jobs, "")
    assert decode(text.replace("backoffLimit", "backofLimit", 1))[1].endswith('unknown field "backofLimit"')


def test_so_is_each_file_of_the_folder_for_kubernetes(decode):
    folder = provide.ROOT / "docs/deploy/kubernetes"
    names = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    items = [yaml.safe_load((folder / name).read_text(encoding="utf-8")) for name in [*names, "autoscaler.yaml"]]
    listed = yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items})
    kinds = ["Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy", "HorizontalPodAutoscaler"]
    assert decode(listed) == ([f"{kind} my-service" for kind in kinds], "")
    assert decode(listed.replace("minAvailable", "minAvailible"))[1].endswith('unknown field "minAvailible"')


def test_so_is_what_scores_from_a_bus_but_for_what_keda_and_knative_have(decode):
    text = (provide.ROOT / "docs/deploy/bus.yaml").read_text(encoding="utf-8")
    ours, keda = text.split("  - apiVersion: keda.sh")
    assert keda
    assert decode(ours) == (["Secret my-service-bus", "Deployment my-service-bus"], "")
    assert decode(ours.replace("secretName", "secretNames", 1))[1].endswith('unknown field "secretNames"')
    service, _ = (
        (provide.ROOT / "docs/deploy/knative.yaml")
        .read_text(encoding="utf-8")
        .split("  - apiVersion: eventing.knative.dev", 1)
    )
    assert decode(service) == (["Service my-service-events"], "")


@pytest.mark.parametrize(
    ("right", "wrong", "error"),
    [
        ("incremental:", "incrementally:", 'BuildConfig my-service: .*unknown field "incrementally"'),
        ("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: often", "Deployment my-service: .*cannot unmarshal"),
        ("kind: Route", "kind: Rout", "Rout my-service: there is no Rout of route.openshift.io/v1"),
        ("termination: edge", "termination: edgy", 'Route my-service: "edgy" is none of'),
        ("type: GitLab", "type: Gitlab", 'BuildConfig my-service: "Gitlab" is none of'),
        ("secretReference:", "secretReferences:", 'BuildConfig my-service: .*unknown field "secretReferences"'),
        ("          github:", "          gitlab:", 'BuildConfig my-service: trigger "GitHub" names no secret'),
        ("type: Source", "type: Docker", 'BuildConfig my-service: strategy "Docker" has no part of its own'),
    ],
)
def test_a_mistake_would_be_found(decode, right, wrong, error):
    assert right in LIST
    assert re.match(error, decode(LIST.replace(right, wrong, 1))[1])
