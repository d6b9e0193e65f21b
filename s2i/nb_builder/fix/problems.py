"""Problems that prevent `check --fix` from writing all that a build needs."""

from nb_builder.problems.build_problem import BuildProblem


class FixElsewhere(BuildProblem):
    """`check --fix` was called with a git URL."""

    code = "fix-elsewhere"
    exit_status = 2
    what_text = "{named} is not on this machine, so --fix has no file to write."
    why_text = "Changes in a temporary clone would be lost."
    fix_text = "Clone it yourself, and name the folder: git clone {named}"


class PythonUnusable(BuildProblem):
    """`check --fix` can't list the packages of that Python."""

    code = "python-unusable"
    exit_status = 2
    what_text = "The packages of {python} can't be listed: {reason}."
    why_text = "--fix reads the versions from the Python in which the notebook works."
    fix_text = "Name that Python, or the folder of its virtual environment: check --fix --python PATH"


class FixFormat(BuildProblem):
    """`check --fix` can't write this format."""

    code = "fix-format"
    what_text = "{notebook} is {kind}, which --fix can't write."
    why_text = "It writes .ipynb and Python scripts, plain or with '# %%' cells."
    fix_text = "Add this yourself: {text}"


class FixFailed(BuildProblem):
    """The notebook's file can't be written."""

    code = "fix-failed"
    what_text = "{notebook} can't be written: {reason}."
    why_text = "--fix replaces the file in one step; your file is unchanged."
    fix_text = "Make sure that you can write to the folder, or add this yourself: {text}"


class VersionUnknown(BuildProblem):
    """The notebook imports packages that are not installed where `check --fix` looked."""

    code = "version-unknown"
    what_text = "{notebook} imports {modules}, and {python} has no such package, so --fix can't find out the version."
    why_text = "--fix writes only versions with which the notebook works."
    fix_text = "Name the Python that has the package with --python PATH, or add it with your version: {entries}"


class DeclaredElsewhere(BuildProblem):
    """A file of the repository lists packages, but not all that the notebook imports."""

    code = "declared-elsewhere"
    what_text = "{file} lists the packages for {notebook}, and lacks {entries}."
    why_text = "--fix only changes cells of the notebook, not files."
    fix_text = "Add {entries} to {file}."


class PackageFromFolder(BuildProblem):
    """The notebook imports packages that are installed from a folder outside the repository."""

    code = "package-from-folder"
    what_text = "{notebook} imports {modules}, which {python} has from {folder}."
    why_text = "A build can only see the repository and the package index, not your own folders."
    fix_text = 'Put the folder, or a wheel of it, into the repository and add its path to requirements: "./{name}"'
