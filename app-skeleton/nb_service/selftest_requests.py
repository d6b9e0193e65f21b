"""The requests that `selftest` sends: golden rows in each body format, and requests that must be rejected."""

import json
import struct
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlencode

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
PREDICT = "/predict"
NO_OTHERS: Mapping[str, list[dict]] = {}
ANY = None  # accepts any status, as long as there is a response
# Each body format is tested with only a few samples, because predictors may be slow.
TOGETHER = 5


class Question(NamedTuple):
    """One request, and the expected response.

    `status` is ANY if any response will do. `answer`, a tuple of one, is what `read` must find in the body, compared by
    nb_scorer.model.compare_answers; if it is empty, the body is not checked.
    """

    name: str
    method: str
    path: str
    body: bytes | None = None
    content_type: str = JSON
    status: int | None = 200
    answer: tuple = ()
    read: Callable[[bytes], object] = json.loads
    samples: int = 1
    is_odd: bool = False  # the sample is not the notebook's, so predicting it may take any time


def questions_for(
    rows: list[dict],
    name: str,
    *,
    has_notebook: bool,
    compare: bool,
    path: str = PREDICT,
    others: Mapping[str, list[dict]] = NO_OTHERS,
) -> list[Question]:
    """Return the requests for a model called `name` with golden `rows`; `compare` is False if predictions vary.

    `path` is where one sample gets its prediction, and `others` are the rows of named predictors by name.
    """
    questions = [
        *_of_rows(rows, name, compare),
        *_pages(name, has_notebook),
        *_forms([row["sample"] for row in rows]),
        *_rejected(),
        *map(_odd, odd_samples([row["sample"] for row in rows])),
    ]
    return [
        *_at(path, questions),
        *(
            question._replace(name=f"{other}: {question.name}")
            for other, own in others.items()
            for question in _at(f"{PREDICT}/{other}", _of_rows(own, other, compare))
        ),
    ]


def _of_rows(rows: list[dict], name: str, compare: bool) -> list[Question]:
    return [*(_golden(number, row, compare) for number, row in enumerate(rows, 1)), *_several(rows, name, compare)]


def _several(rows: list[dict], name: str, compare: bool) -> list[Question]:
    # A single row is repeated, to test the code that joins samples.
    return _together((rows * 2)[: max(2, min(TOGETHER, len(rows)))], name, compare) if rows else []


def _at(path: str, questions: list[Question]) -> list[Question]:
    """Return the questions, with /predict and /predict/batch replaced by `path`."""
    paths = {PREDICT: path, f"{PREDICT}/batch": f"{path}/batch"}
    return [question._replace(path=paths.get(question.path, question.path)) for question in questions]


def _golden(number: int, row: dict, compare: bool) -> Question:
    answer = (row["answer"],) if compare else ()
    return Question(f"golden row {number}", "POST", "/predict", _json(row["sample"]), answer=answer)


def _together(rows: list[dict], name: str, compare: bool) -> list[Question]:
    samples = [row["sample"] for row in rows]
    answers = ([row["answer"] for row in rows],) if compare else ()
    lines = b"".join(_json(sample) + b"\n" for sample in samples)
    return [
        *(
            question._replace(samples=len(rows))
            for question in (
                _batch("golden rows as JSON", _json(samples), JSON, answers),
                _batch("golden rows as NDJSON", lines, "application/x-ndjson", answers, read=_lines),
                *_tables(samples),
                Question("KServe V1", "POST", f"/v1/models/{name}:predict", _json({"instances": samples}), status=ANY),
            )
        ),
        Question("KServe V2", "POST", f"/v2/models/{name}/infer", _json({"inputs": []}), status=ANY),
        Question("SageMaker", "POST", "/invocations", _json(samples[0]), status=ANY),
    ]


def _batch(
    name: str,
    body: bytes,
    kind: str,
    answers: tuple,
    read: Callable[[bytes], object] = json.loads,
    status: int | None = 200,
) -> Question:
    return Question(name, "POST", "/predict/batch", body, kind, status, answers, read)


def _tables(samples: list) -> list[Question]:
    """Return requests with the samples as CSV and npy if they are rows of numbers, otherwise with an invented row."""
    width = len(samples[0]) if isinstance(samples[0], list) else 0
    table = [sample for sample in samples if _is_row(sample, width)] if width else []
    table = table or [[0.0]]
    csv = "".join(",".join(map(repr, row)) + "\n" for row in table)
    return [
        _batch("CSV", csv.encode(), "text/csv", (), status=ANY),
        _batch("npy", npy(table), "application/x-npy", (), status=ANY),
    ]


def _is_row(sample: object, width: int) -> bool:
    return isinstance(sample, list) and len(sample) == width and all(type(cell) in (int, float) for cell in sample)


def npy(table: list[list[float]]) -> bytes:
    """Return `table` in numpy's file format, as doubles."""
    shape = f"({len(table)}, {len(table[0])})"
    head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"
    head = head.ljust(117) + "\n"  # with the ten bytes before it, a multiple of 64, as the format requires
    values = [float(value) for row in table for value in row]
    return (
        b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack(f"<{len(values)}d", *values)
    )


def _pages(name: str, has_notebook: bool) -> list[Question]:
    paths = ["/", "/docs", "/drift", "/healthz", "/readyz", "/metrics", "/openapi.json", f"/v1/models/{name}", "/v2"]
    paths += ["/notebook"] * has_notebook
    return [
        *(Question(f"GET {path}", "GET", path) for path in paths),
        Question("HEAD /", "HEAD", "/"),
        Question("GET of an unknown route", "GET", "/no-such-route", status=404),
    ]


def _forms(samples: list) -> list[Question]:
    """Return requests from both forms of the service's page: a sample as JSON, and one field per feature."""
    pairs = [{"sample": json.dumps(sample)} for sample in samples[:1]]
    pairs.append({"kind:#": "array", "kind:#/0": "number", "#/0": "1", "do": "show"})
    return [
        Question("the page's form", "POST", "/docs", urlencode(one).encode(), FORM, status=ANY, read=bytes)
        for one in pairs
    ]


def _rejected() -> list[Question]:
    return [
        Question("a body that is not JSON", "POST", "/predict", b"{", status=400),
        Question("an empty body", "POST", "/predict", b"", status=400),
        Question("a body of another type", "POST", "/predict", b"1", "text/plain", status=415),
        Question("GET of what takes POST", "GET", "/predict", status=405),
        _batch("no array of samples", b"1", JSON, (), status=400),
    ]


def odd_samples(samples: list) -> list:
    """Return samples that most notebooks reject: of every JSON type, and broken versions of the notebook's own."""
    odd = [None, True, 0, -1.5, 1e308, "", "text", [], {}, [None], ["a", "b"], {"a": None}]
    for sample in samples[:1]:
        odd += [[sample], {"sample": sample}]
        if isinstance(sample, list):
            odd += [sample[:-1], [*sample, 0], [None] * len(sample), [str(value) for value in sample]]
        if isinstance(sample, dict):
            odd += [dict.fromkeys(sample), dict(list(sample.items())[1:])]
    return odd


def _odd(sample: object) -> Question:
    return Question(f"the sample {json.dumps(sample)[:80]}", "POST", "/predict", _json(sample), status=ANY, is_odd=True)


def _json(value: object) -> bytes:
    return json.dumps(value).encode("ascii")


def _lines(body: bytes) -> list:
    return [json.loads(line) for line in body.splitlines() if line.strip()]
