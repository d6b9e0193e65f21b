"""Problems of a repository, its notebook, and the Python that it requires."""

from nb_builder.problems.build_problem import BuildProblem, CellProblem


class SourceMissing(BuildProblem):
    """The folder of the repository does not exist or is empty."""

    code = "source-missing"
    what_text = "There is no repository in {folder}: {state}."
    why_text = "A build reads the repository from the folder that S2I_SRC names."
    fix_text = (
        "Set S2I_SRC to the folder of your repository. With 's2i build', leave it unset, and check that the "
        "repository, its branch and --context-dir contain files: s2i copies them."
    )


class NotebookMissing(BuildProblem):
    """The repository contains no notebook."""

    code = "notebook-missing"
    what_text = "The repository contains no notebook (no file ending in .ipynb), and no script that defines predictor."
    why_text = "The service is built from the notebook, or the script, that defines predictor."
    fix_text = "Commit a notebook, in any folder whose name does not start with a dot."


class NotebookAmbiguous(BuildProblem):
    """Several notebooks define predictor and none was chosen."""

    code = "notebook-ambiguous"
    what_text = "The repository contains {count} notebooks that define predictor, and none is chosen: {names}."
    why_text = "Only one of them can be served, and a guess could serve the wrong one."
    fix_text = (
        "Add the line S2I_SOURCE_NOTEBOOK={example} to .s2i/environment, or name the notebook: '{nb_builder} run "
        "{example}'."
    )


class PredictorNowhere(BuildProblem):
    """There are several notebooks and none of them defines predictor."""

    code = "predictor-nowhere"
    what_text = "The repository contains {count} notebooks, and none of them defines predictor: {names}."
    why_text = "The service calls predictor(sample) for each request, so one of them has to define it."
    fix_text = (
        "Add 'def predictor(x): ...' to the notebook to serve. If it imports predictor or gets it from %run, choose "
        "that notebook, for example with S2I_SOURCE_NOTEBOOK={example}."
    )


class NotebookFormat(BuildProblem):
    """nb-builder can't read the format of the chosen file."""

    code = "notebook-format"
    what_text = "{notebook} is {kind}, which nb-builder can't read."
    why_text = (
        "It reads .ipynb, Python scripts (plain, with cells, marimo, Databricks), and jupytext Markdown, MyST, R "
        "Markdown and Quarto."
    )
    fix_text = "{way}, then build again."


class NotebookUnreadable(BuildProblem):
    """The file violates the notebook format that it declares."""

    code = "notebook-unreadable"
    what_text = "{notebook} can't be read: {reason}."
    why_text = (
        "A marimo notebook must be valid Python, and the header of a Markdown or R Markdown notebook must be YAML."
    )
    fix_text = "Correct it, or open it in the tool that wrote it and save it again; then build again."


class NotebookNotFound(BuildProblem):
    """The chosen notebook does not exist."""

    code = "notebook-not-found"
    what_text = "{setting} names {chosen}, and the repository contains no such notebook."
    why_text = "The repository contains: {names}."
    fix_text = "Correct {setting}; paths are relative to the top of the repository."


class NotebookName(BuildProblem):
    """The notebook's name contains characters that can't be printed."""

    code = "notebook-name"
    what_text = "The path of the notebook, {notebook}, contains characters that can't be printed (shown as escapes)."
    why_text = (
        "Logs, scripts and pages show the path, and a line break or another control character could forge their lines."
    )
    fix_text = "Rename the file or its folder, in UTF-8 and without control characters; then build again."


class FileRefused(BuildProblem):
    """A file that the build reads is a link out of the repository, or not a regular file."""

    code = "file-refused"
    what_text = "{file} was not read: {reason}."
    why_text = (
        "The build only reads files in the repository: the target of such a link does not exist on other machines, "
        "and reading a pipe or a device may never finish."
    )
    fix_text = "Replace {file} with a regular file, or remove it; then build again."


class FileEncoding(BuildProblem):
    """A text file that the build reads is neither UTF-8 nor UTF-16."""

    code = "file-encoding"
    what_text = "{subject} is not {encoding} text."
    why_text = "The build must read it, and would have to guess any other encoding."
    fix_text = "Save {file} as UTF-8, then build again."


class NotebookChosenTwice(BuildProblem):
    """Both settings that choose a notebook are set."""

    code = "notebook-chosen-twice"
    what_text = "S2I_SOURCE_NOTEBOOK ({chosen}) and S2I_SOURCE_NOTEBOOK_LIST ({listed}) are both set."
    why_text = "Only one of them can be set: one names a single notebook, the other several."
    fix_text = "Unset one. To override .s2i/environment, set it to an empty value."


class NotebookNotJson(BuildProblem):
    """The notebook's file is not valid JSON: empty, truncated, or another format."""

    code = "notebook-not-json"
    what_text = "{notebook} is not a readable notebook: its JSON is invalid at line {line} ({reason})."
    why_text = "A notebook is a JSON file; this one is {state}."
    fix_text = "Open it in Jupyter and save it again, or restore it from git, then build again."


class NotebookConflict(BuildProblem):
    """The notebook contains git conflict markers."""

    code = "notebook-conflict"
    what_text = "{notebook} contains git conflict markers (line {line})."
    why_text = "A merge was committed before its conflict in the notebook was resolved."
    fix_text = "Resolve the conflict (for example with 'git checkout --ours' or nbdime), commit, and build again."


class NotebookNotANotebook(BuildProblem):
    """The file is JSON, but not a notebook."""

    code = "notebook-not-a-notebook"
    what_text = "{notebook} is JSON, but not a notebook: {reason}."
    why_text = "A notebook has the keys nbformat, metadata and cells."
    fix_text = "Check that the right file was committed under this name."


class LanguageWrong(BuildProblem):
    """The notebook is written for another language."""

    code = "language-wrong"
    what_text = "{notebook} is written in {language}, not in Python."
    why_text = "Its metadata names the kernel {kernel!r}; nb-builder runs Python 3 notebooks."
    fix_text = "Choose a Python notebook with S2I_SOURCE_NOTEBOOK, or correct the notebook's kernel in Jupyter."


class Python2Code(CellProblem):
    """The notebook contains Python 2 code."""

    code = "python2-code"
    what_text = "{where} is Python 2 code: {reason}."
    why_text = "nb-builder runs notebooks with Python 3.6 or later."
    fix_text = "Convert the notebook to Python 3 (the tool 2to3 does most of it), then build again."


class PythonMissing(BuildProblem):
    """The Python that S2I_PYTHON names is not installed, and the build could not download it."""

    code = "python-missing"
    what_text = "Python {wanted} (S2I_PYTHON) is not installed{reason}."
    why_text = "The notebook's environment is created with that Python. Installed: {found}."
    fix_text = (
        "Install it, allow the download (S2I_PYTHON_DOWNLOADS=auto, and UV_PYTHON_INSTALL_MIRROR for a mirror), set "
        "S2I_PYTHON to an installed one, or use a builder image that includes it ('{nb_builder} builder --pythons "
        "{baked}')."
    )


class SystemPackagesMalformed(BuildProblem):
    """apt.txt or packages.txt contains a line that is not the name of a Debian package."""

    code = "system-packages-malformed"
    what_text = "{where}: {entry!r} is not a valid Debian package name."
    why_text = "apt.txt and packages.txt list system packages, one per line; options and commands are not accepted."
    fix_text = "Correct the line; Python packages belong in 'requirements' or requirements.txt."


class SystemPackageMissing(BuildProblem):
    """The repository requires system packages that are not installed."""

    code = "system-package-missing"
    what_text = "{file} lists system packages that are not installed: {names}"
    why_text = "Only root can install them, and {reason}."
    fix_text = (
        "Use a builder image that includes them ('{nb_builder} builder --apt \"{names}\"'), or run 's2i build "
        "--assemble-user 0 …'; on your own Debian machine, run 'sudo apt-get install {names}'."
    )
