"""Why a model that is one file can't be run: each found before anything of it is unpickled."""

from nb_scorer.common.problem import Problem


class ZipappProblem(Problem):
    """The file can't be run; the subclass says why."""


class ZipappDamaged(ZipappProblem):
    """The file of a model is cut off, was changed, or is another kind of file."""

    code = "zipapp-damaged"

    def __init__(self, path, reason):
        super().__init__(
            what="{} can't be read: {}.".format(path, reason),
            why="All that runs the model comes out of this one file.",
            fix="Copy it again, or make it again with 'nb-builder zipapp'.",
        )


class ZipappKey(ZipappProblem):
    """The file that --key names holds no key that can verify a signature."""

    code = "zipapp-key"

    def __init__(self, path, reason):
        super().__init__(
            what="--key {} can't be used: {}.".format(path, reason),
            why="Without a public key no signature can be verified, and what shall be verified is not run unverified.",
            fix="Name a PEM file with the signer's public key: an EC key of the curve P-256, P-384 or P-521.",
        )


class ZipappUntrusted(ZipappProblem):
    """The file's content is not what a trusted key has signed."""

    code = "zipapp-untrusted"

    def __init__(self, path, reason):
        super().__init__(
            what="{} is not trusted: {}.".format(path, reason),
            why="A model runs code when it is loaded, as packages and modules do when they are imported; so nothing of "
            "this file was installed or loaded.",
            fix="Get the file anew from its signer, or have it signed: 'nb-builder zipapp --key' signs all of it.",
        )


class ZipappPython(ZipappProblem):
    """The model needs a Python that is not here."""

    code = "zipapp-python"

    def __init__(self, wanted, here):
        super().__init__(
            what="The model needs Python {}; this is {}, and there is no python{} on PATH.".format(
                wanted, here, wanted
            ),
            why="A model is loaded by the minor version of Python that saved it: others can crash.",
            fix="Install Python {0}, and run the file with it: python{0} FILE.".format(wanted),
        )


class ZipappEnvironment(ZipappProblem):
    """The environment that the model needs can't be made."""

    code = "zipapp-environment"

    def __init__(self, folder, reason):
        super().__init__(
            what="The model's environment can't be made in {}: {}.".format(folder, reason),
            why="The model runs with the packages that it was built with, which are installed there once.",
            fix="Make room, or name another place by --cache. Where there is no index or no pip, take a file with "
            "packages in it: 'nb-builder zipapp --wheels'.",
        )


class ZipappPort(ZipappProblem):
    """The service can't listen on the port that --serve names."""

    code = "zipapp-port"

    def __init__(self, host, port, reason):
        super().__init__(
            what="{}:{} can't be listened on: {}.".format(host, port, reason),
            why="--serve answers requests of HTTP there.",
            fix="Name another port, or 0 for any that is free.",
        )
