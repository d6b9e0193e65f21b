"""The table of routes, and what is derived of it."""

import pytest
from nb_service.http import metrics, routes
from nb_service.http.health import Health


def test_each_route_has_one_row():
    names = [route.name for route in routes.TABLE]
    assert len(set(names)) == len(names) > 40


def test_checks_are_those_that_are_answered_as_such():
    assert {route.path for route in routes.TABLE if route.is_check} == set(Health(lambda: True).paths)
    assert set(metrics.PATHS) <= {route.path for route in routes.TABLE}


@pytest.mark.parametrize(
    ("path", "takes"),
    [
        *((path, True) for path in ("/", "/predict", "/predict/", "/v1/models/m:predict")),
        *((path, True) for path in ("/v2/models/m/infer", "/v2/models/m/versions/3/infer", "/v2/repository/index")),
        *((path, False) for path in ("/healthz", "/metrics", "/predict/batch/x", "/v2/models/m")),
        *((path, False) for path in ("/v2/models/a/b/infer", "/predictor", "/nowhere", "/v2/models//infer")),
    ],
)
def test_paths_that_take_post_take_bodies(path, takes):
    assert (routes.taking_bodies().fullmatch(path) is not None) is takes


def test_the_routes_of_vertex_ai_are_there_if_its_settings_are():
    assert routes.vertex("", "") == []
    assert routes.summaries(routes.vertex("/health", "/ask")) == {
        "GET /health": "200 if the service predicts, else 503 (Vertex AI).",
        "POST /ask": "instances to predictions (Vertex AI).",
    }


@pytest.mark.parametrize(
    ("path", "decoded"),
    [
        ("/predict", "/predict"),
        ("/%70redict%2Fbatch", "/predict/batch"),
        ("/v1/models/m%3apredict", "/v1/models/m:predict"),
        ("/a%2570%20%0a%7f%c3%bc%", "/a%2570%20%0a%7f%c3%bc%"),
    ],
)
def test_a_path_is_decoded_where_that_is_visible(path, decoded):
    assert routes.decoded(path) == decoded
