"""Reasons why a model folder can't be served, found before or while its pickle is loaded."""

from nb_scorer.common.problem import WrittenProblem


class ModelProblem(WrittenProblem):
    """The model folder can't be used; the subclass describes the reason."""

    code = "model-problem"


class ModelMissing(ModelProblem):
    """There is no model, or one of its files is missing."""

    code = "model-missing"
    what_text = "The model is missing: {path} does not exist."
    why_text = "A service serves a model that a build wrote."
    fix_text = "Build the notebook first; if the build used another APP_ROOT, set the same one here."

    def __init__(self, path):
        super().__init__(path=path)


class ModelFormatUnknown(ModelProblem):
    """The model was written by another version of nb-builder, or its manifest is damaged."""

    code = "model-format-unknown"
    what_text = "The model has format {saved}, but this service reads formats {supported}."
    why_text = "Another version of nb-builder built it, usually a newer one."
    fix_text = "Serve it with the version that built it or a newer one, or build the notebook again with this version."

    def __init__(self, saved, supported):
        """Store the number in the manifest, or a text about it, and the supported numbers."""
        super().__init__(saved=saved, supported=" and ".join(map(str, supported)))


class ModelPythonDiffers(ModelProblem):
    """The model was saved by another minor version of Python, or another cloudpickle."""

    code = "model-python-differs"
    what_text = "The model was saved with {name} {saved}, but this is {name} {current}."
    why_text = "Another version could crash while it loads the model."
    fix_text = "Serve the model with the environment that it was built in, or build the notebook again."

    def __init__(self, name, saved, current):
        super().__init__(name=name, saved=saved, current=current)


class ModelDamaged(ModelProblem):
    """A file of the model has changed since the build."""

    code = "model-damaged"
    what_text = "{path} has changed since the build (its digest differs)."
    why_text = "A truncated or changed file could give other predictions."
    fix_text = "Build the notebook again, or copy the model folder again."

    def __init__(self, path):
        super().__init__(path=path)


class ModelNotAsSigned(ModelProblem):
    """A file of the model has changed since it was signed."""

    code = "model-not-as-signed"
    what_text = "{path} has changed since it was signed (its digest differs)."
    why_text = "The signature is for other files, and loading an untrusted model would run its code."
    fix_text = "Find out who changed it, and copy the signed model again. If you changed it, sign it again."

    def __init__(self, path):
        super().__init__(path=path)


class ModelNeedsGpu(ModelProblem):
    """Loading the model requires a GPU, and none is available."""

    code = "model-needs-gpu"
    what_text = "The model can't be loaded without a GPU: {error}."
    why_text = "It was saved on a GPU, and CUDA finds no GPU, or no driver for it."
    fix_text = (
        "Give the container a GPU ('docker run --gpus all', or a limit for nvidia.com/gpu), or build the notebook "
        "without a GPU."
    )

    def __init__(self, error):
        super().__init__(error=error)


class ModelLoadFailed(ModelProblem):
    """The model could not be loaded; the original error is in the log."""

    code = "model-load-failed"
    what_text = "The model can't be loaded: {error}."
    why_text = "Loading runs code of the notebook and its packages, which raised this error."
    fix_text = (
        "Read the traceback in the log. If a module is missing, add it to 'requirements' or to the repository, and "
        "build again."
    )

    def __init__(self, error):
        super().__init__(error=error)


class SetupFailed(ModelProblem):
    """The notebook's setup raised an error or took too long in a new scorer."""

    code = "setup-failed"
    what_text = "The notebook's setup failed: {error}."
    why_text = "Each scorer calls setup once before it accepts samples, so the service can't predict without it."
    fix_text = (
        "Read the traceback in the log, and check that the servers that setup connects to can be reached from here. "
        "The service calls it again, with growing pauses."
    )

    def __init__(self, error):
        super().__init__(error=error)
