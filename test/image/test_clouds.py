"""SageMaker's and Vertex AI's own SDKs start the image on this machine and understand what it says."""

import pytest

from contract import clients
from engine import compose
from ports import free_port

pytestmark = pytest.mark.long

# Two points of the running example, and the clusters that it finds.
CLUSTERS = [4, 1]
REFUSAL = "The notebook's validator rejects this sample."


@pytest.fixture
def sagemaker_s(example):
    """Return the name of the image, where SageMaker's SDK finds Compose; what the SDK leaves is removed."""
    compose.install_if_lacking()
    with compose.tidy(example):
        yield example


def test_sagemaker_s_sdk_deploys_it_and_reads_each_of_its_formats(sagemaker_s):
    found = clients.ask("sagemaker", "deploy_sagemaker.py", sagemaker_s, free_port())
    texts = [[str(cluster)] for cluster in CLUSTERS]
    assert found == {
        "one": CLUSTERS[0],
        "refused": 422,
        **{f"{sent} to csv": texts for sent in ("csv", "lines", "npy")},
        **{f"{sent} to {got}": CLUSTERS for sent in ("csv", "lines", "npy") for got in ("lines", "npy")},
        **{f"{sent} to json": {"predictions": CLUSTERS} for sent in ("csv", "lines", "npy")},
        "transformed": {"a.csv.out": "4\n1\n", "b.csv.out": "1\n"},
    }


def test_vertex_s_sdk_deploys_it_with_its_own_routes_and_with_the_cloud_s(example):
    found = clients.ask("vertex", "deploy_vertex.py", example)
    predicted = [200, {"predictions": CLUSTERS}]
    said = {"health": 200, "text": predicted, "file": predicted, "refused": [400, {"error": REFUSAL}]}
    assert found == {"defaults": said, "the cloud's": said}
