"""Why a model can't be pushed to a registry, or pulled from it."""

from nb_builder.problems.build_problem import BuildProblem


class ReferenceInvalid(BuildProblem):
    """What shall be pushed to or pulled from is not named by its registry."""

    code = "reference-invalid"
    exit_status = 2
    what_words = "{reference!r} names no place in a registry."
    why_words = "A registry is never guessed, so its host comes first, with a dot or a port in it."
    fix_words = "Name it as registry.example.org/name:tag, or by digest: registry.example.org/name@sha256:…"


class RegistryFailed(BuildProblem):
    """The registry refuses, can't be reached, or sends something else than was asked for."""

    code = "registry-failed"
    what_words = "{reference}: {reason}."
    why_words = "A model is pushed whole, and only what has the digest that was asked for is taken."
    fix_words = (
        "Look at the host, the name and the network; 'docker login' makes credentials that are taken here, "
        "and REQUESTS_CA_BUNDLE names certificate authorities."
    )
