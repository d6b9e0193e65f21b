"""The least that answers a prediction under WSGI, for granian."""

import json

from model import predictor


def app(environ, start_response):
    """Answer one sample."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    answer = json.dumps(predictor(json.loads(body))).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]
