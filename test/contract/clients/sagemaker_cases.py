"""Ask services with the bodies of SageMaker's serializers, and read the answers by its deserializers; print every case.

One adds two numbers and rejects anything else, the other's samples are objects.
"""

import json
import sys
import urllib.error
import urllib.request

import numpy as np
from counted import Cases, array
from sagemaker import deserializers, serializers

adder, people = sys.argv[1:]
ROWS = [[1, 2], [3.5, 4]]
ANSWERS = [3.0, 7.5]
PEOPLE = [{"name": "a", "age": 1}, {"name": "b", "age": 2}]
SAID = [{"greeting": "hi a", "next": 2}, {"greeting": "hi b", "next": 3}]
SERIALIZERS = {
    "CSV": serializers.CSVSerializer(),
    "lines": serializers.JSONLinesSerializer(),
    "npy": serializers.NumpySerializer(dtype=float),
}
# What each makes of both answers; JSON has them as an object.
WANTED = {
    "JSON": (deserializers.JSONDeserializer(), {"predictions": ANSWERS}),
    "text": (deserializers.StringDeserializer(), json.dumps({"predictions": ANSWERS})),
    "lines": (deserializers.JSONLinesDeserializer(), ANSWERS),
    "CSV": (deserializers.CSVDeserializer(), [["3.0"], ["7.5"]]),
    "npy": (deserializers.NumpyDeserializer(), array(np.array(ANSWERS))),
}
# And of one.
ONE = {
    "JSON": 3.0,
    "text": "3.0",
    "lines": [3.0],
    "CSV": [["3.0"]],
    "npy": array(np.array([3.0])),
}


def sent(url, data, content_type, accept=None, path="/invocations", **headers):
    """Return (status, body as a stream, header fields) of a request."""
    fields = {"Content-Type": content_type, **({"Accept": accept} if accept else {}), **headers}
    body = data.encode() if isinstance(data, str) else data
    try:
        answer = urllib.request.urlopen(urllib.request.Request(f"{url}{path}", body, fields), timeout=20)
    except urllib.error.HTTPError as error:
        answer = error
    return answer.status, answer, answer.headers


def invoked(url, serializer, deserializer, values):
    """Serialize values, send them, and return the deserialized answer, as a Predictor does."""
    accept = ", ".join(deserializer.ACCEPT)
    status, stream, headers = sent(url, serializer.serialize(values), serializer.CONTENT_TYPE, accept)
    if status != 200:
        raise ValueError(f"{status} {stream.read()!r}")
    said = deserializer.deserialize(stream, headers["Content-Type"])
    return array(said) if isinstance(said, np.ndarray) else said


def rejected(serializer, values):
    """Return status and type of an error, and the start of its message."""
    status, stream, headers = sent(adder, serializer.serialize(values), serializer.CONTENT_TYPE)
    return [status, headers["Content-Type"], json.load(stream)["detail"].partition(";")[0]]


def told(path):
    """Return the status and the body of a GET."""
    with urllib.request.urlopen(f"{adder}{path}", timeout=20) as answer:
        return [answer.status, answer.read()]


def main():
    """Ask with each form for each form."""
    cases = Cases()
    for name, serializer in SERIALIZERS.items():
        for kind, (deserializer, wanted) in WANTED.items():
            cases.add(f"{name} to {kind}", lambda s=serializer, d=deserializer: invoked(adder, s, d, ROWS), wanted)
    anything, one = deserializers.BytesDeserializer(), serializers.JSONSerializer()
    for name in ("CSV", "lines"):
        serializer = SERIALIZERS[name]
        cases.add(f"{name} to anything", lambda s=serializer: invoked(adder, s, anything, ROWS), "3.0\n7.5\n")
    for kind, (deserializer, _) in WANTED.items():
        cases.add(f"one to {kind}", lambda d=deserializer: invoked(adder, one, d, ROWS[0]), ONE[kind])
    lines, table = serializers.JSONLinesSerializer(), deserializers.PandasDeserializer()
    cases.add("lines of objects", lambda: invoked(people, lines, deserializers.JSONLinesDeserializer(), PEOPLE), SAID)
    cases.add("objects to a data frame", lambda: invoked(people, lines, table, PEOPLE).to_dict("records"), SAID)
    header = [["greeting", "next"], ["hi a", "2"], ["hi b", "3"]]
    cases.add("objects to CSV", lambda: invoked(people, lines, deserializers.CSVDeserializer(), PEOPLE), header)
    unread = "{} is not supported"
    problem = "application/problem+json"
    others = {
        "libsvm": (serializers.LibSVMSerializer(), "1 1:2", "text/libsvm"),
        "bytes": (serializers.IdentitySerializer(), b"1", "application/octet-stream"),
        "text": (serializers.StringSerializer(), "1", "text/plain"),
    }
    for name, (serializer, value, kind) in others.items():
        wanted = [415, problem, unread.format(kind)]
        cases.add(f"refused: {name}", lambda s=serializer, v=value: rejected(s, v), wanted)
    detail = "The notebook's validator rejects this sample."
    cases.add("refused: a sample", lambda: rejected(one, [1]), [422, problem, detail])
    cases.add(
        "refused: a line", lambda: rejected(SERIALIZERS["lines"], [[1, 2], [1]]), [422, problem, f"Sample 2: {detail}"]
    )
    cases.add("refused: no body", lambda: sent(adder, b"", "application/json")[0], 400)
    cases.add("refused: an answer as an image", lambda: sent(adder, "1,2\n", "text/csv", "image/png")[0], 406)
    cases.add("ping", lambda: told("/ping"), [200, b""])
    keys = ["BatchStrategy", "MaxConcurrentTransforms", "MaxPayloadInMB"]
    cases.add("execution parameters", lambda: sorted(json.loads(told("/execution-parameters")[1])), keys)
    own = "X-Amzn-SageMaker-Custom-Attributes"
    cases.add("own attributes", lambda: sent(adder, "[1, 2]", "application/json", **{own: "a=1"})[2][own], "a=1")
    cases.tell()


main()
