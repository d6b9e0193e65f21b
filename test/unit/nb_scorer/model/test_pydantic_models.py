import subprocess
import sys

import pydantic
import pydantic.v1
import pytest
from nb_scorer.model import pydantic_models

SAVE = """
import sys, typing, cloudpickle
from {package} import BaseModel, {check}
from nb_scorer.model import pydantic_models
class Inner(BaseModel):
    size: float
class Outer(BaseModel):
    inner: typing.List[Inner]
    even: typing.Optional[int] = None
    @{check}("even")
    def is_even(cls, value):
        assert value % 2 == 0, "it is odd"
        return value
pydantic_models.let_version_1_be_pickled()
sys.stdout.buffer.write(cloudpickle.dumps(Outer))
"""
LOAD = """
import pickle, sys
kind = pickle.load(sys.stdin.buffer)
from nb_scorer.model.conversion import reader
from nb_scorer.model.misfit import Misfit
print(reader(kind)({"inner": [{"size": "2"}], "even": 2}).inner[0].size)
try:
    reader(kind)({"inner": [], "even": 3})
except Misfit as wrong:
    print(wrong)
"""


@pytest.mark.parametrize(
    ("package", "check", "words"),
    [
        ("pydantic", "field_validator", "even: Assertion failed, it is odd"),
        ("pydantic.v1", "validator", "even: it is odd"),
    ],
)
def test_models_of_a_notebook_are_saved_with_their_checks(package, check, words):
    saved = subprocess.check_output([sys.executable, "-c", SAVE.format(package=package, check=check)])
    output = subprocess.check_output([sys.executable, "-c", LOAD], input=saved)
    assert output.decode().splitlines() == ["2.0", words]


class Model(pydantic.BaseModel):
    size: int = pydantic.Field(alias="Size")
    note: str | None = None


class OldModel(pydantic.v1.BaseModel):
    size: int = pydantic.v1.Field(alias="Size")
    note: str | None = None


class Numbers(pydantic.RootModel[list[int]]):
    pass


class OldNumbers(pydantic.v1.BaseModel):
    __root__: list[int]


@pytest.mark.parametrize("kind", [Model, OldModel])
def test_fields_have_the_names_and_hints_that_json_has(kind):
    assert pydantic_models.fields(kind) == {"Size": (int, True), "note": (str | None, False)}
    assert pydantic_models.root(kind) is None
    assert pydantic_models.dumped(kind(Size=1)) == {"Size": 1, "note": None}


@pytest.mark.parametrize("model", [Numbers([1, 2]), OldNumbers(__root__=[1, 2])])
def test_a_model_of_one_value_is_that_value(model):
    assert pydantic_models.root(type(model)) == list[int]
    assert pydantic_models.dumped(model) == [1, 2]


@pytest.mark.parametrize("kind", [int, dict, type("Estimator", (), {"predict": len}), None])
def test_what_is_not_pydantics_is_known_as_such(kind):
    assert not pydantic_models.is_known(kind)
