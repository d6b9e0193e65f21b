"""Problems that occur while cells run."""

from nb_builder.problems.build_problem import CellProblem


class CellFailed(CellProblem):
    """A cell raised an exception."""

    code = "cell-failed"
    what_text = "{where} failed: {error}"
    why_text = "The build runs every cell from top to bottom in a fresh kernel, and stops at the first error."
    fix_text = "Fix the error in the traceback above{again}, then build again."


class DefinedLater(CellProblem):
    """A cell uses a name that only a later cell defines."""

    code = "defined-later"
    what_text = "{where} uses '{name}', which is only defined further down: {definition}."
    why_text = "Cells run once, from top to bottom; in Jupyter they were run in another order."
    fix_text = (
        "Move the definition above its use. To find other cells in the wrong order, choose 'Restart the kernel and "
        "run all' in Jupyter. Then build again."
    )


class CellSyntax(CellProblem):
    """A cell is not valid Python."""

    code = "cell-syntax"
    what_text = "{where} has a syntax error: {error}"
    why_text = "The build runs every cell of the notebook, so every cell must be valid."
    fix_text = "Correct the cell, or make it a Markdown or raw cell if it should not run."


class PackageChanged(CellProblem):
    """A cell failed in an installed package that has changed since the notebook was written."""

    code = "package-changed"
    what_text = "{where} failed in an installed package: {error}"
    why_text = (
        "Packages without a pinned version are installed in today's version, which may have changed since the "
        "notebook worked: {unpinned}."
    )
    fix_text = "Build with the packages of a day when it worked (S2I_RESOLVE_AS_OF={date}), or pin their versions."


class SystemPackageNeeded(CellProblem):
    """A cell needs a system library or program that is not installed."""

    code = "system-package-needed"
    what_text = "{where} needs {thing}, which is not installed: {error}"
    why_text = "It is not a Python package. On Debian it belongs to the system package '{package}'."
    fix_text = (
        "Add {package} to apt.txt next to the notebook, and build as root or with a builder image that includes it "
        "('{nb_builder} builder --apt {package}'). On your own machine, run 'sudo apt-get install {package}'."
    )


class KernelDied(CellProblem):
    """The process that runs the cells was killed or crashed."""

    code = "kernel-died"
    what_text = "The kernel died while {where} ran: {reason}"
    why_text = "The process was killed (often for lack of memory) or crashed in compiled code."
    fix_text = "Give the build more memory or the cell less data; the kernel's last output is above."


class CellExits(CellProblem):
    """A cell exits the interpreter."""

    code = "cell-exits"
    what_text = "{where} calls exit, which would stop the kernel."
    why_text = "The cells after it would not run, and predictor could not be saved."
    fix_text = "Remove sys.exit(), exit() or quit() from the notebook, or tag the cell 'skip-execution'."


class CellAsksInput(CellProblem):
    """A cell asks for input."""

    code = "cell-asks-input"
    what_text = "{where} asks for input, which is not available during a build."
    why_text = "A build runs unattended."
    fix_text = "Replace input() with a value or an environment variable: os.environ.get('NAME', 'default')."


class CellTimeout(CellProblem):
    """A cell ran longer than allowed."""

    code = "cell-timeout"
    what_text = "{where} ran longer than {seconds:g} seconds and was stopped."
    why_text = "A cell that never finishes would block the build forever; s2i itself has no time limit."
    fix_text = "Make the cell faster (a search: fewer parameters), or raise the limit: S2I_CELL_TIMEOUT=<seconds>."


class NotebookTimeout(CellProblem):
    """All cells together ran longer than allowed."""

    code = "notebook-timeout"
    what_text = "{where} was stopped: the cells of the notebook may run for {seconds:g} seconds in total."
    why_text = "S2I_NOTEBOOK_TIMEOUT limits how long a build may run a notebook."
    fix_text = "Make the cells faster, or raise the limit: S2I_NOTEBOOK_TIMEOUT=<seconds>, or 0 for no limit."


class ElsewhereOnly(CellProblem):
    """A cell needs a module or file that only one platform has, such as Google Colab or Windows."""

    code = "elsewhere-only"
    what_text = "{where} needs {thing}, which only {platform} has."
    why_text = "Builds and services run outside {platform}, and no package provides it there."
    fix_text = "{way}, then build again."
