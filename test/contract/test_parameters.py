"""Parameters of a request reach predictor on every route and protocol, and wrong ones are rejected."""

import html
import json
import re
from urllib.parse import urlencode

import pytest

from contract import clients
from contract.batches import batch
from contract.services import JSON, module_root, service_by_each_front
from contract.test_grpc import GrpcService

CODE = """
from typing import List, Literal, Optional

def predictor(x: List[float], *, top_k: int = 5, order: Literal["up", "down"] = "up", tags: List[str] = [], share=0.5):
    '''The first numbers.'''
    return {"numbers": sorted(x, reverse=order == "down")[:top_k], "tags": tags, "share": share}

def validator(x, top_k=5):
    return top_k <= len(x) or "too few numbers"

examples = [[3, 1, 2, 5, 4]]
"""
WRONG = "The parameters do not match what the notebook accepts"
SAMPLE = [3, 1, 2, 5, 4]


root = module_root(CODE)
service = service_by_each_front(AIP_PREDICT_ROUTE="/vertex", S2I_MODEL_NAME="first")


def numbers(service, path, body, headers=None):
    status, answer, _ = service.ask(json.dumps(body), path, headers={**JSON, **(headers or {})})
    assert status == 200, answer
    return answer


def first(*values, tags=(), share=0.5):
    return {"numbers": [float(value) for value in values], "tags": list(tags), "share": share}


def test_a_query_sets_them(service):
    assert numbers(service, "/predict", SAMPLE) == first(1, 2, 3, 4, 5)
    assert numbers(service, "/predict?top_k=2&order=down", SAMPLE) == first(5, 4)
    assert numbers(service, "/predict?top_k=1&tags=a&tags=b%20c&share=2", SAMPLE) == first(
        1, tags=["a", "b c"], share=2
    )
    assert numbers(service, "/predict/batch?top_k=1", [SAMPLE, [9, 8]]) == [first(1), first(8)]


def test_each_protocol_has_its_own_place_for_them(service):
    asked = {"top_k": 2, "tags": ["a"]}
    expected = first(1, 2, tags=["a"])
    assert numbers(service, "/vertex", {"instances": [SAMPLE], "parameters": asked}) == {"predictions": [expected]}
    by_name = {"instances": [SAMPLE], "parameters": asked}
    assert numbers(service, "/v1/models/first:predict", by_name) == {"predictions": [expected]}
    for frame in ({"instances": [SAMPLE]}, {"dataframe_split": {"data": [SAMPLE]}}, {"inputs": [SAMPLE]}):
        assert numbers(service, "/invocations", {**frame, "params": asked}) == {"predictions": [expected]}
    for path in ("/", "/predict", "/invocations"):
        assert numbers(service, path, {"inputs": SAMPLE, "parameters": asked}) == expected
    tensor = {"name": "input-0", "datatype": "FP64", "shape": [1, 5], "data": SAMPLE}
    texts = {
        "top_k": 1,
        "tags": '["a"]',
        "order": "down",
        "content_type": "np",
        "triton_enable_empty_final_response": True,
    }
    answer = numbers(service, "/v2/models/first/infer", {"inputs": [tensor], "parameters": texts})
    assert {output["name"]: output["data"] for output in answer["outputs"]}["numbers"] == [5.0]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        (
            "/predict?top=2",
            SAMPLE,
            400,
            '"top" is not a parameter of this model; its parameters are top_k, order, tags, share',
        ),
        ("/predict?x=2", SAMPLE, 400, '"x" is not a parameter'),
        ("/predict?top_k=many", SAMPLE, 422, "top_k: must be a whole number, not a text"),
        ("/predict?order=left", SAMPLE, 422, "order: must be one of up, down"),
        ("/predict?top_k=9", SAMPLE, 422, "too few numbers"),
        ("/predict/batch?top=2", [SAMPLE], 400, '"top" is not a parameter'),
        ("/predict/batch?top_k=4", [SAMPLE, [1]], 422, "Sample 2: The notebook's validator rejects"),
        ("/predict?" + "top_k=1&" * 101, SAMPLE, 400, "The query has more than 100 parameters."),
        ("/predict?order=%ff", SAMPLE, 400, "The query is not text in UTF-8."),
        (
            "/v1/models/first:predict",
            {"instances": [SAMPLE], "parameters": {"top": 2}},
            400,
            '"top" is not a parameter',
        ),
        ("/vertex", {"instances": [SAMPLE], "parameters": {"top": 2}}, 400, '"top" is not a parameter'),
        ("/vertex", {"instances": [SAMPLE], "parameters": [2]}, 400, "parameters is not an object"),
        ("/invocations", {"instances": [SAMPLE], "params": {"top_k": "2"}}, 400, "top_k: must be a whole number"),
        ("/predict", {"inputs": SAMPLE, "parameters": {"tags": "a" * 70000}}, 413, "more than 65536 bytes"),
        ("/predict", {"inputs": SAMPLE, "parameters": {"top": 2}}, 400, '"top" is not a parameter'),
        ("/v2/models/first/infer", {"inputs": [], "parameters": {"top": 2}}, 400, "inputs is not a list"),
    ],
)
def test_wrong_ones_are_rejected(service, path, body, status, words):
    answered, answer, _ = service.ask(json.dumps(body), path)
    text = answer.get("detail") or answer.get("error") or answer.get("message")
    assert (answered, words in text) == (status, True), answer


def test_the_pointer_of_a_wrong_one(service):
    answer = service.ask(json.dumps(SAMPLE), "/predict?top_k=x")[1]
    assert answer["errors"] == [{"pointer": "#/parameters/top_k", "detail": "must be a whole number, not a text"}]


def test_they_are_declared(service, tmp_path):
    metadata = service.ask(None, "/v2/models/first", "GET", {})[1]
    assert metadata["parameters"]["top_k"] == {"type": "integer", "default": 5}
    assert metadata["parameters"]["order"] == {"type": "string", "enum": ["up", "down"], "default": "up"}
    document = service.ask(None, "/openapi.json", "GET", {})[1]
    query = {each["name"]: each["schema"] for each in document["paths"]["/predict"]["post"]["parameters"]}
    assert query == document["components"]["schemas"]["Parameters"]["properties"] == metadata["parameters"]
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    assert clients.ask("openapi", "check_openapi.py", tmp_path / "openapi.json") > 3
    config = service.ask(None, "/v2/models/first/config", "GET", {})[1]
    assert config["parameters"] == {
        "top_k": {"string_value": "5"},
        "order": {"string_value": "up"},
        "tags": {"string_value": "[]"},
        "share": {"string_value": "0.5"},
    }


def test_tritonclient_sends_them(root):
    service = GrpcService(root, S2I_MODEL_NAME="first").ready()
    try:
        for address, name in ((f"127.0.0.1:{service.port}", "triton"), (service.grpc, "triton-grpc")):
            found = clients.ask(name, "ask_parameters.py", name, address, "first")
            assert found == {
                "none": [1.0, 2.0, 3.0, 4.0, 5.0],
                "some": [5.0, 4.0],
                "list": ["a", "b"],
                "unknown": '"top" is not a parameter of this model; its parameters are top_k, order, tags, share',
                "wrong": f"{WRONG}: top_k: must be a whole number, not a text.",
            }
    finally:
        service.close()


def test_a_batch_has_them_for_all_rows(root):
    ran = batch(
        root, "--parameter", "top_k=1", "--parameter", "order=down", "--keep", "none", given=b"[1, 2]\n[3, 4]\n"
    )
    assert [json.loads(line)["numbers"] for line in ran.out.splitlines()] == [[2.0], [4.0]]


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("top=1", 'Invalid --parameter: "top" is not a parameter of this model; its parameters are top_k'),
        ("top_k=x", "Invalid --parameter: The parameters do not match what the notebook accepts: top_k: must be"),
        ("top_k", "argument --parameter: top_k is not NAME=VALUE"),
    ],
)
def test_a_batch_with_a_wrong_one_ends_at_once(root, word, reason):
    ran = batch(root, "--parameter", word, given=b"[1, 2]\n" * 9)
    assert (ran.status, ran.out, reason in ran.err) == (2, b"", True), ran


def test_a_file_has_them_in_the_query_and_in_a_form(start):
    code = """
        def predictor(sound: bytes, *, first: int = 1):
            return list(sound[:first])

        predictor(b"ab")
    """
    for front in ("asyncio", "waitress"):
        service = start(code, S2I_FRONT=front).ready()
        raw = {"Content-Type": "application/octet-stream"}
        assert service.ask(b"abc", "/predict?first=2", headers=raw)[:2] == (200, [97, 98])
        assert service.ask(b"abc", "/predict?last=2", headers=raw)[0] == 400
        form = {"Content-Type": "multipart/form-data; boundary=x"}
        body = b'--x\r\nContent-Disposition: form-data; name="sound"; filename="a"\r\n\r\nabc\r\n--x--\r\n'
        assert service.ask(body, "/predict?first=3", headers=form)[:2] == (200, [97, 98, 99])
        part = b'--x\r\nContent-Disposition: form-data; name="first"\r\n\r\n%s\r\n'
        assert service.ask(part % b"2" + body, "/predict", headers=form)[:2] == (200, [97, 98])
        # A form counts before the query.
        assert service.ask(part % b"2" + body, "/predict?first=3", headers=form)[:2] == (200, [97, 98])
        status, answer, _ = service.ask(part % b"x" + body, "/predict", headers=form)
        assert (status, answer["errors"][0]["pointer"]) == (422, "#/parameters/first")
        assert service.ask(part % b"2" + b"--x--\r\n", "/predict", headers=form)[0] == 400
        # As many bytes as in a query or in JSON, and no more.
        status, answer, _ = service.ask(part % (b"1" * 70_000) + body, "/predict", headers=form)
        assert (status, answer["detail"]) == (413, "The parameters of a request have more than 65536 bytes.")
        assert service.ask(part % b"2", "/predict", headers=form)[0] == 400
        page = service.ask(None, "/docs", "GET", {})[1]
        assert '<label for="by-file-parameter-1">first <small>whole number, default 1</small></label>' in page
        empty = service.ask(part % b"" + body, "/docs", headers=form)[1]
        assert '<pre id="answer-text">[97]</pre>' in empty
        assert '<pre id="answer-text">[97, 98]</pre>' in service.ask(part % b"2" + body, "/docs", headers=form)[1]
        document = service.ask(None, "/openapi.json", "GET", {})[1]
        parts = document["paths"]["/predict"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
        assert parts["properties"]["first"] == {"type": "integer", "default": 1, "x-order": 1}


def test_the_page_has_a_field_for_each(service):
    page = service.ask(None, "/docs", "GET", {})[1]
    for form in ("by-field", "by-json"):
        assert re.findall(rf'<label for="{form}-parameter-\d">(.*?)</label>', page) == [
            "order <small>one of these, default up</small>",
            "share <small>JSON, default 0.5</small>",
            "tags <small>list, default []</small>",
            "top_k <small>whole number, default 5</small>",
        ]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    sent = {"sample": json.dumps(SAMPLE), "parameter:top_k": "1", "parameter:order": "down", "parameter:share": ""}
    sent["parameter:tags"] = '["a"]'
    page = html.unescape(service.ask(urlencode(sent), "/docs", headers=form)[1])
    shown = re.search('<pre id="answer-text">(.*?)</pre>', page, re.DOTALL)
    assert shown and json.loads(shown[1]) == first(5, tags="a"), page[page.index('id="result"') :][:900]
    assert 'name="parameter:top_k" value="1"' in page and '<option value="down" selected>' in page
    # For a shell, too, it is one word.
    assert re.search(r"</span> 'http://[^ ']*/predict\?top_k=1&order=down&tags=%5B%22a%22%5D'</pre>", page)
    for wrong in ("9" * 9 + "x", "x" * (1 << 16)):
        status, page, _ = service.ask(urlencode({**sent, "parameter:top_k": wrong}), "/docs", headers=form)
        assert status == (422 if len(wrong) < 99 else 413)
    status, page, _ = service.ask(urlencode({**sent, "parameter:top_k": "x"}), "/docs", headers=form)
    assert (status, 'data-at="#/parameters/top_k">must be a whole number, not a text</p>' in page) == (422, True)


def test_a_stream_has_them_in_a_form_as_a_prediction_in_one_piece_has(start):
    code = """
        def predictor(sound: bytes, *, first: int = 1):
            yield from sound[:first]

        predictor(b"ab")
    """
    part = b'--x\r\nContent-Disposition: form-data; name="first"\r\n\r\n%s\r\n'
    body = part + b'--x\r\nContent-Disposition: form-data; name="sound"; filename="a"\r\n\r\nabc\r\n--x--\r\n'
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    for front in ("asyncio", "waitress"):
        service = start(code, S2I_FRONT=front).ready()
        assert service.ask(body % b"2", "/predict", headers=form)[:2] == (200, [97, 98])
        streamed = {**form, "Accept": "text/event-stream"}
        events = "data: 97\n\ndata: 98\n\nevent: done\ndata: {}\n\n"
        assert service.ask(body % b"2", "/predict", headers=streamed)[:2] == (200, events)
        status, answer, _ = service.ask(body % b"x", "/predict", headers=streamed)
        assert (status, answer["errors"][0]["pointer"]) == (422, "#/parameters/first")
