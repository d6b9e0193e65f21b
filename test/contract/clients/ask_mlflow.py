"""Ask a service by MLflow's own scoring client; print what it understood."""

import json
import sys

import pandas as pd
import requests
from mlflow.deployments import PredictionsResponse
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

client = ScoringServerClient("127.0.0.1", int(sys.argv[1]))
client.wait_server_ready(timeout=20)


def by_csv(frame):
    """Return the answers to a table as CSV, sent as MLflow's documentation does and read by MLflow's own reader."""
    url = f"{client.url_prefix}/invocations"
    said = requests.post(url, data=frame.to_csv(index=False), headers={"Content-Type": "text/csv"}, timeout=20)
    return PredictionsResponse.from_json(said.text).get_predictions().to_dict("records")


frame = pd.DataFrame({"name": ["a", "b"], "age": [1, 2]})
print(
    json.dumps(
        {
            "ping": client.ping(),
            "version": client.get_version(),
            "frame": client.invoke(frame).get_predictions().to_dict("records"),
            "csv": by_csv(frame),
            "list": client.invoke([{"name": "c", "age": 3}]).get_predictions().to_dict("records"),
        }
    )
)
