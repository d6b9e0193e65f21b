"""What can be wrong with a repository, its notebook and the Python it asks for."""

from nb_builder.problems.build_problem import BuildProblem, CellProblem


class SourceMissing(BuildProblem):
    """There is no folder where the repository should be, or it is empty."""

    code = "source-missing"
    what_words = "There is no repository in {folder}: {state}."
    why_words = "A build takes the files of the repository from the folder that S2I_SRC names."
    fix_words = (
        "Set S2I_SRC to the folder of your repository. With 's2i build' leave it unset, and check that the "
        "repository, its branch and --context-dir have files: s2i copies them."
    )


class NotebookMissing(BuildProblem):
    """The repository has no notebook at all."""

    code = "notebook-missing"
    what_words = "The repository has no notebook (no file ending in .ipynb), and no script that defines predictor."
    why_words = "The service is made of the notebook, or the script, that defines predictor."
    fix_words = "Commit one, in any folder whose name does not begin with a dot."


class NotebookAmbiguous(BuildProblem):
    """Several notebooks define predictor and none was chosen."""

    code = "notebook-ambiguous"
    what_words = "The repository has {count} notebooks that define predictor, and none is chosen: {names}."
    why_words = "Only one of them can be served, and guessing could serve the wrong one."
    fix_words = (
        "Write the line S2I_SOURCE_NOTEBOOK={example} into .s2i/environment; 'nb-builder run' takes the path of a "
        "notebook, too, and so does 'make run' as NOTEBOOK."
    )


class PredictorNowhere(BuildProblem):
    """There are several notebooks and none of them defines predictor."""

    code = "predictor-nowhere"
    what_words = "The repository has {count} notebooks, and none of them defines predictor: {names}."
    why_words = "The service calls predictor(sample) for each request, so one of them has to define it."
    fix_words = (
        "Add 'def predictor(x): ...' to the one to serve; one that gets it by an import or %run has to be chosen, "
        "for example with S2I_SOURCE_NOTEBOOK={example}."
    )


class NotebookFormat(BuildProblem):
    """The chosen file is not in a notebook format that can be read here."""

    code = "notebook-format"
    what_words = "{notebook} is {kind}, which is not read here."
    why_words = (
        "These formats are read: .ipynb, Python scripts (plain, in cells, of marimo and Databricks), jupytext's "
        "Markdown, MyST, R Markdown and Quarto."
    )
    fix_words = "{way}, then build again."


class NotebookUnreadable(BuildProblem):
    """The file violates the notebook format that it declares."""

    code = "notebook-unreadable"
    what_words = "{notebook} can't be read: {reason}."
    why_words = "A notebook of marimo is valid Python, and the header of one in Markdown or R Markdown is YAML."
    fix_words = "Correct it, or open it in the tool that wrote it and save it again; then build again."


class NotebookNotFound(BuildProblem):
    """The notebook that was chosen is not there."""

    code = "notebook-not-found"
    what_words = "{setting} names {chosen}, and the repository has no such notebook."
    why_words = "The repository has: {names}."
    fix_words = "Correct {setting}; paths are relative to the top of the repository."


class NotebookName(BuildProblem):
    """The notebook's name has characters that can't be printed."""

    code = "notebook-name"
    what_words = "The path of the notebook, {notebook}, has characters that can't be printed (shown here as escapes)."
    why_words = "Logs, scripts and pages show the path, and a line break or another control character would forge them."
    fix_words = "Rename the file or its folder, in UTF-8 and without control characters; then build again."


class FileRefused(BuildProblem):
    """A file that the build reads itself is a link out of the repository, or no regular file."""

    code = "file-refused"
    what_words = "{file} is not read: {reason}."
    why_words = (
        "What a build reads must be in the repository: another machine does not have the target of such a link, and "
        "reading a pipe or a device may never end."
    )
    fix_words = "Replace {file} by a regular file, or remove it; then build again."


class FileEncoding(BuildProblem):
    """A text file that the build reads is neither UTF-8 nor UTF-16."""

    code = "file-encoding"
    what_words = "{subject} is not {encoding} text."
    why_words = "The build has to read it, and any other encoding would be a guess."
    fix_words = "Save {file} in UTF-8, then build again."


class NotebookChosenTwice(BuildProblem):
    """Both settings that choose a notebook are set."""

    code = "notebook-chosen-twice"
    what_words = "S2I_SOURCE_NOTEBOOK ({chosen}) and S2I_SOURCE_NOTEBOOK_LIST ({listed}) are both set."
    why_words = "One names a single notebook, the other several in their order; they can't both hold."
    fix_words = "Leave one of them out; an empty value counts as left out (and beats .s2i/environment)."


class NotebookNotJson(BuildProblem):
    """The notebook's file is not JSON: empty, cut off, or something else."""

    code = "notebook-not-json"
    what_words = "{notebook} is not a readable notebook: line {line} is where its JSON breaks off ({reason})."
    why_words = "A notebook is a JSON file; this one is {state}."
    fix_words = "Open it in Jupyter and save it again, or restore it from git, then build again."


class NotebookConflict(BuildProblem):
    """The notebook holds git's conflict markers."""

    code = "notebook-conflict"
    what_words = "{notebook} has git conflict markers (line {line})."
    why_words = "A merge was committed before its conflict in the notebook was resolved."
    fix_words = "Resolve the conflict (for example with 'git checkout --ours' or nbdime), commit, build again."


class NotebookNotANotebook(BuildProblem):
    """The file is JSON, but not a notebook."""

    code = "notebook-not-a-notebook"
    what_words = "{notebook} is JSON, but not a notebook: {reason}."
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
    """The Python that S2I_PYTHON names is not installed, and the build could not download it."""

    code = "python-missing"
    what_words = "Python {wanted} (S2I_PYTHON) is not installed{reason}."
    why_words = "The notebook's environment is created with that Python. Installed are: {found}."
    fix_words = (
        "Install it, allow the download (S2I_PYTHON_DOWNLOADS=auto, and UV_PYTHON_INSTALL_MIRROR for a mirror), set "
        "S2I_PYTHON to an installed one, or use a builder image that has it ('nb-builder builder --pythons {baked}')."
    )


class SystemPackagesMalformed(BuildProblem):
    """apt.txt or packages.txt has a line that is not the name of a Debian package."""

    code = "system-packages-malformed"
    what_words = "{where}: {entry!r} is no name of a Debian package."
    why_words = "apt.txt and packages.txt list system packages, one per line; options and commands are not accepted."
    fix_words = "Correct the line; Python packages belong in 'requirements' or requirements.txt."


class SystemPackageMissing(BuildProblem):
    """The repository asks for system packages that are not installed."""

    code = "system-package-missing"
    what_words = "{file} asks for packages of the system that are not here: {names}"
    why_words = "Only root can install them, and {reason}."
    fix_words = (
        "Build with an image made by 'make build APT=\"{names}\"', or by 's2i build --assemble-user 0 …'; "
        "on your own Debian machine, 'sudo apt-get install {names}' is enough."
    )
