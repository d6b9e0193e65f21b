"""An explainer answers on its own routes, and its answers do not count as predictions."""

import json

import pytest

from contract.services import module_root, service_by_each_front

CODE = """
weights = [2, 1]

def validator(x):
    return len(x) == 2

def predictor(x):
    return x[0] * weights[0] + x[1] * weights[1]

def explainer(x, *, top: int = 2):
    '''What each number adds.'''
    if x[0] > 100:
        raise ValueError("a bug")
    return [weight * value for weight, value in zip(weights, x)][:top]

examples = [[1, 2], [3, 4]]
"""


root = module_root(CODE)
service = service_by_each_front(S2I_MODEL_NAME="m")


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/explain", [3, 4], [6, 4]),
        ("/explain?top=1", [3, 4], [6]),
        ("/explanations/m", [3, 4], [6, 4]),
        ("/v1/models/m:explain", {"instances": [[3, 4], [1, 0]]}, {"explanations": [[6, 4], [2, 0]]}),
        ("/v1/models/m:explain", {"instances": []}, {"explanations": []}),
    ],
)
def test_each_route_gives_explanations(service, path, body, expected):
    assert service.ask(json.dumps(body), path)[:2] == (200, expected)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/explain", [3], 422),
        ("/explain", [101, 1], 500),
        ("/explain?top=x", [3, 4], 422),
        ("/explain?bottom=1", [3, 4], 400),
        ("/explanations/other", [3, 4], 404),
        ("/v1/models/m:explain", {"instances": [[3]]}, 422),
        ("/v1/models/m:explain", {"inputs": [[3, 4]]}, 400),
        ("/v1/models/other:explain", {"instances": [[3, 4]]}, 404),
    ],
)
def test_what_gets_no_explanation(service, path, body, status):
    answered, answer, _ = service.ask(json.dumps(body), path)
    assert answered == (400 if status == 422 and path.startswith("/v1") else status), answer


def test_explanations_are_not_counted_as_predictions(service):
    service.predict([3, 4])
    before = service.metric("nb_processing_seconds_count")
    service.ask("[3, 4]", "/explain")
    service.predict([3, 4])
    assert service.metric("nb_processing_seconds_count") == before + 1


def test_a_model_without_an_explainer_says_so(start):
    service = start("def predictor(x):\n    return x\n\nexplainer = int\n", S2I_MODEL_NAME="m").ready()
    for path in ("/explain", "/explanations/m", "/v1/models/m:explain"):
        status, answer, _ = service.ask('{"instances": [1]}', path)
        assert (status, "has no explainer" in json.dumps(answer)) == (501, True)
    assert not [path for path in service.ask(None, "/openapi.json", "GET", {})[1]["paths"] if "expla" in path]
