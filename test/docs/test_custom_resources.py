"""Files for Shipwright, Tekton and KServe have only fields that their own definitions have, with values of their kinds.

The definitions are those of the projects' Go modules, at the versions and digests of test/platforms.
"""

import copy
import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

import shared
from commands import ROOT
from engine import go_tool

pytestmark = pytest.mark.xdist_group("custom-resources")
MODULE = ROOT / "test" / "platforms"
DEPLOY = ROOT / "docs" / "deploy"
FILES = sorted([DEPLOY / "kserve.yaml", *(DEPLOY / "shipwright").glob("*.yaml"), *(DEPLOY / "tekton").glob("*.yaml")])
# {API group: the module, and the folder of its definitions}
DEFINITIONS = {
    "shipwright.io": ("github.com/shipwright-io/build", "deploy/crds"),
    "tekton.dev": ("github.com/tektoncd/pipeline", "config/300-crds"),
    "serving.kserve.io": ("github.com/kserve/kserve", "config/crd/full"),
}
KINDS = {"string": str, "integer": int, "boolean": bool, "number": (int, float), "object": dict, "array": list}
OWN_METADATA = {"name", "generateName", "namespace", "labels", "annotations"}


@pytest.fixture(scope="module")
def schema():
    """Return a function that finds the schema of a document."""
    go = go_tool.program(MODULE)
    known: dict[str, list] = {}

    def find(document):
        group, _, version = document["apiVersion"].partition("/")
        if group not in known:
            module, folder = DEFINITIONS[group]
            with shared.alone("custom-resources"):
                command = [go, "mod", "download", "-json", module]
                ran = subprocess.run(command, cwd=MODULE, capture_output=True, text=True)
            assert ran.returncode == 0, ran.stdout + ran.stderr
            paths = (Path(json.loads(ran.stdout)["Dir"]) / folder).glob("*.yaml")
            texts = [path.read_text(encoding="utf-8") for path in paths]
            known[group] = [each for text in texts for each in yaml.load_all(text, yaml.CSafeLoader)]
        for item in known[group]:
            if item["kind"] == "CustomResourceDefinition" and item["spec"]["names"]["kind"] == document["kind"]:
                versions = {each["name"]: each for each in item["spec"]["versions"] if each["served"]}
                return versions[version]["schema"]["openAPIV3Schema"]
        raise AssertionError(f"there is no {document['kind']} of {group}")

    return find


def faults(value, schema, place=""):
    """Yield each place of a value that its schema does not have, or has otherwise."""
    kinds = (int, str) if schema.get("x-kubernetes-int-or-string") else KINDS.get(schema.get("type", ""), object)
    # In Python, a bool is an int.
    if not isinstance(value, kinds) or (isinstance(value, bool) and kinds not in (bool, object)):
        yield f"{place} is not of type {schema.get('type', 'integer or string')}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{place} is not one of {schema['enum']}"
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from faults(each, schema.get("items", {}), f"{place}[{index}]")
    elif isinstance(value, dict):
        yield from (f"{place}.{name} is missing" for name in schema.get("required", ()) if name not in value)
        for name, each in value.items():
            yield from field_faults(name, each, schema, place)


def field_faults(name, value, schema, place):
    """Yield the faults of one field of an object."""
    known, more = schema.get("properties", {}), schema.get("additionalProperties")
    if name in known:
        yield from faults(value, known[name], f"{place}.{name}")
    elif isinstance(more, dict):
        yield from faults(value, more, f"{place}.{name}")
    elif known and not schema.get("x-kubernetes-preserve-unknown-fields") and not more:
        yield f"{place}.{name} is not known"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_a_file_has_only_fields_that_its_definition_has(path, schema):
    documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    assert documents
    for document in documents:
        assert list(faults(document, schema(document))) == []
        assert document["metadata"].keys() <= OWN_METADATA


def test_so_has_the_build_in_the_sample_of_openshift_s_console(schema):
    sample = yaml.safe_load((DEPLOY / "openshift/console.yaml").read_text(encoding="utf-8"))["spec"]
    document = yaml.safe_load(sample["yaml"])
    assert {name: document[name] for name in ("apiVersion", "kind")} == sample["targetResource"]
    assert list(faults(document, schema(document))) == []


@pytest.mark.parametrize(
    ("name", "change", "fault"),
    [
        ("shipwright/build.yaml", lambda spec: spec["source"].update(gti={}), ".spec.source.gti is not known"),
        ("shipwright/build.yaml", lambda spec: spec.pop("output"), ".spec.output is missing"),
        ("shipwright/strategy.yaml", lambda spec: spec["steps"][0].update(image=7), ".image is not of type string"),
        ("tekton/task.yaml", lambda spec: spec["results"][0].update(nam="x"), ".spec.results[0].nam is not known"),
        ("kserve.yaml", lambda spec: spec["predictor"].update(minReplicas="2"), ".minReplicas is not of type integer"),
    ],
)
def test_a_fault_is_found(name, change, fault, schema):
    document = copy.deepcopy(yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8")))
    change(document["spec"])
    assert any(fault in found for found in faults(document, schema(document)))


def test_the_pipeline_calls_the_tasks_with_parameters_workspaces_and_results_that_they_have():
    tasks = {}
    for name in ("task", "check"):
        task = yaml.safe_load((DEPLOY / f"tekton/{name}.yaml").read_text(encoding="utf-8"))
        tasks[task["metadata"]["name"]] = task["spec"]
    run = yaml.safe_load((DEPLOY / "tekton/pipelinerun.yaml").read_text(encoding="utf-8"))["spec"]["pipelineSpec"]
    called = [step for step in run["tasks"] if "name" in step["taskRef"]]
    assert [step["taskRef"]["name"] for step in called] == ["nb-builder-check", "s2i-nb-builder"]
    for step in called:
        task = tasks[step["taskRef"]["name"]]
        given = {each["name"] for each in step.get("params", ())}
        assert {each["name"] for each in task["params"] if "default" not in each} <= given
        assert given <= {each["name"] for each in task["params"]}
        needed = {each["name"] for each in task["workspaces"] if not each.get("optional")}
        assert needed == {each["name"] for each in step["workspaces"]}
    (result,) = run["results"]
    assert result["name"] in {each["name"] for each in tasks["s2i-nb-builder"]["results"]}


SAID = """STEP 5/9: RUN /usr/libexec/s2i/assemble
ERROR: A requirement is not available: scikit-learn==99.1
  Why: The index has no such version.
  Fix: Choose another one.
  (problem version-missing)
error: building at STEP "RUN": exit status 1
"""


@pytest.mark.parametrize(
    ("file", "step", "expected"),
    [("shipwright/strategy.yaml", 1, "version-missing"), ("tekton/task.yaml", 1, "version-missing")],
)
def test_a_failed_build_reports_its_problem(file, step, expected, tmp_path):
    """Run the step's own script with a buildah that fails as a notebook's build does, and that gets no credentials."""
    spec = yaml.safe_load((DEPLOY / file).read_text(encoding="utf-8"))["spec"]["steps"][step]
    script = spec.get("script") or spec["args"][1]
    values = {"results.shp-error-reason.path": "reason", "results.shp-error-message.path": "message"}
    values |= {"results.PROBLEM.path": "reason", "params.slim": "false", "params.VERBOSE": "false"}
    values |= {"workspaces.dockerconfig.bound": "true"}
    for name, value in values.items():
        script = script.replace(f"$({name})", str(tmp_path / value) if value in ("reason", "message") else value)
    script = re.sub(r"\$\([\w.-]+\)", "x", script.replace("/build/", f"{tmp_path}/"))
    (tmp_path / "buildah").write_text(
        f'#!/bin/bash\n[[ " $* " = *" bud "* ]] || exit 0\n[[ -z ${{REGISTRY_AUTH_FILE:-}} ]] || exit 126\n'
        f"cat <<'EOF'\n{SAID}EOF\nexit 125\n"
    )
    (tmp_path / "buildah").chmod(0o755)
    ran = subprocess.run(
        ["bash", "-c", script, "step"], cwd=tmp_path, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True,
        text=True,
    )  # fmt: skip
    assert ran.returncode == 1 and "scikit-learn==99.1" in ran.stdout, ran.stderr
    assert (tmp_path / "reason").read_text() == expected
    if (tmp_path / "message").exists():
        assert (tmp_path / "message").read_text().splitlines()[0].startswith("ERROR: A requirement")
