"""Pickling for models of libraries that don't support it: Keras 2 and skorch."""

import copyreg
import importlib
import sys


def let_models_be_pickled():
    """Make cloudpickle save models of the libraries that the notebook has imported."""
    for package, name, reduce in _KINDS:
        kind = None if _is_keras_3(package) else getattr(_module(package), name, None)
        for each in _with_subclasses(kind) if isinstance(kind, type) else ():
            # A subclass in the notebook may not match its configuration, so only the library can decide how to recreate
            # it.
            if each.__module__.split(".")[0] == package.split(".")[0]:
                copyreg.pickle(each, reduce)


def _module(dotted):
    """Return an imported module, or an attribute of one; None if it is not imported."""
    first, _, rest = dotted.partition(".")
    return getattr(sys.modules.get(first), rest, None) if rest else sys.modules.get(first)


def _is_keras_3(package):
    """Return whether this is Keras 3 or later, whose models can be pickled."""
    return package == "keras" and not str(getattr(_module("keras"), "__version__", "")).startswith(("0.", "1.", "2."))


def _with_subclasses(kind):
    return {kind}.union(*(_with_subclasses(each) for each in type.__subclasses__(kind)))


def _reduce_keras(model):
    """Return how to recreate a model, from its layers and weights; the state of training is not saved."""
    return _load_keras, (type(model).__module__.split(".")[0], model.to_json(), model.get_weights())


def _load_keras(package, layers, weights):
    module = importlib.import_module(package)
    models = (module if package == "keras" else module.keras).models
    model = models.model_from_json(layers)
    model.set_weights(weights)
    return model


def _reduce_skorch(net):
    """Return how to recreate a net. skorch's own way refers to the notebook's classes, which a service lacks."""
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
