import types

import pytest
from nb_service.http import gate
from nb_service.problems import ApiKeyUnreadable

CHECKS = frozenset(["/healthz"])


@pytest.fixture
def keys(tmp_path):
    """Return the keys of a file with two."""
    path = tmp_path / "keys"
    path.write_text("first-key\n\nsecond-key\n")
    return gate.Keys(str(path))


def ask(made, path="/predict", command="POST", **headers):
    """Return the gate's word on a request."""
    request = types.SimpleNamespace(path=path, command=command, headers=headers)
    return made.refusal(request), request.origin_headers


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"X_API_KEY": "first-key"}, True),
        ({"X_API_KEY": "second-key"}, True),
        ({"AUTHORIZATION": "Bearer second-key"}, True),
        ({"AUTHORIZATION": "bearer first-key"}, True),
        ({"AUTHORIZATION": "Basic first-key"}, False),
        ({"AUTHORIZATION": "first-key"}, False),
        ({"X_API_KEY": "first-ke"}, False),
        ({"X_API_KEY": ""}, False),
        ({}, False),
    ],
)
def test_one_of_the_keys_is_wanted_in_one_of_two_headers(keys, headers, allowed):
    refusal, _ = ask(gate.Gate(keys, gate.Origins(()), CHECKS), **headers)
    assert (refusal is None) is allowed
    if refusal:
        assert refusal.status == 401
        assert dict(refusal.headers) == {"WWW-Authenticate": 'Bearer realm="predictions"'}


def test_health_checks_need_no_key(keys):
    assert ask(gate.Gate(keys, gate.Origins(()), CHECKS), "/healthz", "GET")[0] is None


@pytest.mark.parametrize("content", [None, "", "\n \n", b"\xff"])
def test_a_file_without_a_key_is_refused_and_nothing_of_it_is_shown(tmp_path, content):
    path = tmp_path / "keys"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ApiKeyUnreadable, match="api-key-unreadable"):
        gate.Keys(str(path))


def test_pages_of_listed_origins_may_read_answers_and_no_others():
    made = gate.Gate(None, gate.Origins(("https://a.example",)), CHECKS)
    assert dict(ask(made, ORIGIN="https://a.example")[1])["Access-Control-Allow-Origin"] == "https://a.example"
    assert ask(made, ORIGIN="https://b.example")[1] == ()
    assert ask(made)[1] == ()


def test_a_browser_s_question_is_answered_without_a_key_for_listed_origins(keys):
    made = gate.Gate(keys, gate.Origins(("https://a.example",)), CHECKS)
    headers = {"ORIGIN": "https://a.example", "ACCESS_CONTROL_REQUEST_METHOD": "POST"}
    refusal, _ = ask(made, command="OPTIONS", **headers)
    assert refusal.status == 204
    assert "X-API-Key" in dict(refusal.headers)["Access-Control-Allow-Headers"]
    assert ask(made, command="OPTIONS", **{**headers, "ORIGIN": "https://b.example"})[0].status == 401


def test_a_gate_without_keys_lets_everybody_in():
    made = gate.make_gate({"S2I_API_KEY_FILE": "", "S2I_CORS_ORIGINS": ("*",)}, CHECKS)
    assert ask(made, ORIGIN="https://any.example")[0] is None
