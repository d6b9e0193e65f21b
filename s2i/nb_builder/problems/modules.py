"""Problems of imports in a notebook and in the repository's modules."""

from nb_builder.problems.build_problem import BuildProblem, CellProblem

_WHY = "Only what 'requirements' lists, with its dependencies, is installed for the notebook."

# Where the missing entry belongs, unless `preflight.declaring` determines a better place.
OWN_LIST = "to 'requirements'"


class ImportUndeclared(CellProblem):
    """A cell imports a module that is not installed."""

    code = "import-undeclared"
    what_text = "{where} {needs} '{module}', which is not installed."
    why_text = _WHY
    fix_text = "Add {entries} {place}, with the version that you use{other}, then build again.{caution}"


class ModuleNotOnPath(CellProblem):
    """A cell imports a module of the repository from a folder that Python doesn't search."""

    code = "module-not-on-path"
    what_text = (
        "{where} imports '{module}', which the repository has in {folder}, and Python doesn't search that folder."
    )
    why_text = "Python searches the notebook's folder, and the folders that the notebook adds to sys.path."
    fix_text = "Add 'import sys; sys.path.append({path})' above the import, then build again."


class ImportsUndeclared(BuildProblem):
    """Cells, or modules of the repository, import several modules that are not installed."""

    code = "imports-undeclared"
    what_text = "{notebook} and the modules that it imports need packages that are not installed: {modules}."
    why_text = _WHY
    fix_text = "Fix each import that is listed above{adding}."


class ImportOfSubmodule(CellProblem):
    """A cell imports from a folder of the repository that is an empty git submodule."""

    code = "import-of-submodule"
    what_text = "{where} imports '{module}' from the git submodule {path}, which was not fetched."
    why_text = "git clones a submodule's files only on request."
    fix_text = "Run 'git submodule update --init --recursive', then build that folder."
