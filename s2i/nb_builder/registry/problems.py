"""Problems when pushing a model to a registry, or pulling one."""

from nb_builder.problems.build_problem import BuildProblem


class ReferenceInvalid(BuildProblem):
    """The name to push to or pull from does not start with a registry."""

    code = "reference-invalid"
    exit_status = 2
    what_text = "{reference!r} is not the name of an artifact in a registry."
    why_text = (
        "nb-builder has no default registry, so the name must start with its host, which contains a dot or a port."
    )
    fix_text = "Write it as registry.example.org/name:tag, or with a digest: registry.example.org/name@sha256:…"


class RegistryFailed(BuildProblem):
    """The registry rejects the request, can't be reached, or does not send the requested content."""

    code = "registry-failed"
    what_text = "{reference}: {reason}."
    why_text = "A push must upload the whole model, and a pulled model must have the requested digest."
    fix_text = (
        "Check the host, the name and the network; 'docker login' stores credentials that are used here, and "
        "REQUESTS_CA_BUNDLE names certificate authorities."
    )
