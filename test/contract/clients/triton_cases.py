"""Ask a service that answers each sample with itself by both of tritonclient's HTTP clients; print every case."""

import asyncio
import sys

import numpy as np
import tritonclient.http as blocking
import tritonclient.http.aio as awaited
from counted import Cases, array, raised
from tritonclient.utils import InferenceServerException

host, model, version = sys.argv[1:]
CODINGS = (None, "gzip", "deflate")
ARRAYS = {
    "BOOL": np.array([True, False, True]),
    "UINT8": np.array([0, 255], "u1"),
    "UINT16": np.array([0, 65535], "u2"),
    "UINT32": np.array([0, 2**32 - 1], "u4"),
    "UINT64": np.array([0, 2**64 - 1], "u8"),
    "INT8": np.array([-128, 127], "i1"),
    "INT16": np.array([-(2**15), 2**15 - 1], "i2"),
    "INT32": np.array([-(2**31), 2**31 - 1], "i4"),
    "INT64": np.array([-(2**63), 2**63 - 1], "i8"),
    "FP16": np.array([0.5, -65504], "f2"),
    "FP32": np.array([0.5, -3.0e38], "f4"),
    "FP64": np.array([0.1, -1e308], "f8"),
    "BYTES": np.array(["", "ä", "two\nlines"], dtype=object),
}
SHAPES = ((3, 1), (2, 3), (2, 2, 2), (1, 1, 1, 1), (0, 2))


def expected_output(datatype, values):
    """Return what comes back for an input, whose numbers have lost their size in JSON."""
    if datatype == "BYTES":
        return ["object", list(values.shape), [text.encode() for text in values.ravel()]]
    wide = {"B": "bool", "U": "int64", "I": "int64", "F": "float64"}[datatype[0]]
    return array(values.astype("uint64" if datatype == "UINT64" else wide))


class Client:
    """One of both clients: each call returns its outcome."""

    def __init__(self, kind, module, settle):
        self.kind, self.module, self._settle = kind, module, settle
        self._client = settle(self._made())

    def _made(self):
        if self.module is blocking:
            return blocking.InferenceServerClient(host)

        async def made():
            return awaited.InferenceServerClient(host)

        return made()

    def close(self):
        """End its connections."""
        self._settle(self._client.close())

    def call(self, name, *arguments, **more):
        """Return the result of a method of the client."""
        return self._settle(getattr(self._client, name)(*arguments, **more))

    def rejection(self, name, *arguments, **more):
        """Return the status and the message of the error that a method of the client raises."""
        try:
            return raised(RuntimeError(f"nothing was raised: {self.call(name, *arguments, **more)}"))
        except InferenceServerException as error:
            return [error.status(), error.message()]

    def input(self, datatype, values, name="x", **more):
        """Return an input of an array."""
        return self.module.InferInput(name, values.shape, datatype).set_data_from_numpy(values, **more)

    def echoed(self, datatype, values, binary=True, **more):
        """Return what comes back for an array that goes and comes as bytes, or as JSON."""
        if not binary:
            more["outputs"] = [self.module.InferRequestedOutput("output-0", binary_data=False)]
        given = self.input(datatype, values, **({} if binary else {"binary_data": False}))
        answer = self.call("infer", model, [given], **more)
        if ("binary_data_size" in answer.get_output("output-0").get("parameters", {})) != binary:
            raise TypeError(f"the answer came in another form: {answer.get_output('output-0')}")
        return array(answer.as_numpy("output-0"))


def calls(cases, client):
    """Ask for all but predictions."""

    def add(name, wanted, method, *arguments, then=lambda got: got, **more):
        cases.add(f"{client.kind} {name}", lambda: then(client.call(method, *arguments, **more)), wanted)

    tensor = {"datatype": "BYTES", "shape": [-1]}
    port = {"data_type": "TYPE_STRING", "dims": [-1]}
    described = [model, [version], "nb-builder", [{"name": "input-0", **tensor}], [{"name": "output-0", **tensor}]]
    configured = [model, 0, [{"name": "input-0", **port}], [{"name": "output-0", **port}]]
    counted = [[model, version, True]]

    def facts(got):
        return [got[key] for key in ("name", "versions", "platform", "inputs", "outputs")]

    def configuration(got):
        return [got[key] for key in ("name", "max_batch_size", "input", "output")]

    def counts(got):
        return [[one["name"], one["version"], one["inference_count"] >= 0] for one in got["model_stats"]]

    add("live", True, "is_server_live")
    add("ready", True, "is_server_ready")
    add("model ready", True, "is_model_ready", model)
    add("version ready", True, "is_model_ready", model, version)
    add("unknown model not ready", False, "is_model_ready", "other")
    add("unknown version not ready", False, "is_model_ready", model, "9")
    add(
        "server",
        ["nb-builder", version, ["binary_tensor_data"]],
        "get_server_metadata",
        then=lambda got: [*got.values()],
    )
    add("metadata", described, "get_model_metadata", model, then=facts)
    add("metadata of a version", described, "get_model_metadata", model, version, then=facts)
    add("configuration", configured, "get_model_config", model, then=configuration)
    add("configuration of a version", configured, "get_model_config", model, version, then=configuration)
    add("statistics", counted, "get_inference_statistics", then=counts)
    add("statistics of a model", counted, "get_inference_statistics", model, then=counts)
    add("index", [{"name": model, "version": version, "state": "READY", "reason": ""}], "get_model_repository_index")
    unknown = ["404", "Request for unknown model: 'other' is not found."]
    cases.add(f"{client.kind} unknown metadata", lambda: client.rejection("get_model_metadata", "other"), unknown)


def datatypes(cases, client):
    """Send each datatype as bytes and as JSON."""
    for datatype, values in ARRAYS.items():
        for form in ("bytes", "JSON"):
            name = f"{client.kind} {datatype} as {form}"
            cases.add(
                name,
                lambda d=datatype, v=values, b=form == "bytes": client.echoed(d, v, b),
                expected_output(datatype, values),
            )


def compressions(cases, client):
    """Compress requests and ask for compressed answers, in each pair of codings but none at all."""
    values = np.arange(4096, dtype="f8").reshape(-1, 4) / 7
    for sent in CODINGS:
        for got in CODINGS:
            if sent or got:
                more = {"request_compression_algorithm": sent, "response_compression_algorithm": got}
                name = f"{client.kind} sent as {sent}, wanted as {got}"
                cases.add(name, lambda m=more: client.echoed("FP64", values, **m), array(values))


def shapes(cases, client):
    """Send arrays of several dimensions, and one without a row."""
    for shape in SHAPES:
        values = np.arange(np.prod(shape), dtype="i8").reshape(shape)
        wanted = array(values) if shape[0] else ["object", [0], []]
        cases.add(f"shape {shape}", lambda v=values: client.echoed("INT64", v), wanted)


def others(cases, client):
    """Ask for what only some clients do."""
    module, rows = client.module, np.array([[1.5, 2.0], [3.0, 4.0]])
    odd = np.array([[np.nan, np.inf], [1.0, -np.inf]])
    columns = [
        client.input("BYTES", np.array(["a", "ü"], dtype=object), "name"),
        client.input("INT64", np.array([[1], [2]]), "age"),
    ]

    def answered(inputs, names=("output-0",), **more):
        answer = client.call("infer", model, inputs, **more)
        return [array(answer.as_numpy(name)) for name in names]

    def add(name, call, wanted):
        cases.add(name, call, wanted)

    def rejected(name, wanted, inputs, asked=model, **more):
        cases.add(name, lambda: client.rejection("infer", asked, inputs, **more), wanted)

    def once(**more):
        return client.call("infer", model, [client.input("FP64", rows)], **more)

    texts, ages = ["object", [2], ["a", "ü"]], ["int64", [2], [1, 2]]
    wanted = [module.InferRequestedOutput("age", binary_data=False), module.InferRequestedOutput("name")]
    gone = [[np.nan, np.nan], [1.0, np.nan]]
    infer = [client.input("FP64", rows)]
    add("id", lambda: once(request_id="a-7").get_response()["id"], "a-7")
    add("columns", lambda: answered(columns, ("name", "age")), [texts, ages])
    add("outputs in two forms", lambda: answered(columns, ("age", "name"), outputs=wanted), [ages, texts])
    add("NaN as bytes", lambda: client.echoed("FP64", odd), array(np.array(gone)))
    add("NaN as JSON", lambda: client.echoed("FP64", odd, binary=False), array(np.array(gone)))
    add("many rows", lambda: client.echoed("FP32", np.ones((20_000, 2), "f4")), array(np.ones((20_000, 2))))
    add("version of the model", lambda: once(model_version=version).get_response()["model_version"], version)
    arguments = {"sequence_id": 3, "sequence_start": True, "priority": 2, "timeout": 10**6}
    add("parameters", lambda: array(once(**arguments).as_numpy("output-0")), array(rows))
    more = {"headers": {"X-Request-ID": "r1"}, "query_params": {"a": "b"}}
    add("header fields and query", lambda: array(once(**more).as_numpy("output-0")), array(rows))
    rejected(
        "unknown parameter",
        ["400", 'Sample 1: "own" is not a parameter of this model, which has none'],
        infer,
        parameters={"own": "words"},
    )
    rejected(
        "unknown output",
        ["400", "There is no output 'y'. Outputs: output-0."],
        infer,
        outputs=[module.InferRequestedOutput("y")],
    )
    rejected(
        "classification",
        ["400", "The classification extension is not supported."],
        infer,
        outputs=[module.InferRequestedOutput("output-0", class_count=2)],
    )
    rejected("unknown model", ["404", "Request for unknown model: 'other' is not found."], infer, "other")
    rejected(
        "unknown version",
        ["404", f"Request for unknown model: '{model}' version '9' is not found."],
        infer,
        model_version="9",
    )
    latin = [client.input("BYTES", np.array([b"\xff"], dtype=object))]
    rejected("bytes that are not text", ["400", "The input 'x' is not UTF-8; send bytes as base64."], latin)
    uneven = [client.input("FP64", rows), client.input("FP64", rows[:1], "y")]
    rejected("uneven columns", ["400", "The inputs differ in their first dimension."], uneven)
    twice = [client.input("FP64", rows), client.input("FP64", rows)]
    rejected("a name twice", ["400", "Two inputs have the same name."], twice)


def in_background(cases, client):
    """Ask in the background, as the blocking client does by greenlets."""
    values = np.array([[1, 2]])

    def answered():
        pending = client.call("async_infer", model, [client.input("INT64", values)])
        return array(pending.get_result().as_numpy("output-0"))

    cases.add("in the background", answered, array(values))


def main():
    """Ask by both clients."""
    cases, loop = Cases(), asyncio.new_event_loop()
    clients = [Client("blocking", blocking, lambda got: got), Client("asyncio", awaited, loop.run_until_complete)]
    for client in clients:
        calls(cases, client)
        datatypes(cases, client)
        compressions(cases, client)
    shapes(cases, clients[0])
    others(cases, clients[0])
    in_background(cases, clients[0])
    for client in clients:
        client.close()
    cases.tell()


main()
