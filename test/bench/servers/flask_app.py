"""Flask as most people write it: for gunicorn and for waitress; run as a script, the prototype of 2018."""

import json
import sys

from flask import Flask, jsonify, request
from model import predictor

app = Flask(__name__)


@app.post("/predict")
def predict():
    """Answer one sample."""
    return jsonify(predictor(request.get_json()))


@app.post("/form")
def form():
    """Answer the sample in the form field json_args, as the prototype did."""
    return json.dumps(predictor(json.loads(request.form["json_args"])))


if __name__ == "__main__":
    import logging

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app.run(host="127.0.0.1", port=int(sys.argv[1]))
