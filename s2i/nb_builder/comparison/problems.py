"""Problems that prevent comparing two services."""

from nb_builder.problems.build_problem import BuildProblem


class DiffWords(BuildProblem):
    """The arguments of `nb-builder diff` are not valid."""

    code = "diff-words"
    exit_status = 2
    what_text = "{reason}."
    why_text = "The command needs two services, samples for both, and limits as numbers."
    fix_text = "For example: {nb_builder} diff my-service:1 my-service:2 golden --max-different 1%."


class DiffEngine(BuildProblem):
    """Comparing an image requires a container engine, and none is available."""

    code = "diff-engine"
    what_text = "{name} is not a folder, and no container engine can look for an image of that name ({reason})."
    why_text = "The engine runs both service images side by side on this machine."
    fix_text = (
        "Start the engine, or name another one: DOCKER=podman. Without an engine, name the folders of local builds "
        "(APP_ROOT)."
    )


class DiffMissing(BuildProblem):
    """There is neither an image nor a folder with the given name."""

    code = "diff-missing"
    what_text = "{label}={name}: there is no such image or folder."
    why_text = "Both services must exist already; the command pulls and builds nothing."
    fix_text = "Check the name ('docker image ls'), or pull or build the image first."


class DiffNoService(BuildProblem):
    """The image or folder contains no model built by nb-builder."""

    code = "diff-no-service"
    what_text = "{label}={name} is not a service built by nb-builder: {reason}."
    why_text = "Only services with a model can be compared."
    fix_text = (
        "Name an image built with '{nb_builder} build', s2i, '{nb_builder} slim' or '{nb_builder} native', or the "
        "APP_ROOT of a local build."
    )


class DiffInputs(BuildProblem):
    """The two services accept different samples."""

    code = "diff-inputs"
    what_text = "{old} and {new} accept different samples: {reason}."
    why_text = "The command compares predictions for the same samples, and one of the services would reject them all."
    fix_text = (
        "Compare two versions of one service. If both accept the same samples, add a sample to `examples` in both "
        "notebooks."
    )


class DiffNoRows(BuildProblem):
    """There is no sample to compare."""

    code = "diff-no-rows"
    what_text = "There is nothing to compare: {reason}."
    why_text = "Without samples, any two services would count as equal."
    fix_text = "Name a file with rows, such as samples.csv."


class DiffNotReady(BuildProblem):
    """One of the two services does not start, or stops during the comparison."""

    code = "diff-not-ready"
    what_text = "{label}={name} {reason}."
    why_text = "Rows without predictions can't be compared; the log above shows the cause."
    fix_text = "Start it alone ('docker run', or '{nb_builder} run') until it responds; then compare again."


class DiffUnwritten(BuildProblem):
    """The report can't be written."""

    code = "diff-unwritten"
    what_text = "The report can't be written to {path}: {reason}."
    why_text = "The report is the result of the comparison."
    fix_text = "Name a file in an existing folder that this user can write to."
