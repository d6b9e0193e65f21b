"""What can go wrong while cells run."""

from nb_builder.problems.build_problem import CellProblem


class CellFailed(CellProblem):
    """A cell raised."""

    code = "cell-failed"
    what_words = "{where} failed: {error}"
    why_words = "Every cell is run from top to bottom in a fresh kernel, and the build stops at the first error."
    fix_words = "Correct what fails, by the lines above{again}; then build again."


class DefinedLater(CellProblem):
    """A cell uses a name that only a cell below it defines."""

    code = "defined-later"
    what_words = "{where} uses '{name}', which is only defined further down: {definition}."
    why_words = "Cells are run once, from top to bottom; in Jupyter they were run in another order."
    fix_words = (
        "Move the definition above its use; 'Restart the kernel and run all' in Jupyter shows whether more is out of "
        "order. Then build again."
    )


class CellSyntax(CellProblem):
    """A cell is not valid Python."""

    code = "cell-syntax"
    what_words = "{where} has a syntax error: {error}"
    why_words = "Every cell of the notebook is run, so every cell must be valid."
    fix_words = "Correct the cell, or make it a Markdown or raw cell if it is not meant to run."


class PackageChanged(CellProblem):
    """A cell failed in an installed package that has changed since the notebook was written."""

    code = "package-changed"
    what_words = "{where} failed in an installed package: {error}"
    why_words = "Unpinned versions are today's, and may have changed since it worked: {unpinned}."
    fix_words = "Build with the packages of a day when it worked: S2I_RESOLVE_AS_OF={date}; or pin their versions."


class SystemPackageNeeded(CellProblem):
    """A cell needs a system library or program that is not here."""

    code = "system-package-needed"
    what_words = "{where} needs {thing}, which is not here: {error}"
    why_words = "That is not a Python package: on Debian it is part of the system package '{package}'."
    fix_words = (
        "Write {package} into apt.txt beside the notebook, and build as root or with an image made by "
        "'make build APT={package}'; on your own machine, 'sudo apt-get install {package}' is enough."
    )


class KernelDied(CellProblem):
    """The process that runs the cells ended."""

    code = "kernel-died"
    what_words = "The kernel died while {where} ran: {reason}"
    why_words = "The process was killed from outside (often for lack of memory) or crashed in compiled code."
    fix_words = "Give the build more memory or the cell less data; the kernel's last output is above."


class CellExits(CellProblem):
    """A cell leaves the interpreter."""

    code = "cell-exits"
    what_words = "{where} calls exit, which would end the kernel."
    why_words = "The cells after it would not run, and predictor could not be saved."
    fix_words = "Remove sys.exit(), exit() or quit() from the notebook, or tag the cell 'skip-execution'."


class CellAsksInput(CellProblem):
    """A cell asks for input."""

    code = "cell-asks-input"
    what_words = "{where} asks for input, and nobody can answer during a build."
    why_words = "A build runs unattended."
    fix_words = "Replace input() by a value or an environment variable: os.environ.get('NAME', 'default')."


class CellTimeout(CellProblem):
    """A cell took longer than allowed."""

    code = "cell-timeout"
    what_words = "{where} ran longer than {seconds:g} seconds and was stopped."
    why_words = "A cell that never ends would block the build forever; s2i itself has no limit."
    fix_words = "Make the cell faster, or raise the limit: S2I_CELL_TIMEOUT=<seconds>."


class NotebookTimeout(CellProblem):
    """All cells together took longer than allowed."""

    code = "notebook-timeout"
    what_words = "{where} was stopped: the notebook's cells may take {seconds:g} seconds together."
    why_words = "S2I_NOTEBOOK_TIMEOUT limits how long a build may run a notebook."
    fix_words = "Make the cells faster, or raise the limit: S2I_NOTEBOOK_TIMEOUT=<seconds>, 0 for none."


class ElsewhereOnly(CellProblem):
    """A cell needs something that only one platform has, such as Google Colab or Windows."""

    code = "elsewhere-only"
    what_words = "{where} needs {thing}, which only {platform} has."
    why_words = "A build and a service run outside {platform}, and no package provides it there."
    fix_words = "{way}, then build again."
