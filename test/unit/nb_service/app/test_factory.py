import pytest

from route_contexts import client_of


@pytest.fixture
def client(tmp_path):
    """Return a client of the application without a front, as under any other WSGI server."""
    return client_of(folder=tmp_path, ready=False, max_body=100)


def test_a_sample_is_answered_without_a_front(client):
    response = client.post("/predict", data=b"[1]", content_type="application/json")
    assert (response.status_code, response.data, response.content_type) == (200, b"[1]", "application/json")


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [(b"", "application/json", 400), (b"1", "text/plain", 415), (b"1" * 101, "application/json", 413)],
)
def test_rejections_are_those_of_the_front(client, body, content_type, status):
    response = client.post("/predict", data=body, content_type=content_type)
    assert (response.status_code, response.content_type) == (status, "application/problem+json")


def test_health_is_there_too(client):
    assert client.get("/healthz").status_code == 200
    unready = client.get("/readyz")
    assert (unready.status_code, unready.headers["Retry-After"]) == (503, "1")


def test_every_route_is_named_at_the_root(client):
    rules = {rule.rule for rule in client.application.url_map.iter_rules()}
    # Behind these, the path is the protocol's own to read; the page of a notebook needs one, the export its setting.
    versions = {rule for rule in rules if "<version>" in rule}
    named = {name.split()[1] for name in client.get("/").json["routes"]}
    v1 = {name for name in named if name.startswith("/v1/models/")}
    assert named - v1 - {"/notebook"} == rules - versions - {"/v1/models/<path:rest>", "/model"}


def test_every_answer_names_the_model(client):
    for response in (client.get("/healthz"), client.get("/no"), client.post("/predict", data=b"")):
        headers_of_model = {name: response.headers.get(f"X-Model-{name}") for name in ("Name", "Version", "Commit")}
        assert headers_of_model == {"Name": "half", "Version": "1700000000", "Commit": "abc123"}


def test_no_answer_is_to_be_taken_for_what_it_does_not_say_it_is(client):
    for response in (client.get("/healthz"), client.get("/no"), client.get("/docs")):
        assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_what_takes_too_much_memory_is_413(tmp_path):
    def predict(_):
        raise MemoryError

    response = client_of(predict, tmp_path).post("/predict/batch", json=[1])
    assert (response.status_code, "S2I_APP_MEMORY" in response.json["detail"]) == (413, True)


def test_what_flask_rejects_has_our_shape(client):
    response = client.put("/predict")
    assert (response.status_code, response.content_type) == (405, "application/problem+json")
    assert "POST" in response.headers["Allow"]
    assert client.get("/no").json["detail"] == "There is no route /no; GET / lists the routes."
