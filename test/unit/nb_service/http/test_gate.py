import base64
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


def basic(pair):
    """Return the header of a user and a password."""
    return "Basic " + base64.b64encode(pair.encode()).decode()


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
        ({"AUTHORIZATION": basic("anybody:first-key")}, True),
        ({"AUTHORIZATION": basic(":second-key").replace("Basic", "basic")}, True),
        ({"AUTHORIZATION": basic("first-key:")}, False),
        ({"AUTHORIZATION": basic("first-key")}, False),
        ({"AUTHORIZATION": basic("first-key:first-ke")}, False),
        ({"AUTHORIZATION": "Basic first-key"}, False),
        ({"AUTHORIZATION": "Basic \xff=="}, False),
        ({"AUTHORIZATION": "Basic"}, False),
        ({"AUTHORIZATION": "first-key"}, False),
        ({"X_API_KEY": "first-ke"}, False),
        ({"X_API_KEY": ""}, False),
        ({}, False),
    ],
)
def test_one_of_the_keys_is_wanted_as_token_as_password_or_in_a_header_of_its_own(keys, headers, allowed):
    refusal, _ = ask(gate.Gate(keys, gate.Origins(()), CHECKS), **headers)
    assert (refusal is None) is allowed
    if refusal:
        assert refusal.status == 401
        assert refusal.headers == (
            ("WWW-Authenticate", 'Basic realm="predictions", charset="UTF-8"'),
            ("WWW-Authenticate", 'Bearer realm="predictions"'),
        )


def test_a_key_beyond_ascii_may_be_a_password(tmp_path):
    (tmp_path / "keys").write_text("schlüssel\n", "utf-8")
    made = gate.Gate(gate.Keys(str(tmp_path / "keys")), gate.Origins(()), CHECKS)
    assert ask(made, AUTHORIZATION=basic("me:schlüssel"))[0] is None


@pytest.mark.parametrize(
    ("command", "headers", "status"),
    [
        ("POST", {"SEC_FETCH_SITE": "cross-site"}, 403),
        ("POST", {"SEC_FETCH_SITE": "same-site"}, 403),
        ("POST", {"SEC_FETCH_SITE": "cross-site", "ORIGIN": "https://evil.example"}, 403),
        ("POST", {"SEC_FETCH_SITE": "cross-site", "ORIGIN": "https://a.example"}, None),
        ("POST", {"SEC_FETCH_SITE": "same-origin"}, None),
        ("POST", {}, None),
        ("GET", {"SEC_FETCH_SITE": "cross-site"}, None),
        ("POST", {"SEC_FETCH_SITE": "cross-site", "AUTHORIZATION": "Bearer first-key"}, None),
    ],
)
def test_a_key_that_a_browser_keeps_serves_no_page_of_another_origin(keys, command, headers, status):
    made = gate.Gate(keys, gate.Origins(("https://a.example",)), CHECKS)
    refusal, _ = ask(made, command=command, **{"AUTHORIZATION": basic("me:first-key"), **headers})
    assert (refusal and refusal.status) == status


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
