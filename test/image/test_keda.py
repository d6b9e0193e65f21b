"""What scales pods by their bus is what KEDA takes: its own schema, and the names that its scalers read."""

import copy
import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from engine import go_tool, provide
from image.conftest import or_leave_out

KEDA = "github.com/kedacore/keda/v2@v2.21.0"
# What each trigger's names are read by, in KEDA's own source.
SCALERS = {
    "nats-jetstream": ["nats_jetstream_scaler.go"],
    # How it connects is in the other.
    "redis-streams": ["redis_streams_scaler.go", "redis_scaler.go"],
    "rabbitmq": ["rabbitmq_scaler.go"],
    "kafka": ["kafka_scaler.go"],
}
DEPLOYED = yaml.safe_load((provide.ROOT / "docs/deploy/bus.yaml").read_text(encoding="utf-8"))["items"]
PAGE = (provide.ROOT / "docs/how-to/score-from-a-bus.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def keda():
    """Return the folder of KEDA's source."""
    go = or_leave_out(lambda: go_tool.program(provide.ROOT / "test/openshift"))
    told = or_leave_out(lambda: provide.call(go, "mod", "download", "-json", KEDA, cwd="/"))
    return Path(json.loads(told)["Dir"])


def _strict(schema):
    """Return a schema that allows no field which it does not name."""
    if isinstance(schema, dict):
        schema = {name: _strict(value) for name, value in schema.items()}
        if "properties" in schema and "additionalProperties" not in schema:
            schema["additionalProperties"] = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    elif isinstance(schema, list):
        schema = [_strict(value) for value in schema]
    return schema


@pytest.fixture(scope="module")
def complaint(keda):
    """Return what says what KEDA's schema has against a ScaledObject; "" for nothing."""
    crd = yaml.safe_load((keda / "config/crd/bases/keda.sh_scaledobjects.yaml").read_text(encoding="utf-8"))
    (version,) = [each for each in crd["spec"]["versions"] if each["name"] == "v1alpha1"]
    # Of metadata a cluster knows more than the schema says.
    validator = jsonschema.Draft7Validator(_strict(version["schema"]["openAPIV3Schema"]["properties"]["spec"]))
    return lambda item: "; ".join(error.message for error in validator.iter_errors(item["spec"]))


def _names(keda, kind):
    """Return what a trigger of this kind may have in its metadata, and what it must: of each, all its names."""
    may, must = set(), []
    for number, file in enumerate(SCALERS[kind]):
        text = (keda / "pkg/scalers" / file).read_text(encoding="utf-8")
        for tag in re.findall(r'keda:"name=([^"]+)"', text):
            words = tag.replace(" ", "").split(",")
            (order,) = [word.removeprefix("order=").split(";") for word in words if word.startswith("order=")]
            names = set(words[0].split(";")) if "triggerMetadata" in order else set()
            names |= {f"{name}FromEnv" for name in words[0].split(";")} if "resolvedEnv" in order else set()
            may |= names
            if (
                names
                and not number
                and "optional" not in words
                and not any(word.startswith("default=") for word in words)
            ):
                must.append(names)
    return may, must


def _triggers():
    (scaled,) = [item for item in DEPLOYED if item["kind"] == "ScaledObject"]
    shown = [
        trigger
        for block in re.findall(r"```yaml\n(- type: .*?)```", PAGE, re.DOTALL)
        for trigger in yaml.safe_load(block)
    ]
    return [*scaled["spec"]["triggers"], *shown]


def test_the_scaled_object_is_what_keda_s_schema_takes(complaint):
    (scaled,) = [item for item in DEPLOYED if item["kind"] == "ScaledObject"]
    assert complaint(scaled) == ""
    wrong = copy.deepcopy(scaled)
    wrong["spec"]["minReplicas"] = 1
    assert "minReplicas" in complaint(wrong)
    wrong = copy.deepcopy(scaled)
    wrong["spec"]["maxReplicaCount"] = "ten"
    assert "'ten' is not of type 'integer'" in complaint(wrong)


def test_each_trigger_has_the_names_that_its_scaler_reads(keda):
    triggers = _triggers()
    assert sorted(trigger["type"] for trigger in triggers) == sorted(SCALERS)
    for trigger in triggers:
        may, must = _names(keda, trigger["type"])
        given = set(trigger["metadata"])
        assert given <= may, trigger["type"]
        assert must
        assert all(given & names for names in must), trigger["type"]
