"""Ask a service by MLflow's own scoring client; print what it understood."""

import json
import sys

import pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

client = ScoringServerClient("127.0.0.1", int(sys.argv[1]))
client.wait_server_ready(timeout=20)
frame = pd.DataFrame({"name": ["a", "b"], "age": [1, 2]})
print(
    json.dumps(
        {
            "ping": client.ping(),
            "version": client.get_version(),
            "frame": client.invoke(frame).get_predictions().to_dict("records"),
            "list": client.invoke([{"name": "c", "age": 3}]).get_predictions().to_dict("records"),
        }
    )
)
