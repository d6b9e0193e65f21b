"""Why a model can't be pushed to a registry, or pulled from it."""

from nb_builder.problems.build_problem import BuildProblem


class ReferenceInvalid(BuildProblem):
    """The name to push to or pull from does not begin with a registry."""

    code = "reference-invalid"
    exit_status = 2
    what_words = "{reference!r} does not name a place in a registry."
    why_words = "A registry is never guessed, so its host comes first, with a dot or a port in it."
    fix_words = "Name it as registry.example.org/name:tag, or by digest: registry.example.org/name@sha256:…"


class RegistryFailed(BuildProblem):
    """The registry refuses, can't be reached, or sends something other than what was requested."""

    code = "registry-failed"
    what_words = "{reference}: {reason}."
    why_words = "A model is pushed whole, and only content with the requested digest is accepted."
    fix_words = (
        "Check the host, the name and the network; 'docker login' stores credentials that are used here, and "
        "REQUESTS_CA_BUNDLE names certificate authorities."
    )
