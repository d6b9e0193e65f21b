"""Why a model folder can't be served: each found before, or while, its pickle is loaded."""

from nb_scorer.common.problem import Problem


class ModelProblem(Problem):
    """The model folder can't be used; the subclass says why."""

    code = "model-problem"


class ModelMissing(ModelProblem):
    """There is no model, or a file of it is missing."""

    code = "model-missing"

    def __init__(self, path):
        super().__init__(
            what="There is no model: {} is missing.".format(path),
            why="A service serves what assemble made of a notebook, and none is here.",
            fix="Build the notebook first ('s2i build', or assemble with the same APP_ROOT).",
        )


class ModelFormatUnknown(ModelProblem):
    """The manifest is another nb-builder version's, or no manifest at all."""

    code = "model-format-unknown"

    def __init__(self, saved, supported):
        """Take the number in the manifest, or a text about it, and the numbers that can be read."""
        super().__init__(
            what="The model has format {}, and this service reads formats {}.".format(
                saved, " and ".join(map(str, supported))
            ),
            why="It was built by another version of nb-builder, probably a newer one.",
            fix="Serve it with the version that built it, or build the notebook again with this version.",
        )


class ModelPythonDiffers(ModelProblem):
    """The model was pickled by another Python minor version, or another cloudpickle."""

    code = "model-python-differs"

    def __init__(self, name, saved, current):
        super().__init__(
            what="The model was saved with {0} {1}, and here is {0} {2}.".format(name, saved, current),
            why="Loading it with another version can crash the process, so it is not tried.",
            fix="Serve it with the environment that it was built in, or build the notebook again.",
        )


class ModelDamaged(ModelProblem):
    """The pickle is not the file that was written."""

    code = "model-damaged"

    def __init__(self, path):
        super().__init__(
            what="{} is not the file that assemble wrote (its digest differs).".format(path),
            why="A file that was cut off or changed could load as something else.",
            fix="Build the notebook again, or copy the model folder again.",
        )


class ModelNotAsSigned(ModelProblem):
    """A file of the model is not the one that was signed."""

    code = "model-not-as-signed"

    def __init__(self, path):
        super().__init__(
            what="{} is not the file that was signed (its digest differs).".format(path),
            why="The signature is right, and stands for other bytes than these; a model runs code when it is loaded.",
            fix="Find out who changed it, and copy the signed model again. Your own change has to be signed anew.",
        )


class ModelNeedsGpu(ModelProblem):
    """Loading the pickle asked for a GPU, and there is none; the error is this one's __cause__."""

    code = "model-needs-gpu"

    def __init__(self, error):
        super().__init__(
            what="The model can't be loaded without a GPU: {}.".format(error),
            why="It was saved where there was a GPU, and CUDA finds none here, or no driver for one.",
            fix="Give the container a GPU ('docker run --gpus all', or a limit of nvidia.com/gpu), or build the "
            "notebook where there is none; docs/how-to/serve-on-a-gpu.md says how a model finds its GPU.",
        )


class ModelLoadFailed(ModelProblem):
    """Loading the pickle raised; the error is this one's __cause__."""

    code = "model-load-failed"

    def __init__(self, error):
        super().__init__(
            what="The model can't be loaded: {}.".format(error),
            why="Loading runs code of the notebook and of its packages, and that raised.",
            fix="Look at the traceback; a module that is missing belongs into 'requirements' or the repository.",
        )
