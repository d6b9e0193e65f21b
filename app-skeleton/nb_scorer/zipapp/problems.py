"""Reasons why a single-file model can't be run, found before any of it is unpickled."""

from nb_scorer.common.problem import WrittenProblem


class ZipappProblem(WrittenProblem):
    """The file can't be run; the subclass describes the reason."""


class ZipappDamaged(ZipappProblem):
    """The model file is truncated, was changed, or is another kind of file."""

    code = "zipapp-damaged"
    what_text = "{path} can't be read: {reason}."
    why_text = "The file contains everything that runs the model."
    fix_text = "Copy it again, or write it again with 'nb-builder zipapp'."

    def __init__(self, path, reason):
        super().__init__(path=path, reason=reason)


class ZipappKey(ZipappProblem):
    """The file that --key names contains no key that can verify a signature."""

    code = "zipapp-key"
    what_text = "--key {path} can't be used: {reason}."
    why_text = "Without a public key the signature can't be verified, so the model is not run."
    fix_text = "Name a PEM file with the signer's public key: an EC key on the curve P-256, P-384 or P-521."

    def __init__(self, path, reason):
        super().__init__(path=path, reason=reason)


class ZipappUntrusted(ZipappProblem):
    """The file differs from the one that a trusted key signed."""

    code = "zipapp-untrusted"
    what_text = "{path} is not trusted: {reason}."
    why_text = (
        "Models, packages and modules run code when they are loaded, so no part of the file was installed or loaded."
    )
    fix_text = "Get the file from its signer again, or ask the signer to sign all of it ('nb-builder zipapp --key')."

    def __init__(self, path, reason):
        super().__init__(path=path, reason=reason)


class ZipappPython(ZipappProblem):
    """The model needs a Python that is not installed."""

    code = "zipapp-python"
    what_text = "The model needs Python {wanted}; this is {here}, and there is no python{wanted} on PATH."
    why_text = "Only the minor version of Python that saved a model can load it; others can crash."
    fix_text = "Install Python {wanted}, and run the file with it: python{wanted} FILE."

    def __init__(self, wanted, here):
        super().__init__(wanted=wanted, here=here)


class ZipappEnvironment(ZipappProblem):
    """The environment that the model needs can't be created."""

    code = "zipapp-environment"
    what_text = "The model's environment can't be created in {folder}: {reason}."
    why_text = "The model runs with the packages that it was built with, which are installed there once."
    fix_text = (
        "Free disk space, or name another folder with --cache. Without a package index or pip, use a file that "
        "contains the packages: 'nb-builder zipapp --wheels'."
    )

    def __init__(self, folder, reason):
        super().__init__(folder=folder, reason=reason)


class ZipappPort(ZipappProblem):
    """The service can't listen on the port that --serve names."""

    code = "zipapp-port"
    what_text = "Can't listen on {host}:{port}: {reason}."
    why_text = "--serve responds to HTTP requests on that port."
    fix_text = "Name another port, or 0 for any free one."

    def __init__(self, host, port, reason):
        super().__init__(host=host, port=port, reason=reason)
