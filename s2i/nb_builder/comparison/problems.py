"""Why two services can't be compared."""

from nb_builder.problems.build_problem import BuildProblem


class DiffWords(BuildProblem):
    """The arguments of `make diff` are not valid."""

    code = "diff-words"
    exit_status = 2
    what_words = "{reason}."
    why_words = "It needs two services, samples for both, and limits as numbers; none of these is guessed."
    fix_words = (
        "Call it as nb-builder diff my-service:1 my-service:2 golden --max-different 1%; "
        "docs/how-to/compare-two-versions.md explains each word."
    )


class DiffEngine(BuildProblem):
    """An image is to be compared, and there is no engine here to run it."""

    code = "diff-engine"
    what_words = "{name} is no folder here, and no engine can look for an image of that name ({reason})."
    why_words = "Services in images are run side by side by the container engine, on this machine."
    fix_words = (
        "Start the engine, or name another one: DOCKER=podman. Without an engine, name folders that "
        "s2i/bin/assemble has filled (APP_ROOT)."
    )


class DiffMissing(BuildProblem):
    """There is neither an image nor a folder with the given name."""

    code = "diff-missing"
    what_words = "{label}={name}: there is no such image here, and no such folder."
    why_words = "Both sides must exist already; nothing is pulled or built for a comparison."
    fix_words = "Check the name ('docker image ls'), or pull or build it first."


class DiffNoService(BuildProblem):
    """The image or folder has no model that nb-builder made."""

    code = "diff-no-service"
    what_words = "{label}={name} is not a service made by nb-builder: {reason}."
    why_words = "Without a model there is nothing to compare."
    fix_words = (
        "Name an image that 'nb-builder build', s2i, 'nb-builder slim' or 'nb-builder native' has made, or the "
        "APP_ROOT of a local build."
    )


class DiffInputs(BuildProblem):
    """The two services take different samples."""

    code = "diff-inputs"
    what_words = "{old} and {new} take different samples: {reason}."
    why_words = "Answers to the same samples are compared; one of the two would refuse them all."
    fix_words = (
        "Name two versions of one service. If both do take the same samples, give both notebooks one of them in "
        "`examples`: a golden row that both have proves it."
    )


class DiffNoRows(BuildProblem):
    """There is no sample to compare."""

    code = "diff-no-rows"
    what_words = "There is nothing to compare: {reason}."
    why_words = "Without samples, two services that have nothing in common would count as equal."
    fix_words = "Name a file with rows: SAMPLES=samples.csv; docs/how-to/score-files.md says which formats are read."


class DiffNotReady(BuildProblem):
    """One of the two services does not start, or ends during the comparison."""

    code = "diff-not-ready"
    what_words = "{label}={name} {reason}."
    why_words = "Rows without answers say nothing about a version; the log above says what happened."
    fix_words = "Run it alone ('docker run', or s2i/bin/run) until it answers; then compare again."


class DiffUnwritten(BuildProblem):
    """The report can't be written to its destination."""

    code = "diff-unwritten"
    what_words = "The report can't be written to {path}: {reason}."
    why_words = "A comparison without its report is useless."
    fix_words = "Name a file in an existing folder that this user may write to."
