"""The least that answers a prediction under ASGI, for uvicorn."""

import json

from model import predictor


async def app(scope, receive, send):
    """Answer one sample."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        event = await receive()
        body, more = body + event.get("body", b""), event.get("more_body", False)
    answer = json.dumps(predictor(json.loads(body))).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
