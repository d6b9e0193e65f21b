"""Deploy an image by SageMaker's own SDK in its local mode, ask the endpoint, run a batch transform; print it all."""

import json
import sys
import tempfile
from pathlib import Path

import boto3
import numpy as np
from sagemaker import deserializers, serializers
from sagemaker.local import LocalSession
from sagemaker.model import Model
from sagemaker.predictor import Predictor

image, port = sys.argv[1:]
POINTS = [[0.2, 0.7], [0.9, 0.1]]
# No real account, and nothing is sent to Amazon.
QUIET = {"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}}
ACCOUNT = boto3.Session("none", "none", region_name="us-east-1")
ROLE = "arn:aws:iam::000000000000:role/none"


def ask(predictor):
    """Return the SDK's reading of each kind of body and answer."""
    given = {
        "csv": serializers.CSVSerializer(),
        "lines": serializers.JSONLinesSerializer(),
        "npy": serializers.NumpySerializer(dtype=float),
    }
    wanted = {
        "csv": deserializers.CSVDeserializer(),
        "lines": deserializers.JSONLinesDeserializer(),
        "npy": deserializers.NumpyDeserializer(),
        "json": deserializers.JSONDeserializer(),
    }
    found = {"one": predictor.predict(POINTS[0], custom_attributes="trace=1", inference_id="7")}
    found["refused"] = predictor.predict([1])["status"]
    for sent, predictor.serializer in given.items():
        for got, predictor.deserializer in wanted.items():
            found[f"{sent} to {got}"] = np.asarray(predictor.predict(POINTS)).tolist()
    return found


def transform(model, folder):
    """Return the files that a batch transform of two files of CSV made, as text."""
    (folder / "in").mkdir()
    (folder / "in" / "a.csv").write_text("0.2,0.7\n0.9,0.1\n")
    (folder / "in" / "b.csv").write_text("0.9,0.1\n")
    transformer = model.transformer(1, "local", accept="text/csv", output_path=f"file://{folder}/out")
    # Waiting is for logs of the cloud; the local mode has done its work when it returns.
    transformer.transform(f"file://{folder}/in", content_type="text/csv", split_type="Line", wait=False)
    return {file.name: file.read_text() for file in (folder / "out").rglob("*.out")}


def main():
    """Print the results of the endpoint and the batch transform."""
    session = LocalSession(ACCOUNT, sagemaker_config=QUIET)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Without an archive, the SDK tries to fetch one; the model is in the image.
        (folder / "archive").mkdir()
        session.config = {"local": {"serving_port": int(port), "container_root": name}}
        model = Model(image, f"file://{folder}/archive", ROLE, Predictor, sagemaker_session=session)
        predictor = model.deploy(
            1,
            "local",
            serializers.JSONSerializer(),
            deserializers.JSONDeserializer(),
            wait=False,
        )
        try:
            found = ask(predictor)
        finally:
            predictor.delete_endpoint()
        print(json.dumps({**found, "transformed": transform(model, folder)}))


main()
