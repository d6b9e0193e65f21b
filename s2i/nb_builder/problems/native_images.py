"""What can go wrong while a native image is made."""

from nb_builder.problems.build_problem import BuildProblem


class NativeNoService(BuildProblem):
    """The image was not made by nb-builder, or has no model."""

    code = "native-no-service"
    what_words = "The image is no service of nb-builder: it has no {missing}."
    why_words = "A native image is made from the image that 's2i build' made, with the model and the Python in it."
    fix_words = "Run 's2i build <git repository> nb-builder my-service' first, then name my-service as SERVICE."


class NativeRefused(BuildProblem):
    """The predictor has no native form."""

    code = "native-refused"
    what_words = "There is no native form of this predictor: {reason}{place}."
    why_words = "A predictor is translated completely or not at all, so that the program answers as predictor does."
    fix_words = (
        "Write that line differently; or make the slim image with 'nb-builder slim', which serves every predictor."
    )


class NativeUnproved(BuildProblem):
    """The program does not answer as predictor does."""

    code = "native-unproved"
    what_words = "The native program is not proved: {reason}."
    why_words = (
        "An image is only made if the program answers as predictor does, for golden rows and thousands of others."
    )
    fix_words = "Make the slim image with 'nb-builder slim': it has predictor itself."


class NativePlatformUnknown(BuildProblem):
    """There are no native programs for a platform."""

    code = "native-platform-unknown"
    what_words = "There are no native programs for PLATFORM={platform!r}."
    why_words = "They are made for linux/amd64 and linux/arm64."
    fix_words = "Set PLATFORM to one of these, or make the slim image with 'nb-builder slim'."
