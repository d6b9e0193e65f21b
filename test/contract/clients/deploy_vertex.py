"""Deploy an image by Vertex AI's own SDK on this machine, twice, and send requests; print the answers."""

import json
import sys
import tempfile

from google.cloud import aiplatform
from google.cloud.aiplatform.prediction import LocalModel

image = sys.argv[1]
JSON = {"Content-Type": "application/json"}
POINTS = '{"instances": [[0.2, 0.7], [0.9, 0.1]], "parameters": {}}'


def said(answer):
    """Return an answer of `requests` as status and value."""
    return [answer.status_code, answer.json()]


def ask(**container):
    """Return what an endpoint of the image answers with these routes and ports."""
    model = LocalModel(serving_container_image_uri=image, **container)
    endpoint = model.deploy_to_local_endpoint(container_ready_timeout=60, container_ready_check_interval=1)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file, endpoint:
        file.write(POINTS)
        file.flush()
        started = endpoint.container
        try:
            return {
                "health": endpoint.run_health_check().status_code,
                "text": said(endpoint.predict(POINTS, headers=JSON)),
                # The SDK names no type of its own.
                "file": said(endpoint.predict(request_file=file.name)),
                "refused": said(endpoint.predict('{"instances": [[1]]}', headers=JSON)),
            }
        finally:
            # It stops its container and leaves it there.
            endpoint.stop()
            endpoint.container = None
            started.remove()


# Without a project, it looks for the account of who runs this.
aiplatform.init(project="none", location="us-central1")
route = "/v1/endpoints/7/deployedModels/8"
theirs = {"serving_container_predict_route": f"{route}:predict", "serving_container_health_route": route}
print(json.dumps({"defaults": ask(), "the cloud's": ask(**theirs, serving_container_ports=[9000])}))
