import base64
import os
import queue
import threading
import types

import pytest
from nb_service.http import auth
from nb_service.problems import ApiKeyUnreadable
from nb_service.settings import Settings

CHECKS = frozenset(["/healthz"])


@pytest.fixture
def keys(tmp_path):
    """Return the keys of a file with two."""
    path = tmp_path / "keys"
    path.write_text("first-key\n\nsecond-key\n")
    return auth.Keys(str(path))


def basic(pair):
    """Return the header of a user and a password."""
    return "Basic " + base64.b64encode(pair.encode()).decode()


def ask(gate, path="/predict", command="POST", **headers):
    """Return the gate's word on a request with these headers, whose names have _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = types.SimpleNamespace(path=path, command=command, headers=named)
    return gate.rejection(request), request.origin_headers


def test_a_rotated_file_counts_without_a_restart_and_an_unreadable_one_leaves_the_keys_as_they_were(
    tmp_path, monkeypatch
):
    now = [0.0]
    monkeypatch.setattr(auth.time, "monotonic", lambda: now[0])
    path = tmp_path / "keys"
    path.write_text("old\n")
    keys = auth.Keys(str(path))

    def replace(text):
        (tmp_path / "new").write_text(text)
        (tmp_path / "new").rename(path)
        now[0] += auth.LOOK_SECONDS

    assert (keys.allows(None, "old"), keys.allows(None, "new")) == (True, False)
    replace("new\n")
    assert (keys.allows(None, "old"), keys.allows(None, "new")) == (False, True)
    for broken in ("", "\n\n"):
        replace(broken)
        assert keys.allows(None, "new")
    path.unlink()
    now[0] += auth.LOOK_SECONDS
    assert keys.allows(None, "new")
    replace("third")
    assert (keys.allows(None, "new"), keys.allows(None, "third")) == (False, True)


def test_a_pipe_is_read_once_and_one_in_place_of_the_file_keeps_no_one_waiting(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(auth.time, "monotonic", lambda: now[0])
    path = tmp_path / "keys"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=("piped\n",))
    writer.start()
    keys = auth.Keys(str(path))
    writer.join()

    def is_allowed(key):
        now[0] += auth.LOOK_SECONDS
        answers = queue.SimpleQueue()
        threading.Thread(target=lambda: answers.put(keys.allows(None, key)), daemon=True).start()
        return answers.get(timeout=10)

    os.utime(path)
    assert is_allowed("piped")
    path.unlink()
    path.write_text("filed\n")
    assert (is_allowed("filed"), is_allowed("piped")) == (True, False)
    path.unlink()
    os.mkfifo(path)
    assert is_allowed("filed")


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"x_api_key": "first-key"}, True),
        ({"x_api_key": "second-key"}, True),
        ({"authorization": "Bearer second-key"}, True),
        ({"authorization": "bearer first-key"}, True),
        ({"authorization": basic("anybody:first-key")}, True),
        ({"authorization": basic(":second-key").replace("Basic", "basic")}, True),
        ({"authorization": basic("first-key:")}, False),
        ({"authorization": basic("first-key")}, False),
        ({"authorization": basic("first-key:first-ke")}, False),
        ({"authorization": "Basic first-key"}, False),
        ({"authorization": "Basic \xff=="}, False),
        ({"authorization": "Basic"}, False),
        ({"authorization": "first-key"}, False),
        ({"x_api_key": "first-ke"}, False),
        ({"x_api_key": ""}, False),
        ({}, False),
    ],
)
def test_one_of_the_keys_is_wanted_as_token_as_password_or_in_a_header_of_its_own(keys, headers, allowed):
    rejection, _ = ask(auth.Gate(keys, auth.Origins(()), CHECKS), **headers)
    assert (rejection is None) is allowed
    if rejection:
        assert rejection.status == 401
        assert rejection.headers == (
            ("WWW-Authenticate", 'Basic realm="predictions", charset="UTF-8"'),
            ("WWW-Authenticate", 'Bearer realm="predictions"'),
        )


def received(text):
    """Return a header's text as servers have it: one character a byte of what the client sent in UTF-8."""
    return text.encode().decode("latin-1")


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": basic("me:schlüssel")},
        {"authorization": received("Bearer schlüssel")},
        {"x_api_key": received("schlüssel")},
    ],
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_key_beyond_ascii_is_its_bytes_in_utf_8(tmp_path, headers, mark):
    (tmp_path / "keys").write_bytes(mark + "schlüssel\r\n".encode())
    gate = auth.Gate(auth.Keys(str(tmp_path / "keys")), auth.Origins(()), CHECKS)
    assert ask(gate, **headers)[0] is None


@pytest.mark.parametrize("key", ["schlüssel", "schlussel", "\u2713", "\udcff"])
def test_other_bytes_are_another_key(tmp_path, key):
    (tmp_path / "keys").write_text("schlüssel\n", "utf-8")
    gate = auth.Gate(auth.Keys(str(tmp_path / "keys")), auth.Origins(()), CHECKS)
    assert ask(gate, x_api_key=key)[0].status == 401


@pytest.mark.parametrize(
    ("command", "headers", "status"),
    [
        ("POST", {"sec_fetch_site": "cross-site"}, 403),
        ("POST", {"sec_fetch_site": "same-site"}, 403),
        ("POST", {"sec_fetch_site": "cross-site", "origin": "https://evil.example"}, 403),
        ("POST", {"sec_fetch_site": "cross-site", "origin": "https://a.example"}, None),
        ("POST", {"sec_fetch_site": "same-origin"}, None),
        ("POST", {}, None),
        ("GET", {"sec_fetch_site": "cross-site"}, None),
        ("POST", {"sec_fetch_site": "cross-site", "authorization": "Bearer first-key"}, None),
    ],
)
def test_a_key_that_a_browser_keeps_serves_no_page_of_another_origin(keys, command, headers, status):
    gate = auth.Gate(keys, auth.Origins(("https://a.example",)), CHECKS)
    rejection, _ = ask(gate, command=command, **{"authorization": basic("me:first-key"), **headers})
    assert (rejection and rejection.status) == status


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        ("http://models.intra", "models.intra", None),
        ("http://models.intra", "models.intra:80", None),
        ("https://Models.intra:443", "models.intra", None),
        ("http://models.intra:8080", "models.intra:8080", None),
        ("http://models.intra:8081", "models.intra:8080", 403),
        ("http://models.intra", "models.intra:443", 403),
        ("http://evil.intra", "models.intra", 403),
        ("http://evil.intra", "", 403),
        ("null", "models.intra", 403),
        ("http://a.example", "models.intra", None),
        (None, "models.intra", None),
    ],
)
def test_by_http_a_browser_says_nothing_but_the_origin(keys, origin, host, status):
    gate = auth.Gate(keys, auth.Origins(("http://a.example",)), CHECKS)
    headers = {"host": host, "authorization": basic("me:first-key"), **({"origin": origin} if origin else {})}
    rejection, _ = ask(gate, **headers)
    assert (rejection and rejection.status) == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *((host, None) for host in ("localhost", "LOCALHOST:8080", "a.localhost:1", "127.0.0.1:8080", "[::1]:8080")),
        *((host, None) for host in ("[::1]", "models.example", "models.example.:8080", "10.1.2.3", "")),
        *((host, 403) for host in ("evil.example", "evil.example:8080", "localhost.evil.example", "xlocalhost")),
        *((host, 403) for host in ("1.2.3", "127.0.0.1.evil.example", "[::1].evil.example:80", "localhost@a.example")),
    ],
)
@pytest.mark.parametrize("path", ["/predict", "/healthz"])
def test_names_that_are_not_the_service_s_own_are_rejected(host, status, path):
    gate = auth.make_gate(Settings({"S2I_ALLOWED_HOSTS": "localhost,Models.example"}), CHECKS)
    rejection, _ = ask(gate, path, "GET", host=host)
    assert (rejection and rejection.status) == status
    assert ask(auth.make_gate(Settings({"S2I_CORS_ORIGINS": "*"}), CHECKS), path, "GET", host=host)[0] is None


@pytest.mark.parametrize("command", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get"])
def test_only_to_ask_for_health_needs_no_key(keys, command):
    rejection, _ = ask(auth.Gate(keys, auth.Origins(()), CHECKS), "/healthz", command)
    assert (rejection and rejection.status) == (None if command in ("GET", "HEAD") else 401)


@pytest.mark.parametrize("path", ["/healthz/", "//healthz", "/healthz?", "/%68ealthz", "/predict", "*", ""])
def test_what_is_like_a_path_of_health_needs_a_key(keys, path):
    assert ask(auth.Gate(keys, auth.Origins(()), CHECKS), path, "GET")[0].status == 401


@pytest.mark.parametrize("content", [None, "", "\n \n", b"\xff", b"\xef\xbb\xbf\n", b"x" * (auth.MAX_FILE + 1)])
def test_a_file_without_a_key_is_rejected_and_nothing_of_it_is_shown(tmp_path, content):
    path = tmp_path / "keys"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ApiKeyUnreadable, match="api-key-unreadable"):
        auth.Keys(str(path))


def test_pages_of_listed_origins_may_read_answers_and_no_others():
    gate = auth.Gate(None, auth.Origins(("https://a.example",)), CHECKS)
    assert dict(ask(gate, origin="https://a.example")[1])["Access-Control-Allow-Origin"] == "https://a.example"
    assert "Access-Control-Allow-Origin" not in dict(ask(gate, origin="https://b.example")[1])
    assert "Access-Control-Allow-Origin" not in dict(ask(gate)[1])


@pytest.mark.parametrize("headers", [{}, {"origin": "https://a.example"}, {"origin": "https://b.example"}])
def test_each_answer_says_where_it_depends_on_the_origin(keys, headers):
    gate = auth.Gate(keys, auth.Origins(("https://a.example",)), CHECKS)
    assert ("Vary", "Origin") in ask(gate, **headers)[1]
    assert ask(auth.Gate(keys, auth.Origins(()), CHECKS), **headers)[1] == ()


@pytest.mark.parametrize("headers", [{}, {"origin": "https://a.example"}, {"origin": "null"}])
def test_where_any_page_may_read_answers_none_depends_on_the_origin(headers):
    headers_of_answer = ask(auth.Gate(None, auth.Origins(("https://b.example", "*")), CHECKS), **headers)[1]
    assert dict(headers_of_answer)["Access-Control-Allow-Origin"] == "*"
    assert "X-Request-ID" in dict(headers_of_answer)["Access-Control-Expose-Headers"]
    assert "Vary" not in dict(headers_of_answer)


def test_where_any_page_may_ask_a_form_of_none_is_still_rejected(keys):
    gate = auth.Gate(keys, auth.Origins(("*",)), CHECKS)
    headers = {"sec_fetch_site": "cross-site", "authorization": basic("me:first-key")}
    assert ask(gate, **headers)[0].status == 403
    assert ask(gate, origin="https://any.example", **headers)[0] is None


def test_a_browser_s_question_is_answered_without_a_key_for_listed_origins(keys):
    gate = auth.Gate(keys, auth.Origins(("https://a.example",)), CHECKS)
    headers = {"origin": "https://a.example", "access_control_request_method": "POST"}
    rejection, _ = ask(gate, command="OPTIONS", **headers)
    assert rejection.status == 204
    assert "X-API-Key" in dict(rejection.headers)["Access-Control-Allow-Headers"]
    assert ask(gate, command="OPTIONS", **{**headers, "origin": "https://b.example"})[0].status == 401


def test_a_gate_without_keys_lets_everybody_in():
    gate = auth.make_gate(Settings({"S2I_CORS_ORIGINS": "*"}), CHECKS)
    assert ask(gate, origin="https://any.example")[0] is None
