"""Ask a service by KServe's own client, both protocols; print what it understood."""

import asyncio
import json
import sys

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

url, model = sys.argv[1:]


async def main():
    """Ask each protocol."""
    v1 = InferenceRESTClient(RESTConfig(protocol="v1"))
    found = {
        "v1_live": await v1.is_server_live(url),
        "v1_ready": await v1.is_model_ready(url, model),
        "v1": await v1.infer(url, {"instances": [[1, 2], [3, 4]]}, model_name=model),
    }
    v2 = InferenceRESTClient(RESTConfig(protocol="v2"))
    found["v2_live"] = await v2.is_server_live(url)
    found["v2_ready"] = await v2.is_server_ready(url) and await v2.is_model_ready(url, model)
    given = InferInput("x", [2, 2], "FP64")
    given.set_data_from_numpy(np.array([[1.0, 2.0], [3.5, 4.0]]), binary_data=True)
    said = await v2.infer(url, InferRequest(model, [given], request_id="7"), model_name=model)
    found["v2"] = [said.id, said.outputs[0].as_numpy().tolist()]
    given.set_data_from_numpy(np.array([[1.0, 2.0], [3.5, 4.0]]), binary_data=False)
    said = await v2.infer(url, InferRequest(model, [given]), model_name=model)
    found["v2_json"] = said.outputs[0].as_numpy().tolist()
    return found


print(json.dumps(asyncio.run(main())))
