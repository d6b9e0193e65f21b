import pytest
from nb_service.http import app, replies
from nb_service.scoring import answer
from nb_service.scoring.answer import Answer


@pytest.fixture
def client():
    """Return a client of the application without the lane, as under any other WSGI server."""
    got = {"S2I_MAX_BODY": 100, "S2I_DEBUG": False}
    health = {"/healthz": lambda: replies.HEALTHY, "/readyz": lambda: replies.UNREADY}
    return app.make_app(lambda body: Answer(answer.OK, body), health, got).test_client()


def test_a_sample_is_answered_without_the_lane(client):
    said = client.post("/predict", data=b"[1]", content_type="application/json")
    assert (said.status_code, said.data, said.content_type) == (200, b"[1]", "application/json")


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [(b"", "application/json", 400), (b"1", "text/plain", 415), (b"1" * 101, "application/json", 413)],
)
def test_refusals_are_those_of_the_lane(client, body, content_type, status):
    said = client.post("/predict", data=body, content_type=content_type)
    assert (said.status_code, said.content_type) == (status, "application/problem+json")


def test_health_is_there_too(client):
    assert client.get("/healthz").status_code == 200
    unready = client.get("/readyz")
    assert (unready.status_code, unready.headers["Retry-After"]) == (503, "1")


def test_every_route_is_named_at_the_root(client):
    rules = {rule.rule for rule in client.application.url_map.iter_rules()}
    assert {name.split()[1] for name in client.get("/").json["routes"]} == rules


def test_what_flask_refuses_has_our_shape(client):
    said = client.put("/predict")
    assert (said.status_code, said.content_type) == (405, "application/problem+json")
    assert "POST" in said.headers["Allow"]
    assert client.get("/no").json["detail"] == "There is no route /no; GET / lists the routes."
