"""Problems of native images."""

from nb_builder.problems.build_problem import BuildProblem


class NativeNoService(BuildProblem):
    """The image was not built by nb-builder, or has no model."""

    code = "native-no-service"
    what_text = "This image was not built by nb-builder: it has no {missing}."
    why_text = "A native image is built from a service image, with the model and the Python in it."
    fix_text = (
        "Build the service image first: '{nb_builder} build <folder or git URL> --tag my-service'. Then run "
        "'{nb_builder} native my-service'."
    )


class NativeRefused(BuildProblem):
    """The predictor can't be compiled to a native program."""

    code = "native-refused"
    what_text = "This predictor can't be compiled to a native program: {reason}{place}."
    why_text = (
        "A predictor is translated completely or not at all, so that the program gives predictor's own predictions."
    )
    fix_text = (
        "Write that line differently, or build a slim image with '{nb_builder} slim', which works for every predictor."
    )


class NativeUnproved(BuildProblem):
    """The native program's predictions differ from predictor's."""

    code = "native-unproved"
    what_text = "The native program failed its verification: {reason}."
    why_text = (
        "A native image is only built if the program agrees with predictor on the golden rows and thousands of "
        "other samples."
    )
    fix_text = "Build a slim image with '{nb_builder} slim': it contains predictor itself."


class NativePlatformUnknown(BuildProblem):
    """Native programs can't be built for this platform."""

    code = "native-platform-unknown"
    what_text = "Native programs can't be built for PLATFORM={platform!r}."
    why_text = "The supported platforms are linux/amd64 and linux/arm64."
    fix_text = "Set PLATFORM to one of these, or build a slim image with '{nb_builder} slim'."
