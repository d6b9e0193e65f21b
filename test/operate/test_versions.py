"""What kubectl makes of the two versions behind a gateway; no cluster is needed for that."""

import yaml

from engine import cluster as clusters
from engine import provide
from operate.conftest import DEPLOY, IMAGE, NEXT


def made(folder):
    """Return the documents that `kubectl kustomize` makes of a folder, by their kinds."""
    kubectl = clusters.programs() / "kubectl"
    return {item["kind"]: item for item in yaml.safe_load_all(provide.call(str(kubectl), "kustomize", str(folder)))}


def test_each_version_is_all_of_kubernetes_with_names_and_pods_of_its_own():
    route = yaml.safe_load((DEPLOY / "ab/gateway.yaml").read_text(encoding="utf-8"))
    asked = {backend["name"]: backend["port"] for rule in route["spec"]["rules"] for backend in rule["backendRefs"]}
    plain = made(DEPLOY / "kubernetes")
    for version, image in (("a", IMAGE), ("b", NEXT)):
        items = made(DEPLOY / "ab/kubernetes" / version)
        name = f"my-service-{version}"
        assert items.keys() == plain.keys() and {item["metadata"]["name"] for item in items.values()} == {name}
        pod = items["Deployment"]["spec"]["template"]
        assert pod["spec"]["containers"][0]["image"] == image
        chosen = {
            "Service": items["Service"]["spec"]["selector"],
            "Deployment": items["Deployment"]["spec"]["selector"]["matchLabels"],
            "PodDisruptionBudget": items["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
            "NetworkPolicy": items["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        }
        assert chosen == {kind: {"app": name} for kind in items} and pod["metadata"]["labels"] == {"app": name}
        assert asked.pop(name) in [port["port"] for port in items["Service"]["spec"]["ports"]]
    assert asked == {}
