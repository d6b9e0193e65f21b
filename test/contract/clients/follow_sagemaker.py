"""Follow a stream with boto3 through a stand-in for SageMaker's endpoint. Argument: the port of the service.

It prints the parts of the stream.
SageMaker sends each chunk of a container's response as a message of its event stream, which boto3 parses.
"""

import binascii
import http.client
import http.server
import json
import struct
import sys
import threading

import boto3

PORT = int(sys.argv[1])
HEADERS = {":message-type": "event", ":event-type": "PayloadPart", ":content-type": "application/octet-stream"}


def message(payload):
    """Return a message of Amazon's event-stream encoding."""
    fields = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(text)) + text.encode()
        for name, text in HEADERS.items()
    )
    prelude = struct.pack("!II", 16 + len(fields) + len(payload), len(fields))
    data = prelude + struct.pack("!I", binascii.crc32(prelude)) + fields + payload
    return data + struct.pack("!I", binascii.crc32(data))


class Endpoint(http.server.BaseHTTPRequestHandler):
    """Passes a request on to /invocations."""

    def do_POST(self):
        """Send each chunk as a message."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
        headers = {"Content-Type": self.headers["Content-Type"], "Accept": self.headers["X-Amzn-SageMaker-Accept"]}
        connection.request("POST", "/invocations", body, headers)
        response = connection.getresponse()
        self.send_response(response.status)
        self.send_header("X-Amzn-SageMaker-Content-Type", response.headers["Content-Type"])
        self.end_headers()
        while chunk := response.read1():
            self.wfile.write(message(chunk))
        connection.close()

    def log_message(self, *_):
        """Print nothing."""


server = http.server.HTTPServer(("127.0.0.1", 0), Endpoint)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = boto3.Session("none", "none", region_name="us-east-1").client(
    "sagemaker-runtime", endpoint_url=f"http://127.0.0.1:{server.server_port}"
)
answer = client.invoke_endpoint_with_response_stream(
    EndpointName="none", Body=b'"words"', ContentType="application/json", Accept="application/x-ndjson"
)
parts = [event["PayloadPart"]["Bytes"] for event in answer["Body"]]
print(json.dumps([answer["ContentType"], [json.loads(line) for line in b"".join(parts).splitlines()]]))
