"""Follow MLServer's streams with its own types and codec, and httpx-sse. Argument: the model's address.

It prints the items.
"""

import json
import sys

import httpx
import numpy as np
from httpx_sse import connect_sse
from mlserver.codecs import NumpyCodec, NumpyRequestCodec
from mlserver.types import InferenceResponse

request = NumpyRequestCodec.encode_request(np.array([3])).model_dump(exclude_none=True)
found = {}
with httpx.Client() as client:
    for action in ("infer_stream", "generate_stream"):
        with connect_sse(client, "POST", f"{sys.argv[1]}/{action}", json=request) as source:
            responses = [InferenceResponse.model_validate_json(event.data) for event in source.iter_sse()]
        found[action] = [NumpyCodec.decode_output(response.outputs[0]).tolist() for response in responses]
print(json.dumps(found))
