"""Problems of slim images."""

from nb_builder.problems.build_problem import BuildProblem


class SlimNoService(BuildProblem):
    """The image to slim was not built by nb-builder, or has no model."""

    code = "slim-no-service"
    what_text = "This image was not built by nb-builder: it has no {missing}."
    why_text = "A slim image is derived from a service image and uses the Python in it."
    fix_text = (
        "Build the service image first: '{nb_builder} build <folder or git URL> --tag my-service'. Then run "
        "'{nb_builder} slim my-service'."
    )


class SlimPythonDiffers(BuildProblem):
    """The image's Python differs from the one that built the model, or the service."""

    code = "slim-python-differs"
    what_text = "{python} is {found}, but {wanted} is needed."
    why_text = "Only the minor version of Python that saved a model can load it."
    fix_text = "Build the service image again with the current builder image, then make it slim."


class SlimKeepUnknown(BuildProblem):
    """S2I_KEEP names a distribution that is not installed."""

    code = "slim-keep-unknown"
    what_text = "S2I_KEEP names {names}, which the image does not contain."
    why_text = "A misspelt name would keep nothing. The image contains: {known}."
    fix_text = "Correct the name, or remove it from S2I_KEEP."


class SlimShellMissing(BuildProblem):
    """S2I_SLIM_BASE=shell is set, but the image does not consist of Debian packages."""

    code = "slim-shell-missing"
    what_text = "S2I_SLIM_BASE=shell needs an image with Debian packages, and this image lacks {lacking}."
    why_text = "The shell and its tools are copied from the image, package by package, as listed by dpkg."
    fix_text = "Unset S2I_SLIM_BASE: an image from scratch needs no Debian packages."


class SlimServiceDiffers(BuildProblem):
    """The service image doesn't reproduce its golden rows."""

    code = "slim-service-differs"
    what_text = "The service image does not give the predictions that were recorded in its build: {difference}"
    why_text = "Before any file is left out, the service must give the recorded prediction for each golden row."
    fix_text = "Build the service image again. A setting in .s2i/environment for another machine may be the cause."


class SlimUnproved(BuildProblem):
    """The slim image's predictions differ from the service image's."""

    code = "slim-unproved"
    what_text = "The slim image differs from the service image: {difference}"
    why_text = (
        "A slim image is only built if it gives the notebook's prediction for every golden row, as its final user."
    )
    fix_text = "{advice}"


class SlimWrites(BuildProblem):
    """The slim image fails with a read-only root file system and without a network."""

    code = "slim-writes"
    what_text = "The slim image fails with a read-only root file system and without a network."
    why_text = "Slim images should run that way, so an image that can't is not built."
    fix_text = "In predictor, write only below /tmp (with Python's tempfile), and connect to no other host."
