"""Problems of signing a model."""

from nb_builder.problems.build_problem import BuildProblem


class SignKeyUnusable(BuildProblem):
    """The model can't be signed, because the key or its certificate is unusable."""

    code = "sign-key-unusable"
    what_text = "{setting}={path} can't be used: {reason}."
    why_text = (
        "The build was asked to sign the model, and services that verify signatures would reject an unsigned one."
    )
    fix_text = (
        "During the build, mount a private EC key in PEM format there, outside the repository and APP_ROOT; create "
        "one with 'openssl ecparam -name prime256v1 -genkey -noout -out signing.key'."
    )
