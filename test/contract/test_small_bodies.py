"""Bodies that would become gigabytes: rejected before they do, while the service answers others."""

import contextlib
import json
import re
import struct
import threading
import time
from pathlib import Path

import pytest

from contract import clients
from contract.services import Service, children, module_service

BODY = 16 << 20
GROWTH_MB = 600
# Of what is refused by a look at a few numbers in a small body.
SMALL_GROWTH_MB = 100
HEALTH_SECONDS = 5
NOTEBOOK = """
    def predictor(x):
        return 1
    examples = [[1, 2]]
"""
NAMED = """
    def predictor(x):
        return 1
    examples = [{"a": 1}]
"""
V1 = "/v1/models/model:"
V2 = "/v2/models/model/infer"
CSV, NDJSON, NPY = "text/csv", "application/x-ndjson", "application/x-npy"


def filled(line: bytes, size: int = BODY) -> bytes:
    """Return the maximum number of lines of a body."""
    return line * (size // len(line))


def npy(*shape: int) -> bytes:
    """Return an array with the number of bytes of its shape."""
    count = 1
    for size in shape:
        count *= size
    header = f"{{'descr': '|i1', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"\x80" * count


def tensor(*shape: int) -> tuple[bytes, dict]:
    """Return an inference request of bytes, and its header."""
    data = npy(*shape).split(b"\n", 1)[1]
    facts = {"name": "x", "shape": shape, "datatype": "INT8", "parameters": {"binary_data_size": len(data)}}
    head = json.dumps({"inputs": [facts]}).encode()
    return head + data, {"Inference-Header-Content-Length": str(len(head))}


def examples() -> bytes:
    """Return 91 kB with a context of 1,000 names and 20,000 examples."""
    return json.dumps({"context": {f"k{number}": 0 for number in range(1000)}, "examples": [{}] * 20_000}).encode()


def frame() -> bytes:
    """Return a frame of one column with a long name."""
    return json.dumps({"dataframe_split": {"columns": ["a" * 10_000], "data": [[0]] * 50_000}}).encode()


SMALL = {
    "a context for each example": (V1 + "regress", examples, {}),
    "a context for each example to classify": (V1 + "classify", examples, {}),
    "a name for each row": (V1 + "predict", lambda: b'{"inputs": {"%s": [%s0]}}' % (b"a" * 10_000, b"0," * 50_000), {}),
    "a name for each row of a frame": ("/invocations", frame, {}),
    "dimensions of one": ("/predict/batch", lambda: npy(500_000, 3, *[1] * 30), {"Content-Type": NPY}),
    "tensors of dimensions of one": (V2, lambda: tensor(500_000, 3, *[1] * 30), {}),
    "long names of columns": (
        "/predict/batch",
        lambda: b"a" * 10_000 + b"\n" + b"1\n" * 50_000,
        {"Content-Type": CSV + ";header=present"},
    ),
}
LARGE = {
    "short lines": ("/predict/batch", lambda: filled(b"1,\n"), {"Content-Type": CSV}),
    "short lines for SageMaker": ("/invocations", lambda: filled(b"1,\n"), {"Content-Type": CSV}),
    "lines of JSON": ("/predict/batch", lambda: filled(b"10\n"), {"Content-Type": NDJSON}),
    "an array of objects": ("/predict/batch", lambda: b"[" + filled(b'{"":0},', BODY - 99) + b"0]", {}),
    "events": (
        "/",
        lambda: b"[" + filled(b"{},", BODY - 99) + b"0]",
        {"Content-Type": "application/cloudevents-batch+json"},
    ),
    "instances": (V1 + "predict", lambda: b'{"instances": [' + filled(b"[],", BODY - 99) + b"0]}", {}),
}


class Watch:
    """Watches the memory of all processes of a service and its health, until the block exits."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._weigh), threading.Thread(target=self._ask)]
        self.slowest = 0.0
        self.statuses = set()
        self._before = self._most = tree_megabytes(service.process.pid)

    @property
    def grown(self) -> float:
        """Return how many megabytes more there were at most."""
        return self._most - self._before

    def _weigh(self) -> None:
        while not self._ended.wait(0.01):
            self._most = max(self._most, tree_megabytes(self._service.process.pid))

    def _ask(self) -> None:
        while not self._ended.wait(0.02):
            began = time.monotonic()
            self.statuses.add(self._service.status("/healthz"))
            self.slowest = max(self.slowest, time.monotonic() - began)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()


def tree_megabytes(pid: int) -> float:
    """Return the megabytes of memory that a process has and all below it have."""
    with contextlib.suppress(OSError, TypeError):
        own = int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024
        return own + sum(map(tree_megabytes, children(pid)))
    return 0


service = module_service(NOTEBOOK)
named = module_service(NAMED)


def rejected(service: Service, path: str, made, headers: dict) -> Watch:
    """Return the observations during a body that is too large."""
    body, more = made if isinstance(made, tuple) else (made, {})
    assert len(body) <= BODY
    with Watch(service) as watch:
        status, said, _ = service.ask(body, path, headers={"Content-Type": "application/json", **headers, **more})
    assert (status, "S2I_MAX_" in json.dumps(said)) == (413, True), said
    assert watch.statuses <= {200}
    assert watch.slowest < HEALTH_SECONDS
    return watch


@pytest.mark.parametrize("case", SMALL)
def test_a_small_body_stays_small(service, named, case):
    path, make, headers = SMALL[case]
    assert (
        rejected(named if "frame" in case or "columns" in case else service, path, make(), headers).grown
        < SMALL_GROWTH_MB
    )


@pytest.mark.parametrize("case", LARGE)
def test_a_large_body_does_not_become_gigabytes(service, case):
    path, make, headers = LARGE[case]
    assert rejected(service, path, make(), headers).grown < GROWTH_MB


def test_what_may_be_is_answered_in_memory_as_its_json_has_it(service):
    body = npy(20_000, *[1] * 31)
    with Watch(service) as watch:
        assert (
            service.ask(body, "/predict/batch", headers={"Content-Type": NPY, "Accept": "application/json"})[0] == 200
        )
    assert watch.grown < SMALL_GROWTH_MB


BROKEN = 6000


def test_broken_streams_of_arrow_are_rejected_and_large_ones_before_they_are_large():
    report = clients.ask("arrow", "break_arrow.py", BROKEN, 1)
    assert report["whole"] > 30
    assert report["misread"] == []
    assert set(report["broken"]) == {"200", "400", "413"}
    assert {case: outcome for case, (_, outcome) in report["large"].items() if outcome not in ("413", "400")} == {}
    assert report["megabytes"] < SMALL_GROWTH_MB
