"""The model as a tool of the Model Context Protocol."""

import json

import pytest

from contract import clients
from contract.services import JSON, Service, module_root, service_by_each_front

CODE = """
from typing import List

def validator(x):
    return len(x) > 0 or "it is empty"

def predictor(x: List[float], *, top_k: int = 2) -> List[float]:
    '''The smallest numbers.'''
    return sorted(x)[:top_k]

examples = [[3, 1, 2]]
"""


root = module_root(CODE)
service = service_by_each_front(S2I_MODEL_NAME="least.numbers")


def message(method, **params):
    return json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})


def test_the_official_client_calls_it(service):
    assert clients.ask("mcp", "ask_mcp.py", f"http://127.0.0.1:{service.port}/mcp") == {
        "tool": ["least_numbers", "The smallest numbers.", ["parameters", "sample"]],
        "good": [False, {"prediction": [1, 2]}, "[1, 2]"],
        "some": {"prediction": [1]},
        "rejected": [True, "The notebook's validator rejects this sample: it is empty."],
        "unknown": [True, '"top" is not a parameter of this model; its parameters are top_k'],
    }


@pytest.mark.parametrize("front", ["asyncio", "waitress"])
def test_the_official_client_calls_each_of_several_predictors_with_files(start, front):
    code = """
        def predictor(x):
            return -x

        def length(sound: bytes, *, unit: int = 1):
            '''The length of a sound.'''
            return len(sound) // unit

        def echo(sound: bytes, times: int) -> bytes:
            return sound * times

        predictors = {"length": length, "echo": echo}
    """
    service = start(code, S2I_MODEL_NAME="m", S2I_FRONT=front).ready()
    found = clients.ask("mcp", "ask_mcp_predictors.py", f"http://127.0.0.1:{service.port}/mcp")
    tools = found.pop("tools")
    assert list(tools) == ["m", "echo", "length"]
    assert tools["length"][0] == "The length of a sound."
    assert tools["length"][1]["parameters"]["properties"] == {"unit": {"type": "integer", "default": 1}}
    sample = {"type": "string", "format": "uri", "contentMediaType": "application/octet-stream"}
    assert tools["length"][1]["sample"] == sample
    assert list(tools["echo"][1]["sample"]["properties"]) == ["sound", "times"]
    not_a_file = found.pop("no file")
    assert not_a_file[0] and "must be a file" in not_a_file[1]
    url = found.pop("a URL")
    assert url[0] and "S2I_FETCH_HOSTS" in url[1]
    wrong = found.pop("a wrong parameter")
    assert wrong[0] and "unit: must be a whole number, not a text" in wrong[1]
    assert found == {
        "default": [False, "-5"],
        "length": [False, "4"],
        "base64 and a parameter": [False, "2"],
        "a file": [False, '"data:application/octet-stream;base64,//////////8="'],
        "another": [True, "There is no tool 'other'; there is m, echo, length."],
    }


@pytest.mark.parametrize("version", ["2025-03-26", "2025-06-18", "2025-11-25"])
def test_a_client_gets_the_version_that_it_asks_for(service, version):
    status, answer, _ = service.ask(message("initialize", protocolVersion=version), "/mcp")
    assert (status, answer["id"], answer["result"]["protocolVersion"]) == (200, 7, version)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("{", 400, -32700),
        ("[]", 400, -32600),
        ('{"id": 1, "method": "ping"}', 400, -32600),
        # Infinity in the response would not be JSON.
        ('{"jsonrpc": "2.0", "id": 1e999, "method": "ping"}', 400, -32600),
        ('{"jsonrpc": "2.0", "id": {"a": 1}, "method": "ping"}', 400, -32600),
        ('{"jsonrpc": "2.0", "id": true, "method": "ping"}', 400, -32600),
        (message("resources/list"), 200, -32601),
        ('{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1]}', 200, -32602),
    ],
)
def test_what_is_no_request_of_the_protocol_is_an_error(service, body, status, code):
    answered, answer, _ = service.ask(body, "/mcp")
    assert (answered, answer["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    "params", [{"name": "other", "arguments": {"sample": [1]}}, {"name": "least_numbers", "arguments": {"x": [1]}}]
)
def test_wrong_calls_are_errors_that_a_language_model_can_read(service, params):
    status, answer, _ = service.ask(message("tools/call", **params), "/mcp")
    assert (status, answer["result"]["isError"]) == (200, True)


def test_notifications_and_other_methods_have_no_answer(service):
    assert service.ask('{"jsonrpc": "2.0", "method": "notifications/initialized"}', "/mcp")[:2] == (202, None)
    assert service.status("/mcp") == 405


def test_pages_of_other_origins_and_clients_without_the_key_are_rejected(root, tmp_path):
    own = {**JSON, "Origin": "https://evil.example"}
    (tmp_path / "keys").write_text("right\n")
    service = Service(root, S2I_API_KEY_FILE=str(tmp_path / "keys"), S2I_CORS_ORIGINS="https://good.example").ready()
    try:
        assert service.ask(message("ping"), "/mcp")[0] == 401
        with_key = {"X-API-Key": "right", **own}
        for origin in ("https://evil.example", "http://[", "http://[x]:1", "null", ""):
            assert service.ask(message("ping"), "/mcp", headers={**with_key, "Origin": origin})[0] == 403
        for origin in ("https://good.example", f"http://127.0.0.1:{service.port}"):
            assert service.ask(message("ping"), "/mcp", headers={**with_key, "Origin": origin})[0] == 200
    finally:
        service.close()
