"""mlflow's own scoring server, two workers, with the same predictor as a pyfunc model."""

import logging
import os
import shutil
import sys

import mlflow.pyfunc
from model import predictor


class Kmeans(mlflow.pyfunc.PythonModel):
    """The running example."""

    def predict(self, context, model_input, params=None):
        """Answer each row."""
        return [predictor(row) for row in model_input.tolist()]


port, folder = sys.argv[1:]
model = os.path.join(folder, "model")
shutil.rmtree(model, ignore_errors=True)
logging.disable(logging.WARNING)
mlflow.pyfunc.save_model(model, python_model=Kmeans(), pip_requirements=[])
serve = ["models", "serve", "--model-uri", model, "--env-manager", "local", "--workers", "2"]
os.execlp("mlflow", "mlflow", *serve, "--host", "127.0.0.1", "--port", port)  # noqa: S606 - its own command
