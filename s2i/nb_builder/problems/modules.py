"""What can be wrong with the imports of a notebook and of the repository's modules."""

from nb_builder.problems.build_problem import BuildProblem, CellProblem

_WHY = "Only what 'requirements' lists (and what that needs) is installed for the notebook."

# Where what is missing belongs, unless `preflight.declaring` knows better.
OWN_LIST = "to 'requirements'"


class ImportUndeclared(CellProblem):
    """A cell imports a module that is not installed."""

    code = "import-undeclared"
    what_words = "{where} {needs} '{module}', which is not installed."
    why_words = _WHY
    fix_words = "Add {entries} {place}, with the version that you use{other}, then build again."


class ImportsUndeclared(BuildProblem):
    """Cells, or modules of the repository, import several modules that are not installed."""

    code = "imports-undeclared"
    what_words = "{notebook} and the modules that it imports need packages that are not installed: {modules}."
    why_words = _WHY
    fix_words = "Fix each import that is listed above{adding}."


class ImportOfSubmodule(CellProblem):
    """A cell imports from a folder of the repository that is an empty git submodule."""

    code = "import-of-submodule"
    what_words = "{where} imports '{module}' from the git submodule {path}, which was not fetched."
    why_words = "git clones a submodule's files only on request."
    fix_words = "Run 'git submodule update --init --recursive', then build that folder."
