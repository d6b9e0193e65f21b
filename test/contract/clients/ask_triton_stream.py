"""Ask a service for streams by tritonclient over gRPC; print the results. Arguments: the address, a folder of marks."""

import json
import queue
import sys
import time
from pathlib import Path

import numpy as np
import tritonclient.grpc as triton

host, marks = sys.argv[1], Path(sys.argv[2])
SECONDS = 30


class Streams:
    """Asks on one stream, and collects its responses."""

    def __init__(self):
        self._client = triton.InferenceServerClient(host)
        self._answered = queue.Queue()
        self._client.start_stream(lambda result, error: self._answered.put((result, error)))

    def ask(self, value, model="model", number="1", **more):
        """Ask for the stream of a sample."""
        values = np.array([value], dtype=np.int64 if isinstance(value, int) else np.object_)
        tensor = triton.InferInput("x", values.shape, "INT64" if isinstance(value, int) else "BYTES")
        tensor.set_data_from_numpy(values)
        self._client.async_stream_infer(model, [tensor], request_id=number, **more)

    def next(self):
        """Return the next response: [id, values or error, whether it is the last one]."""
        result, error = self._answered.get(timeout=SECONDS)
        if error is not None:
            return error.message()
        response = result.get_response()
        values = result.as_numpy("output-0")
        final = response.parameters["triton_final_response"].bool_param if response.parameters else None
        return [response.id, None if values is None else values.tolist(), final]

    def close(self):
        """End the stream, and leave its requests."""
        self._client.stop_stream(cancel_requests=True)
        self._client.close()


found = {}
streams = Streams()
streams.ask(3, enable_empty_final_response=True)
found["items"] = [streams.next() for _ in range(4)]
streams.ask(2)
streams.ask("nothing", number="2", enable_empty_final_response=True)
# Requests are answered as items come, not in their order.
found["without a final response"] = sorted(streams.next() for _ in range(3))
streams.ask("at once")
found["error at once"] = streams.next()
streams.ask("later")
found["error later"] = [streams.next(), streams.next()]
streams.ask(3, model="slowly", enable_empty_final_response=True)
found["named"] = [streams.next() for _ in range(4)]
streams.ask(3, model="plain", enable_empty_final_response=True)
found["plain"] = streams.next()
streams.ask(2, model="steps", parameters={"step": 5})
found["parameters"] = [streams.next(), streams.next()]
streams.ask(3, model="other")
found["unknown"] = streams.next()
# Two at once: the second does not wait for the end of the first, which has none.
streams.ask("endless", number="endless")
streams.ask(2, number="short", enable_empty_final_response=True)
ids = []
while ids.count("short") < 3 or "endless" not in ids:
    ids.append(streams.next()[0])
found["two at once"] = "endless" in ids
mark = marks / "closed endless"
found["closed too early"] = mark.exists()
streams.close()
until = time.monotonic() + 2
while not mark.exists() and time.monotonic() < until:
    time.sleep(0.01)
found["closed"] = mark.exists()
print(json.dumps(found))
