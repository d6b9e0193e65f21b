"""Problems with something that a cell needs from outside: a file, the network, an environment variable."""

from nb_builder.problems.build_problem import CellProblem


class FileMissing(CellProblem):
    """A cell opens a file that does not exist."""

    code = "file-missing"
    what_text = "{where} opens '{path}', and there is no such file."
    why_text = "Paths are relative to the notebook's folder and case-sensitive. Python's error: {error}."
    fix_text = "{instead}, then build again."


class FileIgnored(CellProblem):
    """A cell opens a file that git leaves out of the repository."""

    code = "file-ignored"
    what_text = "{where} opens '{path}', which {rules} leaves out of the repository (line {number}: {pattern})."
    why_text = "Such a file exists where the notebook was written, and in no clone of the repository."
    fix_text = "Commit it with 'git add --force {path}', or create or download it in a cell; then build again."


class FileNotCheckedOut(CellProblem):
    """A cell reads a file that git tracks but the working copy lacks."""

    code = "file-not-checked-out"
    what_text = "{where} reads '{path}', which git tracks, but the working copy does not have it."
    why_text = "The file was deleted, or the clone is a partial or sparse one."
    fix_text = "Restore it with 'git checkout HEAD -- {file}', then build again."


class FileIsPointer(CellProblem):
    """A cell fails on a Git LFS file whose content was not downloaded."""

    code = "file-is-pointer"
    what_text = "{where} failed, and '{path}' is a Git LFS pointer instead of the file: {error}"
    why_text = "A clone that was made without Git LFS contains a few lines of text in place of the content."
    fix_text = "Run 'git lfs pull' in a clone and build that folder, or commit the file without LFS."


class GpuMissing(CellProblem):
    """A cell or predictor requires a GPU, and the build has none."""

    code = "gpu-missing"
    what_text = "{where} requires a GPU, and none is available: {error}"
    why_text = "Builds run without a GPU, even if the service has one."
    fix_text = (
        'Choose the device when predictor is called, and use a GPU only if there is one: "cuda" if '
        'torch.cuda.is_available() else "cpu".'
    )


class LanguageDataMissing(CellProblem):
    """A cell needs data for a text library that is downloaded separately."""

    code = "language-data-missing"
    what_text = "{where} needs {thing}, which is not available: {error}"
    why_text = "The data is not part of the package: it was downloaded once where the notebook was written."
    fix_text = (
        "Download it in a cell above: {command}. If one does, its output above shows why that failed. If the build "
        "has no network, commit the data and load it by its path."
    )


class PathOfAnotherMachine(CellProblem):
    """A cell opens a file by a path that only exists on the author's machine."""

    code = "path-of-another-machine"
    what_text = "{where} opens '{path}', which is a path on another machine."
    why_text = "A build can only see files in the repository and files that cells create."
    fix_text = "{instead}, then build again."


class NetworkUnreachable(CellProblem):
    """A cell connects to an address that the build can't reach."""

    code = "network-unreachable"
    what_text = "{where} connects to {address}, which can't be reached from the build: {error}"
    why_text = "A build may have no network access, or only through a proxy; the cell itself may be right."
    fix_text = (
        "Commit the data that the cell downloads, or give the build network access: cells see HTTP_PROXY, "
        "HTTPS_PROXY and S2I_CA_BUNDLE."
    )


class VariableUnset(CellProblem):
    """A cell needs an environment variable that is not set."""

    code = "variable-unset"
    what_text = "{where} needs the environment variable {name}, which is not set."
    why_text = (
        "A build only sees the variables of .s2i/environment and those passed with '-e', not those of your shell."
    )
    fix_text = "Set it there, or give it a default: os.environ.get('{name}', '…'); then build again."
