"""Loads the model from disk for a scorer, after the checks that must come before unpickling."""

import io
import os
import pickle

# The pickle imports cloudpickle. It is imported here, because the repository, on sys.path later, may have a module of
# that name.
import cloudpickle  # noqa: F401

from nb_scorer.common import gpu_errors, paths
from nb_scorer.common.digests import sha256_of
from nb_scorer.model import json_codec, manifest, verified_file
from nb_scorer.model.manifest import of_predictor
from nb_scorer.model.problems import (
    ModelDamaged,
    ModelLoadFailed,
    ModelMissing,
    ModelNeedsGpu,
    ModelNotAsSigned,
    ModelProblem,
)

# Modules named in pickles of format 1, and where their classes and functions are now.
_MOVED = {
    "nb_scorer.calls": "nb_scorer.model.calls",
    "nb_scorer.functions": "nb_scorer.model.functions",
    "nb_scorer.pydantic_models": "nb_scorer.model.pydantic_models",
    "nb_scorer.readers": "nb_scorer.model.readers",
    "nb_scorer.state_restore": "nb_scorer.model.process_state",
}

__all__ = ["Model", "ModelProblem", "folder_of_notebook", "form_of", "load"]


class Model(object):
    """A notebook's functions, ready to be called, and the model's manifest."""

    def __init__(self, functions, manifest):
        self.predictor = functions["predictor"]
        self.validator = functions["validator"]
        self.batch_predictor = functions["batch_predictor"]
        # Derived from predictor; None if predictor has no batch form.
        self.batch_form = functions.get("batch_form")
        # None if the notebook has none.
        self.explainer = functions.get("explainer")
        # Models of earlier versions have neither.
        self.setup = functions.get("setup")
        self.teardown = functions.get("teardown")
        # The named predictors, each as a separate Model.
        self.predictors = {
            name: Model(each, of_predictor(manifest, name)) for name, each in functions.get("predictors", {}).items()
        }
        self.manifest = manifest

    @property
    def form(self):
        """Return the form of nb_scorer.model.json_codec in which its predictions are encoded."""
        return form_of(self.manifest.get("pandas_labels"))


def form_of(pandas_labels):
    """Return the form of nb_scorer.model.json_codec in which predictions are encoded."""
    return json_codec.LABELLED if pandas_labels else json_codec.BARE


def folder_of_notebook(folder):
    """Return the notebook's folder relative to the repository; raises ModelProblem as `load` does."""
    return manifest.read(folder)["folder"]


def load(folder, digests=None):
    """Return the Model in `folder`, or raise the ModelProblem that explains why it can't be loaded.

    Loading runs code from the file, so call it only for a folder that assemble wrote. Versions and digest are compared
    first, because a wrong version can crash the process instead of raising.

    `digests`, by file name, are those of a verified signature. With them, only bytes with these digests are unpickled,
    even if a file changes meanwhile.
    """
    model_manifest = manifest.read(folder, digests)
    manifest.check_versions(model_manifest)
    path = os.path.join(str(folder), paths.PICKLE)
    try:
        with _opened(path, model_manifest, digests) as file:
            # The file that assemble wrote, with its digest checked.
            saved = _FirstFormat(file).load() if model_manifest["format"] == 1 else pickle.load(file)  # noqa: S301
    except (ModelDamaged, ModelMissing, ModelNotAsSigned):
        raise
    # Unpickling runs code of any library.
    except Exception as error:
        text = "{}: {}".format(type(error).__name__, error)
        if gpu_errors.means_no_gpu(text):
            raise ModelNeedsGpu(text.rstrip(".")) from error
        raise ModelLoadFailed(text) from error
    model = Model(saved, model_manifest)
    if model.predictors:
        # If any predictor can be batched, the pool sends samples together, so each predictor needs a function for that.
        for each in (model, *model.predictors.values()):
            each.batch_predictor = each.batch_predictor if manifest.is_batched(each.manifest) else None
    return model


class _FirstFormat(pickle.Unpickler):
    """Reads pickles of format 1."""

    def find_class(self, module, name):
        """Return the object that the pickle names, from its module's present location."""
        return super().find_class(_MOVED.get(module, module), name)


def _opened(path, model_manifest, digests):
    """Return the pickle as a file to read from; raise ModelNotAsSigned, ModelDamaged or ModelMissing."""
    if digests is not None:
        return verified_file.opened(path, digests.get(paths.PICKLE))
    if digest_of(path) != model_manifest.get("pickle_sha256"):
        raise ModelDamaged(path)
    return io.open(path, "rb")


def digest_of(path):
    """Return a file's SHA-256 in hexadecimal; raise ModelMissing if there is none."""
    try:
        return sha256_of(path)
    except (IOError, OSError):
        raise ModelMissing(path)
