"""What a cell can lack from outside: a file, the network, an environment variable."""

from nb_builder.problems.build_problem import CellProblem


class FileMissing(CellProblem):
    """A cell opens a file that is not there."""

    code = "file-missing"
    what_words = "{where} opens '{path}', and there is no such file."
    why_words = "A relative path begins at the notebook's folder, and capitals count. Python says: {error}."
    fix_words = "{instead}, then build again."


class FileIgnored(CellProblem):
    """A cell opens a file that git leaves out of the repository."""

    code = "file-ignored"
    what_words = "{where} opens '{path}', which {rules} leaves out of the repository (line {number}: {pattern})."
    why_words = "Such a file is on the machine where the notebook was written, and in no clone of the repository."
    fix_words = "Commit it with 'git add --force {path}', or have a cell make or download it; then build again."


class FileIsPointer(CellProblem):
    """A cell fails on a Git LFS file of which only the pointer is there."""

    code = "file-is-pointer"
    what_words = "{where} failed, and '{path}' is a pointer of Git LFS instead of the file: {error}"
    why_words = "In a clone that was made without Git LFS, a few lines of text stand where the content should be."
    fix_words = "Run 'git lfs pull' in a clone and build that folder, or commit the file without LFS."


class GpuMissing(CellProblem):
    """A cell, or predictor, asks for a GPU where there is none."""

    code = "gpu-missing"
    what_words = "{where} asks for a GPU, and there is none here: {error}"
    why_words = "Images are built where there is no GPU; the service may have one, and need not."
    fix_words = (
        "Take a GPU only where there is one, and ask for it when predictor is called: "
        '"cuda" if torch.cuda.is_available() else "cpu"; docs/how-to/serve-on-a-gpu.md has a whole notebook.'
    )


class LanguageDataMissing(CellProblem):
    """A cell needs data for a text library that is downloaded separately."""

    code = "language-data-missing"
    what_words = "{where} needs {thing}, which is not here: {error}"
    why_words = "It is not part of the package: where the notebook was written, it was downloaded once."
    fix_words = (
        "Download it in a cell above: {command}. If one does, its own output above says why that failed; if the "
        "build has no network, commit the data and load it by its path."
    )


class PathOfAnotherMachine(CellProblem):
    """A cell opens a file by a path that only the author's machine has."""

    code = "path-of-another-machine"
    what_words = "{where} opens '{path}', which is a path of another machine."
    why_words = "A build has the repository and what the cells make, and nothing else of the author's disk."
    fix_words = "{instead}, then build again."


class NetworkUnreachable(CellProblem):
    """A cell asks for something that the build can't reach."""

    code = "network-unreachable"
    what_words = "{where} asks for {address}, which can't be reached from the build: {error}"
    why_words = "A build may have no network access, or only through a proxy; the cell itself may be right."
    fix_words = (
        "Commit what it downloads, or give the build network access: cells get HTTP_PROXY, HTTPS_PROXY "
        "and S2I_CA_BUNDLE."
    )


class VariableUnset(CellProblem):
    """A cell needs an environment variable that is not set."""

    code = "variable-unset"
    what_words = "{where} needs the environment variable {name}, which is not set."
    why_words = "A build has the variables of .s2i/environment and of 's2i build -e', and not those of your shell."
    fix_words = "Set it there, or give it a default: os.environ.get('{name}', '…'); then build again."
