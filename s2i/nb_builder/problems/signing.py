"""What can keep a model from being signed."""

from nb_builder.problems.build_problem import BuildProblem


class SignKeyUnusable(BuildProblem):
    """The model is to be signed, but the key or its certificate can't be used."""

    code = "sign-key-unusable"
    what_words = "{setting}={path} can't be used: {reason}."
    why_words = "A model that was to be signed and is not would be refused where it is served."
    fix_words = (
        "Mount a private EC key in PEM there while the image is built, outside the repository and APP_ROOT; "
        "docs/how-to/sign-and-verify.md says how to make one."
    )
