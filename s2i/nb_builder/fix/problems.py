"""Why `check --fix` writes nothing, or less than a build needs."""

from nb_builder.problems.build_problem import BuildProblem


class FixElsewhere(BuildProblem):
    """`check --fix` is given a git URL."""

    code = "fix-elsewhere"
    exit_status = 2
    what_words = "{named} is not on this machine, so --fix has no file to write to."
    why_words = "Changes written to a temporary clone would be lost with it."
    fix_words = "Clone it yourself, and name the folder: git clone {named}"


class PythonUnusable(BuildProblem):
    """`check --fix` can't query the Python for its installed packages."""

    code = "python-unusable"
    exit_status = 2
    what_words = "{python} can't be queried for its packages: {reason}."
    why_words = "--fix takes the versions from the Python in which the notebook works."
    fix_words = "Name that Python, or the folder of its virtual environment: check --fix --python PATH"


class FixFormat(BuildProblem):
    """`check --fix` does not write this format."""

    code = "fix-format"
    what_words = "{notebook} is {kind}, which --fix does not write."
    why_words = "It writes .ipynb and Python scripts, plain or in '# %%' cells."
    fix_words = "Add this yourself: {text}"


class FixFailed(BuildProblem):
    """The notebook's file can't be written."""

    code = "fix-failed"
    what_words = "{notebook} can't be written: {reason}."
    why_words = "--fix replaces the old file with a new one, and has left the old one as it was."
    fix_words = "Make the folder writable for you, or add this yourself: {text}"


class VersionUnknown(BuildProblem):
    """The notebook imports packages that are not installed where `check --fix` looked."""

    code = "version-unknown"
    what_words = "{notebook} imports {modules}, and {python} has no such package, so --fix knows no version."
    why_words = "The versions are those with which the notebook works; --fix does not invent any."
    fix_words = "Name the Python that has it by --python PATH, or add it with your version: {entries}"


class DeclaredElsewhere(BuildProblem):
    """A file of the repository lists the packages, and lacks some that the notebook imports."""

    code = "declared-elsewhere"
    what_words = "{file} lists the packages for {notebook}, and lacks {entries}."
    why_words = "--fix writes cells of the notebook, and leaves the list in a file to its author."
    fix_words = "Add {entries} to {file}."


class PackageFromFolder(BuildProblem):
    """The notebook imports packages that are installed from a folder outside the repository."""

    code = "package-from-folder"
    what_words = "{notebook} imports {modules}, which {python} has from {folder}."
    why_words = "A build has only the repository, and no index has what is in your own folder."
    fix_words = 'Put the folder, or a wheel of it, into the repository and add its path to requirements: "./{name}"'
