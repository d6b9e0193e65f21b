"""Pickles for models of libraries that can't be pickled as they are: of Keras 2, and of skorch."""

import copyreg
import importlib
import sys


def let_models_be_pickled():
    """Have cloudpickle save models of the libraries that the notebook has imported."""
    for package, name, reduce in _KINDS:
        kind = None if _is_keras_3(package) else getattr(_module(package), name, None)
        for each in _with_subclasses(kind) if isinstance(kind, type) else ():
            # A subclass of the notebook may not be what its configuration says; the library decides about that one.
            if each.__module__.split(".")[0] == package.split(".")[0]:
                copyreg.pickle(each, reduce)


def _module(dotted):
    """Return a module that is imported, or an attribute of one; None if it is not."""
    first, _, rest = dotted.partition(".")
    return getattr(sys.modules.get(first), rest, None) if rest else sys.modules.get(first)


def _is_keras_3(package):
    """Return whether this is Keras 3 or later, whose models can be pickled."""
    return package == "keras" and not str(getattr(_module("keras"), "__version__", "")).startswith(("0.", "1.", "2."))


def _with_subclasses(kind):
    return {kind}.union(*(_with_subclasses(each) for each in type.__subclasses__(kind)))


def _reduce_keras(model):
    """Return how a model is made again: from its layers and weights. What trains it is not saved."""
    return _load_keras, (type(model).__module__.split(".")[0], model.to_json(), model.get_weights())


def _load_keras(package, layers, weights):
    module = importlib.import_module(package)
    models = (module if package == "keras" else module.keras).models
    model = models.model_from_json(layers)
    model.set_weights(weights)
    return model


def _reduce_skorch(net):
    """Return how a net is made again. Its own way refers to classes of the notebook, which a service does not have."""
    return _load_skorch, (type(net), vars(net))


def _load_skorch(kind, attributes):
    net = kind.__new__(kind)
    vars(net).update(attributes)
    return net


_KINDS = (
    ("keras", "Model", _reduce_keras),
    ("tensorflow.keras", "Model", _reduce_keras),
    ("skorch", "NeuralNet", _reduce_skorch),
)
