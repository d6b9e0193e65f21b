"""Problems of the notebook's `weights`: the list itself, its sources, and its lock."""

from nb_builder.problems.build_problem import BuildProblem, CellProblem


class WeightsMalformed(CellProblem):
    """The list `weights` can't be read."""

    code = "weights-malformed"
    what_text = "'weights' can't be used ({where}): {reason}."
    why_text = "nb-builder reads the list without running the cell, and fetches its files before the first cell."
    fix_text = (
        'Write it with literals: weights = [["hf://owner/repository@revision", "weights/name"]]; a third element may '
        'be a list of patterns, such as ["*.safetensors", "*.json"]. If it is a list of your own, rename it.'
    )


class WeightsSourceInvalid(CellProblem):
    """A source in the list `weights` is not supported."""

    code = "weights-source-invalid"
    what_text = "A source in 'weights' can't be used ({where}): {reason}."
    why_text = "The build and the service fetch the files from there."
    fix_text = "Use another source: hf://, https://, s3://, gs://, azure://, pvc:// or file://."


class WeightsNotAllowed(CellProblem):
    """A source in the list `weights` is not allowed by S2I_ALLOW_WEIGHTS."""

    code = "weights-not-allowed"
    what_text = "{where} has the source {source}, which S2I_ALLOW_WEIGHTS does not allow."
    why_text = "The person who builds decides where weights may come from. Allowed: {allowed}."
    fix_text = "Use an allowed source, or have it added to S2I_ALLOW_WEIGHTS."


class WeightsLockOutdated(BuildProblem):
    """The repository's weights.lock does not match the list `weights`."""

    code = "weights-lock-outdated"
    what_text = "The repository's weights.lock can't be used: {reason}."
    why_text = "A lock fixes the files that a build uses, so it must list the sources and folders of the notebook."
    fix_text = "Remove weights.lock, build again, and commit the new build/weights.lock as weights.lock."


class WeightsChanged(BuildProblem):
    """A cell changed a file of the weights."""

    code = "weights-changed"
    what_text = "The notebook's cells have changed {files}."
    why_text = "A service loads the file as it was fetched, so it would predict with another one."
    fix_text = "Write to another folder, and leave the files of 'weights' as they are."
