"""Who gets which version by a gateway is what the Gateway API takes: its own schema."""

import copy

import pytest
import yaml

from engine import provide
from image import crds

GATEWAY = "sigs.k8s.io/gateway-api@v1.5.1"
FOLDER = provide.ROOT / "docs/deploy/ab"
ROUTE = yaml.safe_load((FOLDER / "gateway.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def complaint():
    """Return what says what the schema of the Gateway API, without what is experimental, has against an HTTPRoute."""
    folder = crds.source(GATEWAY)
    return crds.complaints(folder / "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml", "v1")


def test_the_route_is_what_the_gateway_api_s_schema_takes(complaint):
    assert (ROUTE["apiVersion"], ROUTE["kind"]) == ("gateway.networking.k8s.io/v1", "HTTPRoute")
    assert complaint(ROUTE) == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rule: rule["backendRefs"][0].update(wait=1), "'wait' was unexpected"),
        (lambda rule: rule["backendRefs"][0].update(weight=1_000_001), "1000001 is greater than the maximum"),
        (lambda rule: rule["matches"][0]["headers"][0].update(type="Exactly"), "'Exactly' is not one of"),
        (lambda rule: rule["matches"][0]["headers"][0].pop("value"), "'value' is a required property"),
    ],
    ids=["unknown", "weight", "word", "lacking"],
)
def test_a_mistake_would_be_found(complaint, change, said):
    wrong = copy.deepcopy(ROUTE)
    change(wrong["spec"]["rules"][0])
    assert said in complaint(wrong)


def test_who_names_a_version_gets_it_and_the_rest_is_by_weight():
    *named, rest = ROUTE["spec"]["rules"]
    for rule, version in zip(named, "ab", strict=True):
        assert rule["matches"] == [{"headers": [{"name": "X-Version", "value": version}]}]
        assert [backend["name"] for backend in rule["backendRefs"]] == [f"my-service-{version}"]
    weights = {backend["name"]: backend["weight"] for backend in rest["backendRefs"]}
    assert "matches" not in rest and weights == {"my-service-a": 90, "my-service-b": 10}
    # The proxy of the same folder begins with the same share.
    assert "lt 10 }" in (FOLDER / "proxy/haproxy.cfg").read_text(encoding="utf-8")
