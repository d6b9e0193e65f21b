"""Ask a service, whose samples are objects, by tritonclient with two columns, one of texts."""

import json
import sys

import numpy as np
import tritonclient.http as triton

host, model = sys.argv[1:]
client = triton.InferenceServerClient(host)
names = triton.InferInput("name", [2], "BYTES").set_data_from_numpy(np.array(["ä", "b"], dtype=object))
ages = triton.InferInput("age", [2, 1], "INT64").set_data_from_numpy(np.array([[1], [2]]))
said = client.infer(model, [names, ages])
client.close()
print(
    json.dumps(
        {
            name: [str(one, "utf-8") if isinstance(one, bytes) else one for one in said.as_numpy(name).tolist()]
            for name in ("greeting", "next")
        }
    )
)
