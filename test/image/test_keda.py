"""What scales pods by their bus is what KEDA takes: its own schema, and the names that its scalers read."""

import copy
import re

import pytest
import yaml

from engine import provide
from image import crds

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
    return crds.source(KEDA)


@pytest.fixture(scope="module")
def complaint(keda):
    """Return what says what KEDA's schema has against a ScaledObject; "" for nothing."""
    return crds.complaints(keda / "config/crd/bases/keda.sh_scaledobjects.yaml", "v1alpha1")


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
