"""What can go wrong while a slim image is made."""

from nb_builder.problems.build_problem import BuildProblem


class SlimNoService(BuildProblem):
    """The image to slim was not made by nb-builder, or has no model."""

    code = "slim-no-service"
    what_words = "The image is no service of nb-builder: it has no {missing}."
    why_words = "A slim image is made of the image that 's2i build' made, by what that image holds, its Python too."
    fix_words = "Run 's2i build <git repository> nb-builder my-service' first, then name my-service as SERVICE."


class SlimPythonDiffers(BuildProblem):
    """The image's Python is not the one that the model, or the service, was made with."""

    code = "slim-python-differs"
    what_words = "{python} is {found}, and {wanted} is needed."
    why_words = "The model can only be loaded by the minor version of Python that saved it."
    fix_words = "Build the service image again with 's2i build', on the current builder image; then make it slim."


class SlimKeepUnknown(BuildProblem):
    """S2I_KEEP names a distribution that is not installed."""

    code = "slim-keep-unknown"
    what_words = "S2I_KEEP names {names}, which the image does not have."
    why_words = "A misspelt name would keep nothing and nobody would notice; the image has: {known}."
    fix_words = "Correct the name, or leave it out of S2I_KEEP."


class SlimShellMissing(BuildProblem):
    """S2I_SLIM_BASE=shell is set, and the image is not made of Debian packages."""

    code = "slim-shell-missing"
    what_words = "S2I_SLIM_BASE=shell needs an image of Debian packages, and this image lacks {lacking}."
    why_words = "The shell and its tools are taken from the image, package by package, as dpkg lists them."
    fix_words = "Leave S2I_SLIM_BASE out: an image from scratch needs no packages."


class SlimServiceDiffers(BuildProblem):
    """The service image itself does not answer as its golden rows say."""

    code = "slim-service-differs"
    what_words = "The service image does not answer as it was built to: {difference}"
    why_words = "Before anything is left out, the service answers its golden rows as they were recorded."
    fix_words = (
        "Build it again with 's2i build'; a setting in .s2i/environment meant for another place may be the cause."
    )


class SlimUnproved(BuildProblem):
    """The slim image does not answer as the service image does."""

    code = "slim-unproved"
    what_words = "The slim image is not the same service: {difference}"
    why_words = "An image is only made if, as its final user, it answers every golden row as the notebook did."
    fix_words = "{advice}"


class SlimWrites(BuildProblem):
    """The slim image does not answer where nothing can be written and no other host be asked."""

    code = "slim-writes"
    what_words = "The slim image does not answer with a read-only root and without a network."
    why_words = "That is how it is to be run, so no image is made that has not shown that it can."
    fix_words = (
        "Let predictor write below /tmp, by Python's tempfile, and not beside the notebook, and ask no other host."
    )
