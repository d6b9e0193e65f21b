"""Every failure that a build can explain: a code and three sentences (what, why, fix).

A class holds the words, with the facts in braces; whoever raises it passes the facts by name. The
page docs/reference/problems.md has a row for each, and each has a fixture in test/fixtures.
"""

from nb_scorer.problem import Problem

from nb_builder.cells import Cell


class BuildProblem(Problem):
    """A failure of a build; `detail` is what goes before it in the log (a traceback, a tool's words)."""

    what_words = why_words = fix_words = ""

    def __init__(self, *, detail: str = "", **facts: object):
        self.facts = facts
        self.detail = detail
        # The author's cell that it is about, and the line in it, as far as that is known.
        self.notebook = facts.get("notebook")
        self.cell: Cell | None = None
        self.line: int | None = None
        words = (self.what_words, self.why_words, self.fix_words)
        super().__init__(*(text.format(**facts) for text in words))

    def at(self, notebook: object, cell: Cell, line: int) -> "BuildProblem":
        """Keep the place that it is about, for those who ask, and return the problem itself."""
        self.notebook, self.cell, self.line = notebook, cell, line
        return self


class CellProblem(BuildProblem):
    """A failure in one cell: `{where}` names it as Jupyter shows it, and its place in the file."""

    def __init__(self, *, cell: Cell, notebook: str, line: int | None = None, traceback: str = "", **facts: object):
        super().__init__(detail=traceback, where=cell.where(notebook, line), notebook=notebook, **facts)
        self.cell, self.line = cell, line


# --- The repository and its notebook -------------------------------------------------------------


class SourceMissing(BuildProblem):
    """There is no folder where the repository should be."""

    code = "source-missing"
    what_words = "There is no repository in {folder}."
    why_words = "assemble takes the repository from the folder that S2I_SRC names; s2i puts it into /tmp/src."
    fix_words = "Run assemble through 's2i build', or set S2I_SRC to the folder of your repository."


class NotebookMissing(BuildProblem):
    """The repository has no notebook at all."""

    code = "notebook-missing"
    what_words = "The repository has no notebook (no file ending in .ipynb)."
    why_words = "The service is made of the notebook (or the script in '# %%' cells) that defines predictor."
    fix_words = "Commit a notebook; for one in a sub-folder give s2i its --context-dir."


class NotebookAmbiguous(BuildProblem):
    """There are several notebooks and none was chosen."""

    code = "notebook-ambiguous"
    what_words = "The repository has {count} notebooks and none is chosen: {names}."
    why_words = "Only one notebook can define predictor, and guessing could serve the wrong one."
    fix_words = "Set S2I_SOURCE_NOTEBOOK={example} (or S2I_SOURCE_NOTEBOOK_LIST) by -e or in .s2i/environment."


class NotebookNotFound(BuildProblem):
    """The notebook that was chosen is not there."""

    code = "notebook-not-found"
    what_words = "{setting} names {chosen}, and the repository has no such notebook."
    why_words = "The repository has: {names}."
    fix_words = "Correct {setting}; paths are relative to the top of the repository."


class NotebookChosenTwice(BuildProblem):
    """Both settings that choose a notebook are set."""

    code = "notebook-chosen-twice"
    what_words = "S2I_SOURCE_NOTEBOOK ({chosen}) and S2I_SOURCE_NOTEBOOK_LIST ({listed}) are both set."
    why_words = "One names a single notebook, the other several in their order; they can't both hold."
    fix_words = "Leave one of them out; an empty value counts as left out (and beats .s2i/environment)."


class NotebookNotJson(BuildProblem):
    """The notebook's file is no JSON: empty, cut off, or something else."""

    code = "notebook-not-json"
    what_words = "{notebook} is not a readable notebook: line {line} is where its JSON breaks off ({reason})."
    why_words = "A notebook is a JSON file; this one is {state}."
    fix_words = "Open it in Jupyter and save it again, or restore it from git, then build again."


class NotebookConflict(BuildProblem):
    """The notebook holds git's conflict markers."""

    code = "notebook-conflict"
    what_words = "{notebook} has git conflict markers (line {line})."
    why_words = "A merge was committed before its conflict in the notebook was settled."
    fix_words = "Settle the conflict (for example with 'git checkout --ours' or nbdime), commit, build again."


class NotebookNotANotebook(BuildProblem):
    """The file is JSON and no notebook."""

    code = "notebook-not-a-notebook"
    what_words = "{notebook} is JSON but no notebook: {reason}."
    why_words = "A notebook has the keys nbformat, metadata and cells."
    fix_words = "Check that the right file was committed under this name."


class LanguageWrong(BuildProblem):
    """The notebook is written for another language's kernel."""

    code = "language-wrong"
    what_words = "{notebook} is a notebook for {language}, not for Python."
    why_words = "Its metadata name the kernel {kernel!r}; nb-builder runs Python 3 notebooks."
    fix_words = "Choose a Python notebook with S2I_SOURCE_NOTEBOOK, or correct the notebook's kernel in Jupyter."


class Python2Code(CellProblem):
    """The notebook's code is Python 2."""

    code = "python2-code"
    what_words = "{where} is Python 2 code: {reason}."
    why_words = "nb-builder runs notebooks with Python 3.6 or later."
    fix_words = "Convert the notebook to Python 3 (the tool 2to3 does most of it), then build again."


class PythonMissing(BuildProblem):
    """The interpreter that was asked for is not there."""

    code = "python-missing"
    what_words = "There is no Python {wanted} here (S2I_PYTHON)."
    why_words = "The notebook's environment is made with an interpreter of this machine; it has: {found}."
    fix_words = "Install that Python, or set S2I_PYTHON to one of these."


# --- The contract ---------------------------------------------------------------------------------


class PredictorMissing(BuildProblem):
    """The notebook defines no `predictor`."""

    code = "predictor-missing"
    what_words = "{notebook} does not define a function called 'predictor'."
    why_words = "The service calls predictor(sample) for each request."
    fix_words = "Add 'def predictor(x): ...' to any cell, then build again."


class NotCallable(BuildProblem):
    """predictor, validator or batch_predictor is something that can't be called."""

    code = "not-callable"
    what_words = "In {notebook} '{name}' is {kind}, which can't be called."
    why_words = "The service calls {name}(...) for each request."
    fix_words = "Make {name} a function: 'def {name}(x): ...'."


class WrongArguments(BuildProblem):
    """predictor, validator or batch_predictor can't be called with one argument."""

    code = "wrong-arguments"
    what_words = "'{name}' can't be called with one argument: {signature}."
    why_words = "The service calls it with the sample, which is all of the JSON that a client sent, and nothing else."
    fix_words = "Take one argument, a list or a dict with all values, or give the other parameters defaults."


class ExampleFails(BuildProblem):
    """predictor or validator does not answer one of the notebook's own examples."""

    code = "example-fails"
    what_words = "Row {number} of 'examples', {sample}, gets no answer: {error}."
    why_words = "The rows of 'examples' prove the service, so predictor must answer each of them."
    fix_words = "Correct the row or predictor; a sample is exactly what a client would send as JSON."


class ParameterUnknown(BuildProblem):
    """S2I_PARAMETERS sets a name that no cell of parameters assigns."""

    code = "parameter-unknown"
    what_words = "S2I_PARAMETERS sets {names}, which the cell tagged 'parameters' does not assign."
    why_words = "A misspelt parameter would change nothing and nobody would notice; the cell assigns: {known}."
    fix_words = "Correct the name, or give the parameter a default in that cell."


# --- Requirements ---------------------------------------------------------------------------------


class RequirementsMalformed(BuildProblem):
    """`requirements` is no list of requirements, or an entry of it can't be read."""

    code = "requirements-malformed"
    what_words = "'requirements' can't be read: {reason}."
    why_words = 'It is a list of [name, version] pairs, for example requirements = [["numpy", "1.26.4"]].'
    fix_words = "Correct it in {notebook}, then build again."


class RequirementIsOption(BuildProblem):
    """An entry of `requirements` would be taken for an option by an installer."""

    code = "requirement-is-option"
    what_words = "The entry {entry!r} of 'requirements' is an option of an installer, not a package."
    why_words = "Options in 'requirements' could change where packages come from, so none is passed on."
    fix_words = "Remove it; an index is set with PIP_INDEX_URL or pip.conf, a constraint with PIP_CONSTRAINT."


class RequirementsNeedPackages(BuildProblem):
    """`requirements` is computed by code that fails where no package is installed yet."""

    code = "requirements-need-packages"
    what_words = "The code that computes 'requirements' in {notebook} fails: {error}."
    why_words = "It runs before any package is installed, so it can use the standard library only."
    fix_words = "Write 'requirements' as a plain list, or compute it with the standard library."


class RequirementsMissing(BuildProblem):
    """The notebook declares nothing and imports packages."""

    code = "requirements-missing"
    what_words = "{notebook} imports {modules}, and nothing says which packages to install."
    why_words = "Only what 'requirements' (or a requirements.txt) lists is installed for the notebook."
    fix_words = "Add a cell, with the versions that you use: requirements = {cell}"


class LockOutdated(BuildProblem):
    """The repository's lock does not give what the notebook asks for."""

    code = "lock-outdated"
    what_words = "The cell asks for {requirement}, and {lock} has {has}."
    why_words = "A lock in the repository is installed exactly as it is, so it must fit 'requirements'."
    fix_words = "Delete {lock} and build again; copy the new build/requirements.lock into the repository."


class WheelMissing(BuildProblem):
    """A pin has no wheel for this Python, and its source can't be built here."""

    code = "wheel-missing"
    what_words = "{pin} has no wheel for Python {python}, and building it from its source failed: {reason}"
    why_words = "Versions of {name} with a wheel for Python {python}: {versions}; {pin} has one for Python {pythons}."
    fix_words = "Pin a version that has a wheel, or build with a Python that {pin} has one for (S2I_PYTHON).{compilers}"


class VersionMissing(BuildProblem):
    """A requirement can't be had: no such package, no such version, or none for this Python."""

    code = "version-missing"
    what_words = "A requirement can't be had for Python {python}: {reason}"
    why_words = "The package index offers nothing that fits; the installer's own words are above."
    fix_words = "Correct the name or the version in 'requirements', or choose another Python with S2I_PYTHON."


class RequirementsConflict(BuildProblem):
    """Two requirements exclude each other."""

    code = "requirements-conflict"
    what_words = "The requirements exclude each other: {reason}"
    why_words = "No set of versions fits all of them."
    fix_words = "Change one of the pins so that they agree."


class IndexUnreachable(BuildProblem):
    """The package index did not answer."""

    code = "index-unreachable"
    what_words = "The package index can't be reached: {reason}"
    why_words = "The requirements are downloaded from it; this is a fault of network or settings, not of the notebook."
    fix_words = "Check the network, PIP_INDEX_URL, the proxy settings and, behind a company proxy, S2I_CA_BUNDLE."


class InstallFailed(BuildProblem):
    """The installer failed for a reason of its own."""

    code = "install-failed"
    what_words = "The requirements could not be installed: {reason}"
    why_words = "{installer} gave up; its own words are above."
    fix_words = "Look for the package that its words name; a version with a wheel for Python {python} often helps."


# --- Running the cells ----------------------------------------------------------------------------


class CellFailed(CellProblem):
    """A cell raised."""

    code = "cell-failed"
    what_words = "{where} failed: {error}"
    why_words = "Every cell is run from top to bottom in a fresh kernel, and the build stops at the first error."
    fix_words = "Restart the kernel in Jupyter, choose 'Run All' and correct what fails; then build again."


class CellSyntax(CellProblem):
    """A cell is no valid Python."""

    code = "cell-syntax"
    what_words = "{where} has a syntax error: {error}"
    why_words = "Every cell of the notebook is run, so every cell must be valid."
    fix_words = "Correct the cell, or make it a Markdown or raw cell if it is not meant to run."


class ImportUndeclared(CellProblem):
    """A cell imports something that is not installed."""

    code = "import-undeclared"
    what_words = "{where} imports '{module}', which is not installed."
    why_words = "Only what 'requirements' lists (and what that needs) is installed for the notebook."
    fix_words = 'Add ["{distribution}", ""] to \'requirements\', with the version that you use, then build again.'


class KernelDied(CellProblem):
    """The process that runs the cells ended."""

    code = "kernel-died"
    what_words = "The kernel died while {where} ran: {reason}"
    why_words = "The process was ended from outside (often for want of memory) or crashed in compiled code."
    fix_words = "Give the build more memory or the cell less data; the last words of the kernel are above."


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
    """A cell took longer than it may."""

    code = "cell-timeout"
    what_words = "{where} ran longer than {seconds:g} seconds and was stopped."
    why_words = "A cell without an end would keep the build busy for ever; s2i itself has no limit."
    fix_words = "Make the cell faster, or raise the limit: S2I_CELL_TIMEOUT=<seconds>."


class NotebookTimeout(CellProblem):
    """All cells together took longer than they may."""

    code = "notebook-timeout"
    what_words = "{where} was stopped: the notebook's cells may take {seconds:g} seconds together."
    why_words = "S2I_NOTEBOOK_TIMEOUT limits how long a build may run a notebook."
    fix_words = "Make the cells faster, or raise the limit: S2I_NOTEBOOK_TIMEOUT=<seconds>, 0 for none."


# --- The model ------------------------------------------------------------------------------------


class NotSerializable(BuildProblem):
    """predictor, validator or batch_predictor can't be pickled."""

    code = "not-serializable"
    what_words = "'{name}' can't be saved: {culprit}."
    why_words = "The service loads {name} from a file, and this can't be written to one ({error})."
    fix_words = "Create it inside {name} (or in a helper that creates it at first use) instead of keeping it global."


class ModelDoesNotLoad(BuildProblem):
    """The model was saved, and a fresh process can't load it or ask it."""

    code = "model-does-not-load"
    what_words = "The saved model does not work in a fresh process: {error}"
    why_words = "The service starts from that file in a new process, where only 'requirements' is installed."
    fix_words = "Look at the last line of the traceback above; a missing module belongs into 'requirements'."


class AnswersDiffer(BuildProblem):
    """A fresh process answers a golden row differently than the notebook did."""

    code = "answers-differ"
    what_words = "For {sample} the notebook answered {expected}, and the saved model answers {got} in a fresh process."
    why_words = (
        "The service would not answer as the notebook does, so predictor depends on something not saved with it."
    )
    fix_words = "Make predictor depend on its argument and on globals that are set before the last cell only."


class BatchDiffers(BuildProblem):
    """batch_predictor does not answer the golden rows as predictor does."""

    code = "batch-differs"
    what_words = "batch_predictor and predictor disagree on golden row {number}, {sample}: {reason}."
    why_words = "A service may answer waiting samples together, and a client must not notice."
    fix_words = "Have batch_predictor(xs) return a list with predictor's answer for each sample, in their order."


class DiskFull(BuildProblem):
    """The disk is full."""

    code = "disk-full"
    what_words = "The disk is full: nothing more can be written to {folder}."
    why_words = "The notebook's packages and the model are written there."
    fix_words = "Free some space or enlarge the volume, then build again; nothing half-made was left behind."
