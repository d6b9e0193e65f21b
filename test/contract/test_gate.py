"""The API key, web pages of other origins, and the form fields of the service's ancestor."""

import base64
import pickle
import urllib.request

import pytest

from contract.notebooks import ECHO
from contract.services import JSON

KEY = "a-secret-of-ours"


@pytest.fixture
def guarded(start, tmp_path):
    """Return a service that requires a key."""
    path = tmp_path / "key"
    path.write_text(KEY + "\n")
    return start(ECHO, S2I_API_KEY_FILE=str(path), S2I_DEBUG="1").ready()


BASIC = {"Authorization": "Basic " + base64.b64encode(f"me:{KEY}".encode()).decode()}
CHALLENGES = ['Basic realm="predictions", charset="UTF-8"', 'Bearer realm="predictions"']


@pytest.mark.parametrize("headers", [{"Authorization": f"Bearer {KEY}"}, {"X-API-Key": KEY}, BASIC])
def test_anyone_who_has_the_key_is_answered(guarded, headers):
    assert guarded.ask("1", headers={**JSON, **headers})[:2] == (200, 1)
    assert guarded.ask(None, "/metrics", "GET", headers)[0] == 200


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"X-API-Key": KEY + "x"}])
@pytest.mark.parametrize("path", ["/predict", "/metrics", "/", "/docs", "/v2", "/no"])
def test_anyone_who_has_no_key_gets_401_in_our_shape(guarded, headers, path):
    method = "POST" if path == "/predict" else "GET"
    status, body, reported = guarded.ask("1" if method == "POST" else None, path, method, {**JSON, **headers})
    assert (status, reported.get_all("WWW-Authenticate")) == (401, CHALLENGES)
    if path == "/v2":
        # The protocol's own, which its clients show.
        assert (reported["Content-Type"], list(body)) == ("application/json", ["error"])
    else:
        assert (reported["Content-Type"], body["status"]) == ("application/problem+json", 401)


def test_a_client_that_waits_to_be_asked_gets_in_with_the_key_as_password(guarded):
    # Python's own: it sends nothing until it is asked, and answers the challenge that it knows.
    asked = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    asked.add_password("predictions", f"http://127.0.0.1:{guarded.port}", "anybody", KEY)
    opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(asked))
    with opener.open(f"http://127.0.0.1:{guarded.port}/docs") as page:
        assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


def test_health_checks_stay_open_and_the_key_is_nowhere(guarded):
    said = [guarded.ask(None, path, "GET", {}) for path in ("/healthz", "/readyz", "/ping")]
    assert [status for status, _, _ in said] == [200] * 3
    authorized = {**JSON, "X-API-Key": KEY}
    said += [guarded.ask(None, path, "GET", authorized) for path in ("/", "/metrics", "/docs", "/openapi.json")]
    said += [guarded.ask("{", headers=authorized), guarded.ask("1", headers={**JSON, "X-API-Key": KEY[1:]})]
    assert KEY not in str([(body, dict(headers)) for _, body, headers in said])
    guarded.stop()
    assert KEY not in guarded.log


def test_a_key_file_that_is_not_there_ends_the_service_with_the_reason(start, tmp_path):
    service = start(ECHO, S2I_API_KEY_FILE=str(tmp_path / "none"))
    assert service.process.wait(20) == 1
    service.wait_for(r"S2I_API_KEY_FILE='.*none' can't be used: No such file(.*\n)+.*\(problem api-key-unreadable\)")


def preflight(service, path):
    """Return (status, allowed origin) of a browser's question whether it may ask."""
    headers = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    status, _, reported = service.ask(None, path, "OPTIONS", headers)
    return status, reported["Access-Control-Allow-Origin"]


@pytest.mark.parametrize("path", ["/predict", "/v1/models/model:predict", "/"])
def test_pages_of_a_listed_origin_may_ask_and_read(start, path, tmp_path):
    (tmp_path / "key").write_text(KEY)
    settings = {"S2I_CORS_ORIGINS": "https://app.example", "S2I_API_KEY_FILE": str(tmp_path / "key")}
    service = start(ECHO, **settings).ready()
    assert preflight(service, path) == (204, "https://app.example")
    for origin in ("https://app.example", "https://other.example"):
        _, _, reported = service.ask("1", path, headers={**JSON, "Origin": origin, "X-API-Key": KEY})
        allowed = reported.get_all("Access-Control-Allow-Origin")
        assert allowed == (["https://app.example"] if origin == "https://app.example" else None)
        exposed = (reported["Access-Control-Expose-Headers"] or "").lower().split(", ")
        # Browsers let a page read these without permission; the last is for themselves.
        unsaid = {"cache-control", "content-language", "content-length", "content-type", "date", "vary", "allow"}
        unsaid.add("x-content-type-options")
        ours = {name.lower() for name in reported if not name.startswith("Access-Control-")} - unsaid
        assert (ours <= set(exposed)) is bool(allowed), ours
        assert {"x-model-name", "x-model-version", "x-request-id"} <= ours


def test_no_page_of_another_origin_may_read_anything_by_default(start):
    service = start(ECHO).ready()
    assert preflight(service, "/predict")[1] is None
    assert "Access-Control-Allow-Origin" not in service.ask("1", headers={**JSON, "Origin": "https://app.example"})[2]


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_the_old_form_field_json_args_works(start):
    service = start(ECHO).ready()
    assert service.ask("json_args=%5B0.2%2C0.7%5D", headers=FORM)[:2] == (200, [0.2, 0.7])
    status, body, _ = service.ask("[0.2, 0.7]", headers=FORM)
    words = "Send the sample as JSON: curl -H 'Content-Type: application/json'. CSV and other tables go to "
    assert (status, body["detail"]) == (415, words + "/predict/batch.")


def test_the_old_form_field_args_is_rejected_with_a_sentence_and_never_loaded(start, tmp_path):
    class Bomb:
        def __reduce__(self):
            return open, (str(tmp_path / "loaded"), "w")

    service = start(ECHO).ready()
    bomb = base64.urlsafe_b64encode(pickle.dumps(Bomb())).decode().rstrip("=")
    status, body, _ = service.ask(f"args={bomb}", headers=FORM)
    assert (status, body["status"]) == (400, 400)
    assert body["detail"].startswith("The form field args held a pickle, which this service never loads")
    assert not (tmp_path / "loaded").exists()
