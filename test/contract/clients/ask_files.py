"""Send pictures with requests and Hugging Face's client, as their users do; print the responses.

Arguments: the service's address, and the file of a picture.
"""

import json
import sys
from pathlib import Path

import requests
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

address, file = sys.argv[1], Path(sys.argv[2])
found = {}


def sent(**body):
    """Return the status and the JSON of a response to /predict."""
    response = requests.post(f"{address}/predict", timeout=20, **body)
    return [response.status_code, response.json()]


with file.open("rb") as picture:
    found["open file"] = sent(files={"picture": picture})
found["bytes with name and type"] = sent(files={"picture": ("a.png", file.read_bytes(), "image/png")})
# BentoML's clients send arguments that are not files as parts with JSON.
found["with a parameter"] = sent(
    files={"picture": ("a.png", file.read_bytes()), "top_k": (None, "1", "application/json")}
)
found["form fields"] = sent(files={"picture": file.read_bytes()}, data={"top_k": 1})
with file.open("rb") as picture:
    found["stream"] = sent(data=picture, headers={"Content-Type": "image/png"}, params={"top_k": 1})
client = InferenceClient(model=address, timeout=20)
for name, options in (("Hugging Face", {}), ("Hugging Face with a parameter", {"top_k": 1})):
    for kind, image in (("file", str(file)), ("bytes", file.read_bytes())):
        try:
            labels = client.image_classification(image, **options)
        except HfHubHTTPError as error:
            sys.exit(f"{name}, {kind}: {error.response.text}")
        found[f"{name}, {kind}"] = [[label.label, label.score] for label in labels]
try:
    client.image_classification(b"GIF89a")
except HfHubHTTPError as error:
    found["Hugging Face, damaged"] = error.response.status_code
print(json.dumps(found))
