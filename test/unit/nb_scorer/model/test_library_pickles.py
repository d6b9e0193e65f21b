"""Models of libraries that can't be pickled as they are, with stand-ins for the libraries."""

import io
import pickle
import sys
import threading
import types

import pytest
from nb_scorer.kernel import code_places
from nb_scorer.model import library_pickles

KERAS = """\
import threading


class Model:
    def __init__(self):
        self.lock = threading.local()
        self.weights = []

    def to_json(self):
        return "layers"

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights


class Sequential(Model):
    pass


class models:
    @staticmethod
    def model_from_json(layers):
        assert layers == "layers"
        return Sequential()
"""


@pytest.fixture
def library(monkeypatch):
    """Return a function that makes a module of this source and version."""

    def make(name, source, version):
        module = types.ModuleType(name)
        exec(source, vars(module))
        module.__version__ = version
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return make


def copied(value):
    file = io.BytesIO()
    code_places.dump(value, file)
    return pickle.loads(file.getvalue())


def test_a_model_of_keras_2_is_made_again_from_its_layers_and_weights(library):
    keras = library("keras", KERAS, "2.3.1")
    model = keras.Sequential()
    model.weights = [1, 2]
    with pytest.raises(TypeError, match="_thread._local"):
        copied(model)
    library_pickles.let_models_be_pickled()
    again = copied({"model": model})["model"]
    assert type(again) is keras.Sequential and again.weights == [1, 2]


def test_a_model_of_keras_in_tensorflow_is_made_again(library):
    keras = library("tensorflow.keras", KERAS.replace("class models", "class models_"), "2.2")
    tensorflow = library("tensorflow", "", "2.2")
    tensorflow.keras = keras
    keras.models = keras.models_
    for kind in (keras.Model, keras.Sequential):
        kind.__module__ = "tensorflow.python.keras.engine"
    library_pickles.let_models_be_pickled()
    model = keras.Sequential()
    model.weights = [3]
    function, arguments = pickle_form(model)
    assert function(*arguments).weights == [3]


def pickle_form(value):
    reduce = library_pickles.copyreg.dispatch_table[type(value)]
    return reduce(value)


def test_keras_3_and_classes_of_the_notebook_pickle_as_they_say(library):
    library("keras", KERAS, "3.1.0")
    library_pickles.let_models_be_pickled()
    keras = sys.modules["keras"]
    with pytest.raises(TypeError, match="_thread._local"):
        copied(keras.Sequential())
    old = library("keras", KERAS, "2.3.1")
    mine = type("Mine", (old.Model,), {"__module__": "__main__"})
    library_pickles.let_models_be_pickled()
    with pytest.raises(TypeError, match="_thread._local"):
        copied(mine())


def test_a_net_of_skorch_keeps_its_attributes(library):
    source = (
        "class NeuralNet:\n    def __getstate__(self):\n        raise TypeError('a class of the notebook')\n"
        "class NeuralNetClassifier(NeuralNet):\n    pass\n"
    )
    skorch = library("skorch", source, "0.12")
    net = skorch.NeuralNetClassifier()
    net.module_ = [1]
    library_pickles.let_models_be_pickled()
    assert copied(net).module_ == [1]


def test_without_these_libraries_nothing_happens(monkeypatch):
    for name in ("keras", "tensorflow", "skorch"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    before = dict(library_pickles.copyreg.dispatch_table)
    library_pickles.let_models_be_pickled()
    assert library_pickles.copyreg.dispatch_table == before
    with pytest.raises(TypeError):
        copied(threading.local())
